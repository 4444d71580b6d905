"""The voxels around a voxel."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.voxel_table import pack_all


def ball_offsets(window: float | tuple[int, int, int]) -> NDArray[np.int64]:
    """List the steps from a voxel to its neighbours, itself among them.

    Parameters
    ----------
    window:
        Radius of a ball in voxels, ``dh² + dk² + dl² <= window²`` (7, 33, 123 voxels for 1, 2,
        3), or the half widths of a full box.

    Returns
    -------
    :
        dims (neighbour, 3), int64; the first axis runs fastest. With every step its opposite is
        there too, so that being neighbours is mutual.
    """
    if isinstance(window, tuple):
        half = np.asarray(window, dtype=np.int64)
        radius2 = np.inf
    else:
        half = np.full(3, int(np.floor(window)), dtype=np.int64)
        radius2 = float(window) ** 2
    l, k, h = np.meshgrid(*(np.arange(-x, x + 1) for x in half[::-1]), indexing="ij")
    steps = np.stack([h.ravel(), k.ravel(), l.ravel()], axis=1).astype(np.int64)
    return np.asarray(steps[(steps**2).sum(axis=1) <= radius2])


@numba.njit(nogil=True, cache=True)
def _scan(
    keys: NDArray[np.int64], order: NDArray[np.int64], steps: NDArray[np.int64]
) -> NDArray[np.int32]:
    n, m = keys.size, steps.size
    rows = np.empty((n, m), np.int32)
    cursor = np.zeros(m, np.int64)
    for i in range(n):
        row = order[i]
        for o in range(m):
            wanted = keys[i] + steps[o]
            j = cursor[o]
            while j < n and keys[j] < wanted:
                j += 1
            cursor[o] = j
            found = j < n and keys[j] == wanted
            rows[row, o] = order[j] if found else -1
    return rows


def neighbour_rows(index: NDArray[np.int64], offsets: NDArray[np.int64]) -> NDArray[np.int32]:
    """Rows of the neighbours of every voxel.

    Adding a step keeps the order of sorted keys, so that one cursor for each step walks once
    through them: O(voxels × neighbours) without a table. The result takes 4 bytes a
    neighbour, 132 bytes a voxel for a ball of radius 2; working memory is 24 bytes a voxel.

    Parameters
    ----------
    index:
        Distinct voxel indices in any order, below 2^20 - 64 in size; dims (voxel, 3), int64.
    offsets:
        Steps to neighbours; dims (neighbour, 3), int64.

    Returns
    -------
    :
        dims (voxel, neighbour), int32; -1 where there is no such voxel.
    """
    keys = pack_all(np.ascontiguousarray(index, dtype=np.int64))
    order = np.argsort(keys, kind="stable")
    steps = (offsets[:, 0] << 42) + (offsets[:, 1] << 21) + offsets[:, 2]
    return np.asarray(_scan(keys[order], order, steps))
