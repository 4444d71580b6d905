"""Voxels found block by block, and their observations dealt into halves."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.voxel_table import find, grown, insert, new_slots

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
RowArray = NDArray[np.int32]

_HALF = np.float64(2.0**-32)


@numba.njit(nogil=True, cache=True, inline="always")
def _mixed(x: np.uint64) -> np.uint64:
    """Finalizer of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@numba.njit(nogil=True, cache=True, inline="always")
def draw(seed: int, key: int, number: int) -> np.uint64:
    """64 random bits that depend on seed, key and number alone."""
    x = _mixed(np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15))
    x = _mixed(x ^ np.uint64(key))
    return _mixed(x + np.uint64(number) * np.uint64(0x9E3779B97F4A7C15))


@numba.njit(nogil=True, cache=True)
def no_places() -> tuple[IntArray, RowArray, IntArray]:
    """Return hash table and keys of :func:`places` before the first block."""
    slots_key, slots_row = new_slots(1 << 16)
    return slots_key, slots_row, np.empty(1 << 15, np.int64)


@numba.njit(nogil=True, cache=True)
def places(
    keys: IntArray, slots_key: IntArray, slots_row: RowArray, unique: IntArray, used: int
) -> tuple[IntArray, RowArray, IntArray, int, RowArray]:
    """Give every distinct key a row, in the order of discovery.

    Parameters
    ----------
    keys:
        dims (observation), int64, not negative.
    slots_key, slots_row:
        Hash table of the keys found; dims (slot).
    unique:
        Key of each row; dims (row), half as long as the slots.
    used:
        Rows given so far.

    Returns
    -------
    :
        Hash table and keys, longer where that was needed; rows given; row of each
        observation, dims (observation), int32.
    """
    row = np.empty(keys.size, np.int32)
    for i in range(keys.size):
        r = find(slots_key, slots_row, keys[i])
        if r < 0:
            r = used
            if used == unique.size:
                slots_key, slots_row = grown(slots_key, slots_row)
                longer = np.empty(2 * used, np.int64)
                longer[:used] = unique
                unique = longer
            insert(slots_key, slots_row, keys[i], r)
            unique[used] = keys[i]
            used += 1
        row[i] = r
    return slots_key, slots_row, unique, used, row


@numba.njit(nogil=True, cache=True)
def tally(
    row: RowArray, share: FloatArray, number: RowArray, total: FloatArray, sign: int
) -> None:
    """Count observations in rows and sum their shares, or take them out with sign -1.

    Parameters
    ----------
    row:
        dims (observation), int32.
    share:
        dims (observation), float64.
    number, total:
        Change; dims (row).
    sign:
        1 or -1.
    """
    for i in range(row.size):
        number[row[i]] += sign
        total[row[i]] += sign * share[i]


@numba.njit(nogil=True, cache=True)
def rows_at(keys: IntArray, slots_key: IntArray, slots_row: RowArray) -> RowArray:
    """Rows of keys in a hash table, -1 where a key is not in it; dims (observation), int32."""
    out = np.empty(keys.size, np.int32)
    for i in range(keys.size):
        out[i] = find(slots_key, slots_row, keys[i])
    return out


@numba.njit(nogil=True, cache=True, inline="always")
def _deal_one(
    bits: np.uint64, r: int, number: RowArray, seen: RowArray, lead: RowArray
) -> bool:
    u = np.float64(bits >> np.uint64(32)) * _HALF
    remaining = max(number[r] - seen[r], 1)
    first = u < 0.5 - 0.5 * lead[r] / remaining
    lead[r] += 1 if first else -1
    seen[r] += 1
    return bool(first)


@numba.njit(nogil=True, cache=True)
def deal_number(
    row: IntArray,
    key: IntArray,
    seed: int,
    number: RowArray,
    seen: RowArray,
    lead: RowArray,
) -> NDArray[np.bool_]:
    """Deal the observations of every row into halves of equal number; see :func:`deal`.

    Parameters
    ----------
    row, key:
        Row of an observation and the key of that row; dims (observation), int64.
    seed, number, seen, lead:
        As there.

    Returns
    -------
    :
        True in the first half; dims (observation).
    """
    out = np.zeros(row.size, np.bool_)
    for i in range(row.size):
        r = row[i]
        out[i] = _deal_one(draw(seed, key[i], seen[r]), r, number, seen, lead)
    return out


@numba.njit(nogil=True, cache=True)
def deal(
    row: RowArray,
    share: FloatArray,
    seed: int,
    key: IntArray,
    number: RowArray,
    left: FloatArray,
    seen: RowArray,
    lead: RowArray,
    ahead: FloatArray,
) -> NDArray[np.bool_]:
    r"""Deal the observations of every voxel into halves of equal number, and of equal share.

    By number: the t-th of n observations joins the first half with probability
    ``1/2 - lead / (2 (n - t))``, where ``lead`` is how many more the first half has. This is
    selection sampling (Knuth, TAOCP 2, 3.4.2, algorithm S): for even n every choice of n/2
    observations is equally probable, for odd n the halves differ by one. By share: the
    same with shares in place of numbers, but the half that is behind is certain to be chosen
    as soon as what is left after this observation would not make up for more.

    The random number is a function of seed, voxel and t alone, so that the halves do not
    depend on how a table is cut into blocks.

    Parameters
    ----------
    row:
        Voxel of an observation; dims (observation), int32; -1 is left out.
    share:
        dims (observation), float64.
    seed:
        Not negative.
    key, number:
        Key of a voxel, and how many observations it has in all; dims (voxel).
    left:
        Shares that are still to come; dims (voxel), shrinks.
    seen, lead, ahead:
        Observations dealt, and lead of the first half in number and in share; dims (voxel),
        change.

    Returns
    -------
    :
        True in the first half, of number and of share; dims (2, observation).
    """
    out = np.zeros((2, row.size), np.bool_)
    for i in range(row.size):
        r = row[i]
        if r < 0:
            continue
        bits = draw(seed, key[r], seen[r])
        v = np.float64(bits & np.uint64(0xFFFFFFFF)) * _HALF
        out[0, i] = _deal_one(bits, r, number, seen, lead)
        left[r] -= share[i]
        if abs(ahead[r]) >= left[r]:
            first = v < 0.5 if ahead[r] == 0.0 else ahead[r] < 0.0
        else:
            first = v < 0.5 - 0.5 * ahead[r] / left[r]
        out[1, i] = first
        ahead[r] += share[i] if first else -share[i]
    return out
