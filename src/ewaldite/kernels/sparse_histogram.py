"""Histograms of which only the counts that occur are kept: most voxels hold few."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

Sparse = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint32]]


@numba.njit(nogil=True, cache=True)
def compress(dense: NDArray[np.uint32]) -> Sparse:
    """Keep what is not zero.

    Parameters
    ----------
    dense:
        Pixels by count; dims (voxel, count), uint32.

    Returns
    -------
    :
        First entry of each voxel, and the end; dims (voxel + 1), int64; counts that occur,
        ascending in a voxel; dims (entry), int32; and how many pixels have them; dims (entry),
        uint32.
    """
    n, bins = dense.shape
    first = np.zeros(n + 1, np.int64)
    for v in range(n):
        entries = 0
        for c in range(bins):
            entries += dense[v, c] != 0
        first[v + 1] = first[v] + entries
    count = np.empty(first[n], np.int32)
    number = np.empty(first[n], np.uint32)
    for v in range(n):
        e = first[v]
        for c in range(bins):
            if dense[v, c] != 0:
                count[e] = c
                number[e] = dense[v, c]
                e += 1
    return first, count, number


@numba.njit(nogil=True, cache=True)
def gather(
    first: NDArray[np.int64],
    count: NDArray[np.int32],
    number: NDArray[np.uint32],
    order: NDArray[np.int64],
    group: NDArray[np.int64],
    bins: int,
) -> Sparse:
    """Sum groups of histograms.

    Parameters
    ----------
    first, count, number:
        See :func:`compress`.
    order, group:
        Rows, those of a group one after another, dims (row), and the place of each group's
        first, and the end; dims (group + 1).
    bins:
        Counts are below.

    Returns
    -------
    :
        One histogram a group, as :func:`compress` gives them.
    """
    groups = group.size - 1
    out_first = np.zeros(groups + 1, np.int64)
    out_count = np.empty(count.size, np.int32)
    out_number = np.empty(count.size, np.uint32)
    pool = np.zeros(bins, np.uint32)
    e = 0
    for g in range(groups):
        if group[g + 1] - group[g] == 1:
            r = order[group[g]]
            for i in range(first[r], first[r + 1]):
                out_count[e] = count[i]
                out_number[e] = number[i]
                e += 1
        else:
            for k in range(group[g], group[g + 1]):
                r = order[k]
                for i in range(first[r], first[r + 1]):
                    pool[count[i]] += number[i]
            for c in range(bins):
                if pool[c] != 0:
                    out_count[e] = c
                    out_number[e] = pool[c]
                    pool[c] = 0
                    e += 1
        out_first[g + 1] = e
    return out_first, out_count[:e], out_number[:e]
