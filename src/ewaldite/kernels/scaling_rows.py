"""Observations sorted by voxel, and sums over coarse cells of the scan."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]


@numba.njit(nogil=True, cache=True)
def sort_rows(
    voxel: NDArray[np.int32], voxels: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
    """Order observations by voxel, without those that are alone in theirs.

    Parameters
    ----------
    voxel:
        Of each observation; dims (observation), int32.
    voxels:
        Number of voxels.

    Returns
    -------
    :
        First place of each voxel that is left, and one past the last, dims (left + 1), int64;
        number of each voxel that is left, dims (left), int32; observation at each place, in
        their order within a voxel, dims (place), int32.
    """
    number = np.zeros(voxels, np.int32)
    for i in range(voxel.size):
        number[voxel[i]] += 1
    left = 0
    total = 0
    for v in range(voxels):
        if number[v] > 1:
            left += 1
            total += number[v]
    start = np.empty(left + 1, np.int64)
    kept = np.empty(left, np.int32)
    fill = np.empty(voxels, np.int64)
    k = 0
    place = 0
    for v in range(voxels):
        if number[v] > 1:
            start[k], kept[k], fill[v] = place, v, place
            place += number[v]
            k += 1
    start[left] = total
    order = np.empty(total, np.int32)
    for i in range(voxel.size):
        v = voxel[i]
        if number[v] > 1:
            order[fill[v]] = i
            fill[v] += 1
    return start, kept, order


@numba.njit(nogil=True, cache=True)
def cell_sums(
    batch: NDArray[np.int16],
    iz: SingleArray,
    length: SingleArray,
    signal: SingleArray,
    exposure: SingleArray,
    low: FloatArray,
    per_cell: FloatArray,
    cells: NDArray[np.int64],
    width: float,
    shells: int,
) -> FloatArray:
    """Sum signal and exposure in shells of the length of s within cells of the scans.

    Parameters
    ----------
    batch:
        dims (observation), int16.
    iz, length, signal, exposure:
        dims (observation), float32.
    low, per_cell, cells:
        Where the cells of each batch begin, cells per unit of iz, their number; dims (batch).
    width:
        Of a shell, 1/Å.
    shells:
        How many there are; lengths beyond count in the last.

    Returns
    -------
    :
        Σ signal and Σ exposure; dims (2, batch, cell, shell), float64.
    """
    out = np.zeros((2, low.size, cells.max(), shells), np.float64)
    for i in range(batch.size):
        j = batch[i]
        cell = min(max(int((iz[i] - low[j]) * per_cell[j]), 0), cells[j] - 1)
        shell = min(int(length[i] / width), shells - 1)
        out[0, j, cell, shell] += signal[i]
        out[1, j, cell, shell] += exposure[i]
    return out


@numba.njit(nogil=True, cache=True)
def batch_limits(batch: NDArray[np.int16], values: SingleArray, batches: int) -> FloatArray:
    """Smallest and largest value in each batch; dims (batch, 2), float64."""
    out = np.empty((batches, 2), np.float64)
    out[:, 0] = np.inf
    out[:, 1] = -np.inf
    for i in range(batch.size):
        j = batch[i]
        out[j, 0] = min(out[j, 0], values[i])
        out[j, 1] = max(out[j, 1], values[i])
    return out


@numba.njit(nogil=True, cache=True)
def batch_links(
    start: NDArray[np.int64], batch: NDArray[np.int16], batches: int
) -> NDArray[np.int64]:
    """Count the voxels that two batches share.

    Parameters
    ----------
    start:
        First observation of each voxel, and one past the last; dims (voxel + 1), int64.
    batch:
        dims (observation), int16.
    batches:
        How many there are.

    Returns
    -------
    :
        dims (batch, batch), int64; on the diagonal the voxels with several observations of one
        batch.
    """
    out = np.zeros((batches, batches), np.int64)
    here = np.zeros(batches, np.int64)
    for v in range(start.size - 1):
        here[:] = 0
        for i in range(start[v], start[v + 1]):
            here[batch[i]] += 1
        for j in range(batches):
            if here[j] == 0:
                continue
            if here[j] > 1:
                out[j, j] += 1
            for k in range(j):
                if here[k] > 0:
                    out[j, k] += 1
                    out[k, j] += 1
    return out
