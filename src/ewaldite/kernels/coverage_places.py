"""Where pixels and incident wavenumbers lie in the bins of a cut, many at a time."""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.cut_rows import ENERGY, INVERSE, LENGTH, LOW
from ewaldite.kernels.cut_tables import BinTable, FluxTable, ViewTable
from ewaldite.kernels.cut_walk import BLOCK

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@numba.njit(nogil=True, cache=True)
def window(
    a: FloatArray,
    offset: FloatArray,
    rows: FloatArray,
    number: IntArray,
    energy: float,
    k2: float,
    low: float,
    high: float,
) -> tuple[float, float]:
    """Narrow a range of incident wavenumber to where rows of one term are inside.

    Parameters
    ----------
    a, offset:
        Coefficient of k_i and part of k_f; dims (row).
    rows, number:
        Table of rows; dims (row, column), (row).
    energy:
        Final energy, meV.
    k2:
        ħ²/2m, meV Å².
    low, high:
        1/Å.

    Returns
    -------
    :
        Lower and upper end, 1/Å; lower above upper where nothing is inside.
    """
    for r in range(number.size):
        if rows[r, LENGTH] != 0.0:
            continue
        bottom = rows[r, LOW] + offset[r]
        top = bottom + number[r] / rows[r, INVERSE]
        if rows[r, ENERGY] == 0.0:
            if a[r] == 0.0:
                if not (bottom <= 0.0 < top):
                    return 1.0, 0.0
                continue
            first, second = bottom / a[r], top / a[r]
        elif a[r] == 0.0:
            scale = 1.0 / rows[r, ENERGY]
            first = math.sqrt(max((bottom * scale + energy) / k2, 0.0))
            second = math.sqrt(max((top * scale + energy) / k2, 0.0))
        else:
            continue
        low = max(low, min(first, second))
        high = min(high, max(first, second))
    return low, high


@numba.njit(nogil=True, cache=True)
def interval_range(
    edge: FloatArray,
    a: FloatArray,
    offset: FloatArray,
    energy: float,
    k2: float,
    rows: FloatArray,
    number: IntArray,
) -> tuple[int, int]:
    """First interval that may be in the cut (see :func:`window`), and the one after the last.

    Parameters
    ----------
    edge:
        Edges of the intervals, ascending; dims (edge), 1/Å.
    a, offset, energy, k2, rows, number:
        As in :func:`window`.
    """
    low, high = window(a, offset, rows, number, energy, k2, edge[0], edge[-1])
    if low > high:
        return 0, 0
    # a cell more on each side: the window is rounded
    first = max(int(np.searchsorted(edge, low)) - 2, 0)
    return first, min(int(np.searchsorted(edge, high)) + 1, edge.size - 1)


@numba.njit(nogil=True, cache=True)
def place_edges(
    k: FloatArray,
    a: FloatArray,
    offset: FloatArray,
    energy: float,
    along: float,
    k2: float,
    rows: FloatArray,
    start: FloatArray,
    end: FloatArray,
) -> None:
    """Coordinates in bins of one pixel at several incident wavenumbers.

    Parameters
    ----------
    k:
        dims (edge), 1/Å.
    a, offset:
        Coefficient of k_i, and part of k_f; dims (row).
    energy, along:
        E_f (meV), and part of k_f along the beam (1/Å).
    k2:
        ħ²/2m, meV Å².
    rows:
        Table of rows; dims (row, column).
    start, end:
        Result: all edges, and all but the first; dims (row, edge).
    """
    square, n = energy / k2, k.size - 1
    for r in range(a.size):
        slope, b = a[r], offset[r]
        low, inverse, c, d = rows[r, LOW], rows[r, INVERSE], rows[r, ENERGY], rows[r, LENGTH]
        for m in range(n + 1):
            x = slope * k[m] - b + c * (k2 * k[m] * k[m] - energy)
            start[r, m] = (x - low) * inverse
        if d != 0.0:
            for m in range(n + 1):
                length = math.sqrt(max(k[m] * k[m] + square - 2.0 * k[m] * along, 0.0))
                start[r, m] += d * length * inverse
        for m in range(n):
            end[r, m] = start[r, m + 1]


@numba.njit(nogil=True, cache=True)
def place_pixels(
    k: float,
    a: FloatArray,
    b: FloatArray,
    beam: FloatArray,
    k_f: FloatArray,
    k2: float,
    rows: FloatArray,
    places: FloatArray,
) -> None:
    """Coordinates in bins of several pixels at one incident wavenumber.

    Parameters
    ----------
    k:
        1/Å.
    a, b, beam:
        Coefficients of k_i and k_f, and the beam; dims (row), (row, xyz), (xyz).
    k_f:
        Final wavevectors, and E_f (meV); dims (xyz energy, pixel).
    k2, rows:
        As in :func:`place_edges`.
    places:
        Result; dims (row, pixel).
    """
    x, y, z, energy = k_f[0], k_f[1], k_f[2], k_f[3]
    for r in range(a.size):
        slope, bx, by, bz = a[r], b[r, 0], b[r, 1], b[r, 2]
        low, inverse, c, d = rows[r, LOW], rows[r, INVERSE], rows[r, ENERGY], rows[r, LENGTH]
        for p in range(x.size):
            offset = bx * x[p] + by * y[p] + bz * z[p]
            u = slope * k - offset + c * (k2 * k * k - energy[p])
            places[r, p] = (u - low) * inverse
        if d != 0.0:
            for p in range(x.size):
                along = beam[0] * x[p] + beam[1] * y[p] + beam[2] * z[p]
                length = math.sqrt(max(k * k + energy[p] / k2 - 2.0 * k * along, 0.0))
                places[r, p] += d * length * inverse


@numba.njit(nogil=True, cache=True)
def block_limits(
    k_f: FloatArray, flux: FluxTable, views: ViewTable, grid: BinTable, k2: float
) -> IntArray:
    """First interval that blocks of pixels may have in the cut, and the one after the last.

    Parameters
    ----------
    k_f:
        Blocks of what :func:`place_pixels` takes; dims (block, xyz energy, pixel).
    flux, views, grid, k2:
        The cut; see :mod:`ewaldite.kernels.cut_tables`; ħ²/2m, meV Å².

    Returns
    -------
    :
        dims (view, block, 2), int64.
    """
    blocks = k_f.shape[0]
    limits = np.zeros((views.step.size, blocks, 2), np.int64)
    rows, number = grid.rows, grid.number
    offset = np.empty(number.size)
    for v in range(views.step.size):
        j = views.step[v]
        n = flux.cells[j]
        if n == 0:
            continue
        edge = flux.edges[flux.edge_of[j] : flux.edge_of[j] + n + 1]
        for b in range(blocks):
            least, greatest = math.inf, -math.inf
            for p in range(BLOCK):
                for r in range(number.size):
                    offset[r] = (
                        views.kf[v, r, 0] * k_f[b, 0, p]
                        + views.kf[v, r, 1] * k_f[b, 1, p]
                        + views.kf[v, r, 2] * k_f[b, 2, p]
                    )
                low, high = window(
                    views.ki[v], offset, rows, number, k_f[b, 3, p], k2, edge[0], edge[-1]
                )
                if low <= high:
                    least, greatest = min(least, low), max(greatest, high)
            if least <= greatest:
                # a cell more on each side: the window is rounded
                limits[v, b, 0] = max(int(np.searchsorted(edge, least)) - 2, 0)
                limits[v, b, 1] = min(int(np.searchsorted(edge, greatest)) + 1, int(n))
    return limits
