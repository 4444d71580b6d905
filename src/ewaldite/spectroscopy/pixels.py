"""Pixels of a cut, with their weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.kernels.cut_tables import PixelTable
from ewaldite.spectroscopy.backend import Backend

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_SNAP = 1e-9  # 1/Å


@dataclass(frozen=True)
class Pixels:
    """What a cut needs of the pixels, with their weights.

    Attributes
    ----------
    k_f:
        Final wavevector at tank angle 0, its vertical part 0 where it is below 1e-9 1/Å;
        dims (pixel, xyz), 1/Å.
    table:
        E_f (meV), N_b k_f, relative variance of its own; dims (pixel, 3).
    group:
        Which pixels share errors; dims (pixel), int64.
    modes:
        Relative errors of the groups, a column a cause; dims (group, mode).
    """

    k_f: FloatArray
    table: FloatArray
    group: IntArray
    modes: FloatArray

    @cached_property
    def columns(self) -> PixelTable:
        """What kernels take of it."""
        weight = self.table[:, 1]
        inverse = np.zeros_like(weight)
        np.divide(1.0, weight, out=inverse, where=weight > 0)
        return PixelTable(self.k_f, self.table, inverse)


def pixels(direction: ArrayLike, k_f: ArrayLike, final_energy: ArrayLike, b: Backend) -> Pixels:
    """Pixels of an instrument.

    Parameters
    ----------
    direction:
        From the sample to the point of reflection at tank angle 0; dims (pixel, xyz).
    k_f, final_energy:
        dims (pixel), 1/Å and meV.
    b:
        Efficiency of the same pixels in the same order.

    Returns
    -------
    :
        The pixels.
    """
    size = np.asarray(k_f, dtype=np.float64)
    vector = np.asarray(direction, dtype=np.float64) * size[:, None]
    vector[:, 1] = np.where(np.abs(vector[:, 1]) < _SNAP, 0.0, vector[:, 1])
    table = np.stack([np.asarray(final_energy, np.float64), b.value * size, b.own], axis=1)
    return Pixels(np.ascontiguousarray(vector), table, b.group, b.modes)
