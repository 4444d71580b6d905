"""Normal matrix of the terms of scaling that lie along the rotation, as a band."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.scaling import DOSE, A, B, C
from ewaldite.kernels.scaling_terms import UNIT, Places

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Nodes of b, the dose term, c and a at an observation
_MOST = 16


@numba.njit(nogil=True, cache=True)
def _entries(
    places: Places,
    f: NDArray[np.float32],
    i: int,
    rank: IntArray,
    column: IntArray,
    value: FloatArray,
) -> int:
    """Columns and derivatives of observation i; returns their number."""
    qa, ya, qb, yb, qc, yc, _, _, qe, ye, step = places
    n = 0
    if qb.size > 0:
        x = yb[i, 0] * UNIT
        for k in range(2):
            column[n] = rank[qb[i] + k * step[3]]
            value[n] = f[i, B] * (x if k else 1.0 - x)
            n += 1
    if qe.size > 0:
        x = ye[i, 0] * UNIT
        for k in range(2):
            column[n] = rank[qe[i] + k * step[8]]
            value[n] = f[i, DOSE] * (x if k else 1.0 - x)
            n += 1
    if qc.size > 0:
        x, z = yc[i, 0] * UNIT, yc[i, 1] * UNIT
        for k in range(4):
            column[n] = rank[qc[i] + (k & 1) * step[4] + (k >> 1) * step[5]]
            value[n] = f[i, C] * (x if k & 1 else 1.0 - x) * (z if k >> 1 else 1.0 - z)
            n += 1
    if qa.size > 0:
        x, y, z = ya[i, 0] * UNIT, ya[i, 1] * UNIT, ya[i, 2] * UNIT
        for k in range(8):
            one, two, three = k & 1, (k >> 1) & 1, k >> 2
            column[n] = rank[qa[i] + one * step[0] + two * step[1] + three * step[2]]
            plane = (x if one else 1.0 - x) * (y if two else 1.0 - y)
            value[n] = f[i, A] * plane * (z if three else 1.0 - z)
            n += 1
    return n


@numba.njit(nogil=True, cache=True)
def add_normal(
    places: Places, f: NDArray[np.float32], every: int, rank: IntArray, band: FloatArray
) -> None:
    """Add ``JᵀJ`` of every so many observations, times that number.

    Parameters
    ----------
    places, f:
        Places, derivatives of :func:`ewaldite.kernels.scaling.linearise`.
    every:
        Only every so many observations are looked at.
    rank:
        Column of each coefficient; dims (coefficient), int64.
    band:
        Lower half, element (i, j) at ``[j, i - j]``; dims (column, distance), float64; grows.
        What lies further apart is left out.
    """
    column, value = np.empty(_MOST, np.int64), np.empty(_MOST)
    for i in range(0, f.shape[0], every):
        if f[i, C] == 0.0:
            continue
        n = _entries(places, f, i, rank, column, value)
        for j in range(n):
            scaled = every * value[j]
            for k in range(n):
                distance = column[k] - column[j]
                # nodes beyond the border coincide with those on it, and count on both sides
                if distance >= band.shape[1]:
                    continue
                if distance > 0 or (distance == 0 and k >= j):
                    twice = 2.0 if distance == 0 and k > j else 1.0
                    band[column[j], distance] += twice * scaled * value[k]
