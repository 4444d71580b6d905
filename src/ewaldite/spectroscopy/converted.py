"""Converted events, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ewaldite.model.experiment import FloatArray


@dataclass(frozen=True)
class Converted:
    """Converted events.

    Attributes
    ----------
    columns:
        As :func:`~ewaldite.kernels.events.convert_events` describes them; dims (column, event).
    row:
        Row of the pixel in the instrument, -1 for none; dims (event), int32.
    flags:
        Masks by bit; dims (event), uint32.
    """

    columns: FloatArray
    row: NDArray[np.int32]
    flags: NDArray[np.uint32]

    def __len__(self) -> int:
        return int(self.row.size)

    @property
    def time_at_sample(self) -> FloatArray:
        """After the source pulse, unwrapped; dims (event), s."""
        return np.asarray(self.columns[0])

    @property
    def k_i(self) -> FloatArray:
        """Incident wavenumber; dims (event), 1/Å."""
        return np.asarray(self.columns[1])

    @property
    def time(self) -> FloatArray:
        """When it was scattered, from the start of the run; dims (event), s."""
        return np.asarray(self.columns[2])

    @property
    def a3(self) -> FloatArray:
        """Angle of the sample then, offset included; dims (event), degrees."""
        return np.asarray(np.rad2deg(self.columns[3]))

    @property
    def a4(self) -> FloatArray:
        """Angle of the tank then; dims (event), degrees."""
        return np.asarray(np.rad2deg(self.columns[4]))

    @property
    def energy_transfer(self) -> FloatArray:
        """E_i - E_f; dims (event), meV."""
        return np.asarray(self.columns[5])

    @property
    def A4(self) -> FloatArray:
        """Scattering angle; dims (event), degrees."""
        return np.asarray(np.rad2deg(self.columns[6]))

    @property
    def q_lab(self) -> FloatArray:
        """Momentum transfer in the laboratory; dims (xyz, event), 1/Å."""
        return np.asarray(self.columns[7:10])

    @property
    def q_table(self) -> FloatArray:
        """Momentum transfer on the sample table; dims (xyz, event), 1/Å."""
        return np.asarray(self.columns[10:13])

    @property
    def hkl(self) -> FloatArray:
        """Dims (hkl, event), r.l.u.; not a number without a crystal."""
        return np.asarray(self.columns[13:16])
