"""How well each pixel counts: N_b, the backend's efficiency."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.errors import UserError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_KEPT = 0.99


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
    modes:
        Relative errors that pixels share, each column one standard deviation of one independent
        cause; dims (pixel, mode), float64.
    unit:
        ``"meV*sr"`` from vanadium of known amount, else ``"dimensionless"``.
    """

    detector_number: IntArray
    value: FloatArray
    own: FloatArray
    modes: FloatArray
    unit: str = "dimensionless"

    @classmethod
    def ones(cls, detector_number: ArrayLike) -> Backend:
        """No vanadium: all pixels are alike and have no error."""
        number = np.asarray(detector_number, dtype=np.int64)
        n = number.size
        return cls(number, np.ones(n), np.zeros(n), np.zeros((n, 0)))

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
        return Backend(wanted, value, self.own[row], self.modes[row], self.unit)


def common_modes(covariance_root: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Few modes in place of many common causes.

    Pixels of one arc have nearly one final energy, so the readings of the vanadium run's
    monitor move them together. The principal components that hold all but a hundredth of the
    variance are kept; what is left is handed back pixel by pixel, so that nothing is lost.

    Parameters
    ----------
    covariance_root:
        Matrix R with covariance R Rᵀ; dims (pixel, cause).

    Returns
    -------
    modes:
        dims (pixel, mode), float64.
    rest:
        Variance that the modes do not hold; dims (pixel), float64.
    """
    root = np.asarray(covariance_root, dtype=np.float64)
    if not root.size or not np.any(root):
        return np.zeros((root.shape[0], 0)), np.zeros(root.shape[0])
    # eigenvectors of the small matrix RᵀR; the large one has thousands of rows
    power, turned = np.linalg.eigh(root.T @ root)
    order = np.argsort(power)[::-1]
    share = np.cumsum(power[order]) / power.sum()
    modes = root @ turned[:, order[: int(np.searchsorted(share, _KEPT)) + 1]]
    rest = np.maximum((root**2).sum(axis=1) - (modes**2).sum(axis=1), 0.0)
    return modes, rest
