"""How well each pixel counts: N_b, the backend's efficiency."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.errors import UserError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Pixels whose final energies lie within this share the errors of the flux there, meV.
GROUP_WIDTH = 0.03


@dataclass(frozen=True)
class Backend:
    """``N_b = ε ΔΩ ΔE_f`` of pixels, with its errors.

    Attributes
    ----------
    detector_number:
        dims (pixel), int64.
    value:
        N_b, 0 where the pixel takes no part; dims (pixel), float64, in ``unit``.
    own:
        Relative variance that no other pixel shares; dims (pixel), float64.
    group:
        Which pixels share errors; dims (pixel), int64.
    modes:
        Relative errors that the pixels of a group share, each column one standard deviation of
        one independent cause; dims (group, mode), float64.
    unit:
        ``"meV*sr"`` from vanadium of known amount, else ``"dimensionless"``.
    """

    detector_number: IntArray
    value: FloatArray
    own: FloatArray
    group: IntArray
    modes: FloatArray
    unit: str = "dimensionless"

    @classmethod
    def ones(cls, detector_number: ArrayLike) -> Backend:
        """No vanadium: all pixels are alike and have no error."""
        number = np.asarray(detector_number, dtype=np.int64)
        n = number.size
        return cls(number, np.ones(n), np.zeros(n), np.zeros(n, np.int64), np.zeros((1, 0)))

    def of(self, detector_number: ArrayLike, keep: ArrayLike | None = None) -> Backend:
        """Rows for given pixels, by their number.

        Parameters
        ----------
        detector_number:
            dims (pixel), int.
        keep:
            Pixels that take part; dims (pixel); all if None.

        Returns
        -------
        :
            Same order as ``detector_number``; a pixel without N_b takes no part.

        Raises
        ------
        UserError
            If none has it.
        """
        wanted = np.asarray(detector_number, dtype=np.int64)
        order = np.argsort(self.detector_number)
        at = np.searchsorted(self.detector_number, wanted, sorter=order)
        row = order[np.minimum(at, order.size - 1)]
        known = self.detector_number[row] == wanted
        if keep is not None:
            known &= np.asarray(keep, dtype=np.bool_)
        value = np.where(known, self.value[row], 0.0)
        if not np.any(value > 0):
            raise UserError(
                "normalise by the efficiency of the pixels",
                "no pixel of the run has one",
                "Give a vanadium run of the same detectors, or loosen the masks.",
            )
        return replace(
            self,
            detector_number=wanted,
            value=value,
            own=self.own[row],
            group=self.group[row],
        )


@dataclass(frozen=True)
class Shared:
    """Errors that pixels share, by groups.

    Attributes
    ----------
    group:
        dims (pixel), int64.
    modes:
        dims (group, mode), float64.
    rest:
        Variance of a pixel that its group does not hold; dims (pixel), float64.
    """

    group: IntArray
    modes: FloatArray
    rest: FloatArray


def shared_errors(
    final_energy: ArrayLike, root: ArrayLike | Callable[[IntArray], FloatArray]
) -> Shared:
    """Few common causes in place of many readings of a monitor.

    Pixels of one arc have nearly one final energy, so the readings of the vanadium run's
    monitor move them together. Pixels within 0.03 meV form a group that has their mean error;
    what a pixel differs from it is handed back, so that nothing is lost. The covariance of the
    groups is turned to its principal axes.

    Parameters
    ----------
    final_energy:
        dims (pixel), meV.
    root:
        Relative errors R with covariance R Rᵀ; dims (pixel, reading); or what gives the rows of
        some pixels, where all would be large.

    Returns
    -------
    :
        Groups and their errors.
    """
    energy = np.asarray(final_energy, dtype=np.float64)
    rows_of = root if callable(root) else _rows_of(np.asarray(root, dtype=np.float64))
    _, group = np.unique(np.floor(energy / GROUP_WIDTH), return_inverse=True)
    order = np.argsort(group, kind="stable")
    rest, means = np.zeros(energy.size), []
    for members in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        errors = rows_of(members)
        means.append(errors.mean(axis=0))
        rest[members] = ((errors - means[-1]) ** 2).sum(axis=1)
    mean = np.array(means)
    power, axes = np.linalg.eigh(mean @ mean.T)
    kept = power > 1e-9 * max(float(power.max(initial=0.0)), 1e-300)
    modes = axes[:, kept] * np.sqrt(power[kept])
    return Shared(group.astype(np.int64), np.ascontiguousarray(modes), rest)


def _rows_of(root: FloatArray) -> Callable[[IntArray], FloatArray]:
    return lambda rows: np.asarray(root[rows])
