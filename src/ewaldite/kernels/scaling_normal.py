"""Normal matrix of coarse functions by which terms of scaling take one another's place."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.scaling import DOSE, A, B, C
from ewaldite.kernels.scaling_terms import UNIT, Places

FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]


@numba.njit(nogil=True, cache=True)
def plane_lengths(
    places: Places,
    f: SingleArray,
    batch: NDArray[np.int16],
    length: SingleArray,
    every: int,
    first: NDArray[np.int64],
    plane: int,
    out: FloatArray,
) -> None:
    """Sum information, and information times the length of s, on the nodes of a plane of a.

    Parameters
    ----------
    places, f:
        Places, derivatives of :func:`ewaldite.kernels.scaling.linearise`.
    batch, length:
        Batch and length of s of the observations; dims (observation).
    every:
        Only every so many observations are looked at.
    first, plane:
        First coefficient of a in each batch, dims (batch); number of nodes in a plane.
    out:
        Grows; dims (batch, node, 2), float64.
    """
    at, part, step = places.a, places.a_part, places.step
    for i in range(0, f.shape[0], every):
        x, y = part[i, 0] * UNIT, part[i, 1] * UNIT
        low = (at[i] - first[batch[i]]) % plane
        weight = f[i, A] * f[i, A]
        for k in range(4):
            one, two = k & 1, k >> 1
            w = weight * (x if one else 1.0 - x) * (y if two else 1.0 - y)
            node = out[batch[i], low + one * step[0] + two * step[1]]
            node[0] += w
            node[1] += w * length[i]


@numba.njit(nogil=True, cache=True)
def add_normal(
    places: Places,
    f: SingleArray,
    batch: NDArray[np.int16],
    every: int,
    level: NDArray[np.int64],
    beyond: FloatArray,
    first_column: NDArray[np.int64],
    first: NDArray[np.int64],
    plane: int,
    radial: FloatArray,
    shape: tuple[int, int, int],
    first_c: NDArray[np.int64],
    band: FloatArray,
) -> None:
    """Add ``JᵀJ`` of every so many observations, times that number.

    On every level of the rotation there are the functions: b, the dose term, c on each node of
    the length of s, and a on rings.

    Parameters
    ----------
    places, f, batch, every, first, plane:
        As in :func:`plane_lengths`.
    level, beyond:
        Level below each observation that is looked at, and the way from there to the next in
        parts of a step; dims (observation that is looked at).
    first_column:
        First column of each batch; dims (batch).
    radial:
        Values of the rings at the nodes of a plane; dims (batch, node, ring), float64.
    shape:
        Numbers of b and of dose terms (0 or 1), and of nodes of c along the length of s.
    first_c:
        First coefficient of c in each batch; dims (batch).
    band:
        Grows; see :mod:`ewaldite.kernels.band`.
    """
    has_b, has_dose, lengths = shape
    rings = radial.shape[2]
    each = has_b + has_dose + lengths + rings
    column, value = np.empty(2 * (4 + rings), np.int64), np.empty(2 * (4 + rings))
    step = places.step
    for i in range(0, f.shape[0], every):
        if f[i, C] == 0.0:
            continue
        j = batch[i]
        n = 0
        for up in range(2):
            share = beyond[i // every] if up else 1.0 - beyond[i // every]
            if share == 0.0:
                continue
            start = first_column[j] + (level[i // every] + up) * each
            if has_b:
                column[n], value[n] = start, share * f[i, B]
                n += 1
            if has_dose:
                column[n], value[n] = start + has_b, share * f[i, DOSE]
                n += 1
            start += has_b + has_dose
            x = places.c_part[i, 0] * UNIT
            node = (places.c[i] - first_c[j]) % lengths
            column[n], value[n] = start + node, share * (1.0 - x) * f[i, C]
            n += 1
            if x > 0.0:
                column[n], value[n] = start + node + 1, share * x * f[i, C]
                n += 1
            start += lengths
            if rings > 0:
                x, y = places.a_part[i, 0] * UNIT, places.a_part[i, 1] * UNIT
                low = (places.a[i] - first[j]) % plane
                one, two = low + step[0], low + step[1]
                for m in range(rings):
                    bottom = (1.0 - x) * radial[j, low, m] + x * radial[j, one, m]
                    top = (1.0 - x) * radial[j, two, m] + x * radial[j, two + step[0], m]
                    r = (1.0 - y) * bottom + y * top
                    if r != 0.0:
                        column[n], value[n] = start + m, share * f[i, A] * r
                        n += 1
        for k in range(n):
            scaled = every * value[k]
            for m in range(n):
                if column[m] >= column[k]:
                    band[column[k], column[m] - column[k]] += scaled * value[m]
