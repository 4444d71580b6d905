"""Which cells of pixel and incident energy a branch lights: the loop that takes the time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ewaldite.simulate.compiled import compiled

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Widths of the branch beyond which nothing is counted.
_REACH = 7.0


@compiled
def _cells(
    k_final: FloatArray,
    energy: FloatArray,
    scale: FloatArray,
    k_i: FloatArray,
    incident: FloatArray,
    flux: FloatArray,
    to_hkl: FloatArray,
    branch: FloatArray,
    pixel: IntArray,
    cell: IntArray,
    rate: FloatArray,
) -> int:
    """Fill the cells of a branch while there is room, and count them."""
    gap, height, width, strength = branch[0], branch[1], branch[2], branch[3]
    peak = strength / (width * np.sqrt(2.0 * np.pi))
    found = 0
    for p in range(k_final.shape[0]):
        h0 = -(k_final[p, 0] * to_hkl[0, 0] + k_final[p, 2] * to_hkl[2, 0])
        l0 = -(k_final[p, 0] * to_hkl[0, 2] + k_final[p, 2] * to_hkl[2, 2])
        lowest = energy[p] + gap - _REACH * width
        highest = energy[p] + gap + 2.0 * height + _REACH * width
        first = np.searchsorted(incident, lowest)
        for c in range(first, np.searchsorted(incident, highest)):
            h, m = h0 + k_i[c] * to_hkl[2, 0], l0 + k_i[c] * to_hkl[2, 2]
            # sin² πh + sin² πl
            wave = 1.0 - 0.5 * (np.cos(2.0 * np.pi * h) + np.cos(2.0 * np.pi * m))
            x = (incident[c] - energy[p] - gap - height * wave) / width
            if abs(x) > _REACH:
                continue
            if found < rate.size:
                pixel[found], cell[found] = p, c
                rate[found] = scale[p] * flux[c] * peak * np.exp(-0.5 * x * x)
            found += 1
    return found


def branch_cells(
    k_final: FloatArray,
    energy: FloatArray,
    scale: FloatArray,
    k_i: FloatArray,
    incident: FloatArray,
    flux: FloatArray,
    to_hkl: FloatArray,
    branch: FloatArray,
) -> tuple[IntArray, IntArray, FloatArray]:
    """Cells of pixel and incident energy that a branch lights.

    Parameters
    ----------
    k_final:
        Final wavevector with the tank turned; dims (pixel, xyz), 1/Å.
    energy, scale:
        Final energy (meV) and factor of the rate; dims (pixel).
    k_i, incident, flux:
        Wavenumber (1/Å), energy (ascending, meV) and factor of the rate; dims (cell).
    to_hkl:
        Indices of unit vectors of the laboratory; dims (xyz, hkl), Å.
    branch:
        Gap, height and width (meV) and strength of the branch.

    Returns
    -------
    :
        Pixel, cell and expected counts of each; dims (lit cell).
    """
    given = (k_final, energy, scale, k_i, incident, flux, np.ascontiguousarray(to_hkl), branch)
    room = k_final.shape[0] * 50
    while True:
        pixel, cell = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int64)
        rate = np.empty(room)
        size = _cells(*given, pixel, cell, rate)
        if size <= room:
            return pixel[:size], cell[:size], rate[:size]
        room = size
