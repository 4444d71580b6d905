"""Asymmetric unit of a Laue group, for many voxels.

All arithmetic is in whole numbers. A voxel's centre is ``(2 j + offset) / (2 n)``. An integer
matrix, the operation in units of the grid, takes its numerators ``2 j + offset`` to those
of its image; another takes them to the reference setting and one denominator, which
suffices since the conditions are homogeneous.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]


@numba.njit(nogil=True, cache=True)
def in_asu(rule: int, h: int, k: int, l: int) -> bool:
    """Whether a point of the reference setting is in the asymmetric unit.

    The ten conditions are those of CCP4 (Winn et al. 2011), as in gemmi's ``ReciprocalAsu``.
    """
    if rule == 0:  # -1
        return l > 0 or (l == 0 and (h > 0 or (h == 0 and k >= 0)))
    if rule == 1:  # 2/m
        return k >= 0 and (l > 0 or (l == 0 and h >= 0))
    if rule == 2:  # mmm
        return h >= 0 and k >= 0 and l >= 0
    if rule == 3:  # 4/m, 6/m
        return l >= 0 and ((h >= 0 and k > 0) or (h == 0 and k == 0))
    if rule == 4:  # 4/mmm, 6/mmm
        return h >= k and k >= 0 and l >= 0
    if rule == 5:  # -3
        return (h >= 0 and k > 0) or (h == 0 and k == 0 and l >= 0)
    if rule == 6:  # -31m
        return h >= k and k >= 0 and (k > 0 or l >= 0)
    if rule == 7:  # -3m1
        return h >= k and k >= 0 and (h > k or l >= 0)
    if rule == 8:  # m-3
        return h >= 0 and ((l >= h and k > h) or (l == h and k == h))
    return k >= l and l >= h and h >= 0  # m-3m


@numba.njit(nogil=True, cache=True)
def to_asu(
    index: IntArray,
    offset: IntArray,
    operations: IntArray,
    to_reference: IntArray,
    rule: int,
) -> tuple[IntArray, NDArray[np.int8]]:
    """Map voxels into the asymmetric unit by the first operation that leads there.

    Parameters
    ----------
    index:
        Voxel indices; dims (voxel, 3), int64.
    offset:
        Added to twice the index; dims (3), int64.
    operations:
        Operations on numerators, as row vectors; dims (operation, 3, 3), int64.
    to_reference:
        Operations from numerators to the reference setting; same dims.
    rule:
        Number of the condition.

    Returns
    -------
    :
        Index in the asymmetric unit, dims (voxel, 3), int64; number of the operation, -1
        where none leads there, dims (voxel), int8.
    """
    out = np.empty_like(index)
    number = np.full(index.shape[0], -1, np.int8)
    o0, o1, o2 = offset[0], offset[1], offset[2]
    for i in range(index.shape[0]):
        x = 2 * index[i, 0] + o0
        y = 2 * index[i, 1] + o1
        z = 2 * index[i, 2] + o2
        for op in range(operations.shape[0]):
            t = to_reference[op]
            h = x * t[0, 0] + y * t[1, 0] + z * t[2, 0]
            k = x * t[0, 1] + y * t[1, 1] + z * t[2, 1]
            l = x * t[0, 2] + y * t[1, 2] + z * t[2, 2]
            if in_asu(rule, h, k, l):
                m = operations[op]
                number[i] = op
                out[i, 0] = (x * m[0, 0] + y * m[1, 0] + z * m[2, 0] - o0) >> 1
                out[i, 1] = (x * m[0, 1] + y * m[1, 1] + z * m[2, 1] - o1) >> 1
                out[i, 2] = (x * m[0, 2] + y * m[1, 2] + z * m[2, 2] - o2) >> 1
                break
    return out, number


@numba.njit(nogil=True, cache=True)
def distinct_images(index: IntArray, offset: IntArray, operations: IntArray) -> IntArray:
    """Count the distinct images of voxels: order of the group over that of the stabilizer.

    Parameters are those of :func:`to_asu`; result dims (voxel), int64.
    """
    out = np.empty(index.shape[0], np.int64)
    for i in range(index.shape[0]):
        x = 2 * index[i, 0] + offset[0]
        y = 2 * index[i, 1] + offset[1]
        z = 2 * index[i, 2] + offset[2]
        same = 0
        for op in range(operations.shape[0]):
            m = operations[op]
            if (
                x * m[0, 0] + y * m[1, 0] + z * m[2, 0] == x
                and x * m[0, 1] + y * m[1, 1] + z * m[2, 1] == y
                and x * m[0, 2] + y * m[1, 2] + z * m[2, 2] == z
            ):
                same += 1
        out[i] = operations.shape[0] // same
    return out


@numba.njit(nogil=True, cache=True)
def count_asu(
    low: IntArray,
    high: IntArray,
    offset: IntArray,
    n: IntArray,
    metric: NDArray[np.float64],
    basis: IntArray,
    rule: int,
    width: float,
    s_max: float,
) -> IntArray:
    """Count the voxels of the asymmetric unit in shells of the length of s.

    Parameters
    ----------
    low, high:
        First and last index to look at; dims (3), int64.
    offset, rule:
        As in :func:`to_asu`.
    n:
        Subdivisions; dims (3), int64.
    metric:
        Reciprocal metric tensor; dims (3, 3), 1/Å².
    basis:
        From numerators to the reference setting; dims (3, 3), int64.
    width, s_max:
        Width of a shell and largest length of s, 1/Å.

    Returns
    -------
    :
        dims (shell), int64; the last shell ends at or above ``s_max``, which it includes.
    """
    counts = np.zeros(max(int(np.ceil(s_max / width - 1e-9)), 1), np.int64)
    for i in range(low[0], high[0] + 1):
        a = 2 * i + offset[0]
        x = a / (2.0 * n[0])
        for j in range(low[1], high[1] + 1):
            b = 2 * j + offset[1]
            y = b / (2.0 * n[1])
            for k in range(low[2], high[2] + 1):
                c = 2 * k + offset[2]
                z = c / (2.0 * n[2])
                h = a * basis[0, 0] + b * basis[1, 0] + c * basis[2, 0]
                kk = a * basis[0, 1] + b * basis[1, 1] + c * basis[2, 1]
                l = a * basis[0, 2] + b * basis[1, 2] + c * basis[2, 2]
                if not in_asu(rule, h, kk, l):
                    continue
                s2 = (
                    metric[0, 0] * x * x
                    + metric[1, 1] * y * y
                    + metric[2, 2] * z * z
                    + 2 * (metric[0, 1] * x * y + metric[0, 2] * x * z + metric[1, 2] * y * z)
                )
                s = np.sqrt(max(s2, 0.0))
                if s <= s_max:
                    counts[min(int(s / width), counts.size - 1)] += 1
    return counts
