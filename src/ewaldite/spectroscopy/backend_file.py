"""The efficiency of the pixels as a file: ``vanadium.nxs``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.errors import UserError
from ewaldite.io.nexus import load
from ewaldite.spectroscopy.backend import Backend
from ewaldite.spectroscopy.instrument import Instrument

FloatArray = NDArray[np.float64]

KIND = "efficiency of pixels from vanadium"
#: Final energies that differ by more are of another instrument, or differently calibrated, meV.
SAME_ENERGY = 0.01
#: And scattering angles, degrees.
SAME_ANGLE = 0.1


@dataclass(frozen=True)
class Efficiency:
    """Efficiency of pixels, with where they are.

    Attributes
    ----------
    backend:
        N_b and its errors.
    final_energy, A4:
        Of the same pixels, the tank at zero; dims (pixel), meV and degrees.
    """

    backend: Backend
    final_energy: FloatArray
    A4: FloatArray

    def check(self, instrument: Instrument, name: str) -> tuple[str, ...]:
        """See whether it is of the same instrument.

        Parameters
        ----------
        instrument:
            Of the run that is normalised.
        name:
            Of the run, for the message.

        Returns
        -------
        :
            What a user should know.

        Raises
        ------
        UserError
            If no pixel is the same, or pixels of the same number are elsewhere.
        """
        order = np.argsort(self.backend.detector_number)
        sorted_ = self.backend.detector_number[order]
        at = np.minimum(np.searchsorted(sorted_, instrument.detector_number), order.size - 1)
        known = sorted_[at] == instrument.detector_number
        row = order[at[known]]
        for what, own, other, most in (
            ("final energy", instrument.final_energy, self.final_energy, SAME_ENERGY),
            ("A4", instrument.A4, self.A4, SAME_ANGLE),
        ):
            off = np.abs(own[known] - other[row])
            if np.any(off > most):
                worst = int(np.argmax(off))
                raise UserError(
                    f"normalise {name} by the efficiency from vanadium",
                    f"{what} of detector number {instrument.detector_number[known][worst]} is "
                    f"{own[known][worst]:.4f} in the run and {other[row][worst]:.4f} there",
                    "Reduce the vanadium run anew, with the [calibration] of this run.",
                )
        lost = int(np.count_nonzero(~known))
        return (f"{lost} pixels of {name} are not in the vanadium file",) if lost else ()


def to_scipp(
    efficiency: Efficiency,
    *,
    columns: dict[str, tuple[FloatArray, str]],
    masks: dict[str, NDArray[np.bool_]],
    instrument: Instrument,
) -> sc.DataGroup[Any]:
    """Efficiency as named arrays.

    Parameters
    ----------
    efficiency:
        The efficiency.
    columns:
        What else there is of every pixel, with its unit; dims (pixel).
    masks:
        Pixels that take no part, by the reason; dims (pixel).
    instrument:
        Says which pixel is where.

    Returns
    -------
    :
        ``N_b`` with its whole variance, NaN where masked; ``independent`` the relative variance
        that a pixel shares with no other; ``common`` the relative covariance of groups of
        pixels as its root: one column a cause, one standard deviation each; ``group`` the group
        of a pixel; and the columns. dims (pixel), and (group, mode) of ``common``.
    """
    b = efficiency.backend
    shared = (b.modes[b.group] ** 2).sum(axis=1)
    absent = ~(b.value > 0)
    coords = {
        "detector_number": sc.array(dims=["pixel"], values=b.detector_number, unit=None),
        **{
            name: sc.array(dims=["pixel"], values=getattr(instrument, name), unit=None)
            for name in ("arc", "channel", "tube")
        },
        "position_in_tube": sc.array(dims=["pixel"], values=instrument.pixel, unit=None),
        "final_energy": sc.array(dims=["pixel"], values=efficiency.final_energy, unit="meV"),
        "A4": sc.array(dims=["pixel"], values=efficiency.A4, unit="deg"),
    }
    n_b = sc.DataArray(
        sc.array(
            dims=["pixel"],
            values=np.where(absent, np.nan, b.value),
            variances=np.where(absent, np.nan, b.value**2 * (b.own + shared)),
            unit=b.unit,
        ),
        coords=coords,
        masks={name: sc.array(dims=["pixel"], values=mask) for name, mask in masks.items()},
    )
    return sc.DataGroup(
        {
            "kind": KIND,
            "N_b": n_b,
            "independent": sc.array(dims=["pixel"], values=b.own),
            "group": sc.array(dims=["pixel"], values=b.group, unit=None),
            "common": sc.array(dims=["group", "mode"], values=b.modes),
            **{
                name: sc.array(dims=["pixel"], values=values, unit=unit)
                for name, (values, unit) in columns.items()
            },
        }
    )


def read_efficiency(path: Path) -> Efficiency:
    """Read what :func:`to_scipp` made.

    Raises
    ------
    UserError
        If the file cannot be read or is of another kind.
    """
    data = load(path)
    if not isinstance(data, sc.DataGroup) or data.get("kind") != KIND:
        raise UserError(
            f"read the efficiency of pixels from {path}",
            "it is another result",
            "Give the raw file of a vanadium run, or the vanadium.nxs that was made of one.",
        )
    n_b = data["N_b"]
    value = np.nan_to_num(n_b.values)
    backend = Backend(
        n_b.coords["detector_number"].values,
        value,
        data["independent"].values,
        data["group"].values,
        data["common"].values,
        str(n_b.unit),
    )
    return Efficiency(backend, n_b.coords["final_energy"].values, n_b.coords["A4"].values)
