"""Sums over the observations of a voxel."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.voxel_table import find, grown, insert, new_slots, pack

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Columns of the sums; N counts, e exposure, a scale, c offset, B background, V its variance,
# w weight, x the intensity of one observation, m, b, v predicted counts, background, variance.
COUNTS = 0  # N
W_COUNTS = 1  # w N
W2_COUNTS = 2  # w² N
W_BACKGROUND = 3  # w B
W2_BACKGROUND = 4  # w² V
W_EXPOSURE = 5  # w e a
W_OFFSET = 6  # w e a c
W_PREDICTED = 7  # w m
W2_PREDICTED = 8  # w² m
W_PREDICTED_B = 9  # w b
W2_PREDICTED_V = 10  # w² v
W_SQUARE = 11  # w e a x²
W_VARIANCE = 12  # w e a var(x)
EXPOSURE = 13  # e
EXPOSURE_S = 14  # e |s|
MULTIPLICITY = 15  # 1
BACKGROUND = 16  # B
FRACTION = 17
HALVES = 18  # numerator, denominator of the first half, for each kind of halves
COLUMNS = 24
# Only with a systematic error; g is its part of the signal e a (I + c).
W2_ERROR = 24  # w² g² (e a)²
W2_ERROR_C = 25  # w² g² (e a)² c
W2_ERROR_CC = 26  # w² g² (e a)² c²
COLUMNS_WITH_ERROR = 27


@numba.njit(nogil=True, cache=True)
def pack_keys(index: IntArray, minus: NDArray[np.bool_], offset: IntArray) -> IntArray:
    """Pack voxel indices, those marked ``minus`` inverted through the origin.

    Parameters
    ----------
    index:
        dims (voxel, 3), int64, each in -2^20 … 2^20 - 1.
    minus:
        dims (voxel).
    offset:
        Numerator of voxel 0; dims (3), int64.

    Returns
    -------
    :
        dims (voxel), int64.
    """
    out = np.empty(index.shape[0], np.int64)
    for i in range(index.shape[0]):
        h, k, l = index[i, 0], index[i, 1], index[i, 2]
        if minus[i]:
            h, k, l = -h - offset[0], -k - offset[1], -l - offset[2]
        out[i] = pack(h, k, l)
    return out


@numba.njit(nogil=True, cache=True)
def rows_of(keys: IntArray) -> tuple[IntArray, NDArray[np.int32]]:
    """Distinct keys in ascending order, and the row of each key among them.

    Parameters
    ----------
    keys:
        dims (observation), int64, not negative.

    Returns
    -------
    :
        dims (voxel), int64; dims (observation), int32.
    """
    slots_key, slots_row = new_slots(1 << 16)
    unique = np.empty(1 << 15, np.int64)
    used = 0
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
    order = np.argsort(unique[:used])
    rank = np.empty(used, np.int32)
    for i in range(used):
        rank[order[i]] = i
    for i in range(keys.size):
        row[i] = rank[row[i]]
    return unique[:used][order], row


@numba.njit(nogil=True, cache=True)
def accumulate(
    row: NDArray[np.int32],
    counts: FloatArray,
    exposure: FloatArray,
    background: FloatArray,
    background_variance: FloatArray,
    scale: FloatArray,
    offset: FloatArray,
    weight: FloatArray,
    predicted: FloatArray,
    length: FloatArray,
    fraction: FloatArray,
    halves: NDArray[np.bool_],
    error: FloatArray,
    sums: FloatArray,
) -> None:
    """Add observations to the sums of their voxels.

    Parameters
    ----------
    row:
        Voxel of an observation, -1 to leave it out; dims (observation), int32.
    counts, exposure, background, background_variance, scale, offset, weight, length, fraction:
        Columns of the observations; dims (observation), float64.
    predicted:
        Predicted counts, background and variance of the background; dims (observation, 3).
    halves:
        Whether in the first half, for each kind of halves; dims (kind, observation).
    error:
        Systematic error as a part of the signal; dims (observation), or empty for none.
    sums:
        Grows; dims (voxel, column), float64.
    """
    kinds = halves.shape[0]
    for i in range(row.size):
        if row[i] < 0:
            continue
        t = sums[row[i]]
        w, n, e, b = weight[i], counts[i], exposure[i], background[i]
        ea = e * scale[i]
        excess = n - b - ea * offset[i]
        t[0] += n
        t[1] += w * n
        t[2] += w * w * n
        t[3] += w * b
        t[4] += w * w * background_variance[i]
        t[5] += w * ea
        t[6] += w * ea * offset[i]
        t[7] += w * predicted[i, 0]
        t[8] += w * w * predicted[i, 0]
        t[9] += w * predicted[i, 1]
        t[10] += w * w * predicted[i, 2]
        t[11] += w * excess * excess / ea
        t[12] += w * (n + background_variance[i]) / ea
        t[13] += e
        t[14] += e * length[i]
        t[15] += 1.0
        t[16] += b
        t[17] += fraction[i]
        for j in range(kinds):
            if halves[j, i]:
                t[18 + 2 * j] += w * excess
                t[19 + 2 * j] += w * ea
        if error.size:
            part = (w * error[i] * ea) ** 2
            t[24] += part
            t[25] += part * offset[i]
            t[26] += part * offset[i] ** 2


@numba.njit(nogil=True, cache=True)
def union(
    key_a: IntArray, sums_a: FloatArray, key_b: IntArray, sums_b: FloatArray
) -> tuple[IntArray, FloatArray]:
    """Join two tables of sums with ascending keys, adding rows of one key.

    Parameters
    ----------
    key_a, key_b:
        dims (voxel), int64, ascending.
    sums_a, sums_b:
        dims (voxel, column), float64.

    Returns
    -------
    :
        Keys and sums of the same form.
    """
    size = key_a.size + key_b.size
    key = np.empty(size, np.int64)
    sums = np.empty((size, sums_a.shape[1]), np.float64)
    i = j = n = 0
    while i < key_a.size or j < key_b.size:
        if j == key_b.size or (i < key_a.size and key_a[i] < key_b[j]):
            key[n] = key_a[i]
            sums[n] = sums_a[i]
            i += 1
        elif i == key_a.size or key_b[j] < key_a[i]:
            key[n] = key_b[j]
            sums[n] = sums_b[j]
            j += 1
        else:
            key[n] = key_a[i]
            sums[n] = sums_a[i] + sums_b[j]
            i += 1
            j += 1
        n += 1
    return key[:n].copy(), sums[:n].copy()
