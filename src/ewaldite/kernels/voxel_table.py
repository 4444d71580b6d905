"""A hash table from packed voxel indices to consecutive rows."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

EMPTY = np.int64(-1)
_OFFSET = 1 << 20
_MASK = (1 << 21) - 1


@numba.njit(nogil=True, cache=True, inline="always")
def pack(h: int, k: int, l: int) -> int:
    """Pack three indices in -2^20 … 2^20 - 1 into one non-negative int64."""
    return ((h + _OFFSET) << 42) | ((k + _OFFSET) << 21) | (l + _OFFSET)


@numba.njit(nogil=True, cache=True)
def pack_all(index: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pack indices to keys that sort by h, k, l; dims (voxel, 3) to (voxel,), int64."""
    keys = np.empty(index.shape[0], np.int64)
    for i in range(index.shape[0]):
        keys[i] = pack(index[i, 0], index[i, 1], index[i, 2])
    return keys


@numba.njit(nogil=True, cache=True)
def unpack(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Invert :func:`pack`; dims (voxel,) to (voxel, 3), int64."""
    out = np.empty((keys.size, 3), np.int64)
    for i in range(keys.size):
        out[i, 0] = ((keys[i] >> 42) & _MASK) - _OFFSET
        out[i, 1] = ((keys[i] >> 21) & _MASK) - _OFFSET
        out[i, 2] = (keys[i] & _MASK) - _OFFSET
    return out


@numba.njit(nogil=True, cache=True, inline="always")
def _slot(key: int, size: int) -> np.int64:
    """First slot to try: Fibonacci hashing (Knuth, TAOCP 3, 6.4); size is a power of two."""
    mixed = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)
    # The highest bits of the product, the only ones that depend on all bits of the key
    return np.int64(((mixed >> np.uint64(32)) * np.uint64(size)) >> np.uint64(32))


@numba.njit(nogil=True, cache=True)
def find(slots_key: NDArray[np.int64], slots_row: NDArray[np.int32], key: int) -> int:
    """Row of a key, or -1."""
    size = slots_key.size
    i = _slot(key, size)
    while slots_key[i] != EMPTY:
        if slots_key[i] == key:
            return int(slots_row[i])
        i = (i + 1) & (size - 1)
    return -1


@numba.njit(nogil=True, cache=True)
def insert(
    slots_key: NDArray[np.int64], slots_row: NDArray[np.int32], key: int, row: int
) -> None:
    """Store a key that is not yet in the table."""
    size = slots_key.size
    i = _slot(key, size)
    while slots_key[i] != EMPTY:
        i = (i + 1) & (size - 1)
    slots_key[i] = key
    slots_row[i] = row


@numba.njit(nogil=True, cache=True)
def new_slots(size: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return an empty table; ``size`` is a power of two."""
    return np.full(size, EMPTY, np.int64), np.empty(size, np.int32)


@numba.njit(nogil=True, cache=True)
def grown(
    slots_key: NDArray[np.int64], slots_row: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return the same table with twice the slots."""
    key, row = new_slots(2 * slots_key.size)
    for i in range(slots_key.size):
        if slots_key[i] != EMPTY:
            insert(key, row, slots_key[i], slots_row[i])
    return key, row


@numba.njit(nogil=True, cache=True)
def build(keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return the table of distinct keys, row i for keys[i]; at most half full."""
    size = 16
    while size < 2 * keys.size:
        size *= 2
    slots_key, slots_row = new_slots(size)
    for i in range(keys.size):
        insert(slots_key, slots_row, keys[i], i)
    return slots_key, slots_row
