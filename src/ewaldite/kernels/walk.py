"""Walk through a wedge row by row of the detector: which voxels its pixels are in.

At one frame, neighbouring pixels of a row are mostly in the same voxel. Such a *run* of pixels
is looked up once, and all that depends on geometry alone is summed for it as the difference of
two sums from the beginning of the row on. The frames are later only counted.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.corrections import Plane, row_corrections
from ewaldite.kernels.part_code import NOWHERE, codes_of_row, key_of
from ewaldite.kernels.runs import END, NONE, STRIP, Runs
from ewaldite.kernels.voxel_table import find, grown, insert

FloatArray = NDArray[np.float64]
Voxels = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64], FloatArray]
# First and last (excluded) row of a panel, its columns, its place in the image (slow, fast)
Piece = tuple[int, int, int, int, int]

PIXELS, SX, SY, SZ, IX, IY, SWEPT, CORRECTION = range(8)
FEATURES = 8
# What is summed with the multiplicity; the correction only together with the exposure
SUMMED = 7
FRAME, EXPOSURE, BACKGROUND, BACKGROUND_VARIANCE = range(7, 11)
# The variance of the background is not a sum over segments: one column for each grid
COLUMNS = 10

# Sums from the beginning of a strip on: scattering vector, swept volume, correction
_SUMS = 5
# Parts that were met lately, by the highest bits of a product
_RECENT_BITS = 15
_MIX = np.uint64(0x9E3779B97F4A7C15)


@numba.njit(nogil=True, cache=True)
def _resized(array: FloatArray, rows: int) -> FloatArray:
    out = np.zeros((rows, array.shape[1]), array.dtype)
    out[: array.shape[0]] = array
    return out


@numba.njit(nogil=True, cache=True)
def _widened(array: NDArray[np.int32], more: int) -> NDArray[np.int32]:
    out = np.empty((array.shape[0], 2 * array.shape[1] + more), array.dtype)
    out[:, : array.shape[1]] = array
    return out


@numba.njit(nogil=True, cache=True)
def _lengthened(array: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    out = np.empty(size, array.dtype)
    out[: array.size] = array
    return out


@numba.njit(nogil=True, cache=True)
def _with_room(voxels: Voxels, rows: int) -> Voxels:
    """Return the table with room for so many rows."""
    slots_key, slots_row, keys, sums = voxels
    if rows > keys.size:
        keys = _lengthened(keys, keys.size + rows)
        sums = _resized(sums, keys.size)
    while 2 * rows > slots_key.size:
        slots_key, slots_row = grown(slots_key, slots_row)
    return slots_key, slots_row, keys, sums


@numba.njit(nogil=True, cache=True)
def _prepare(
    part: NDArray[np.bool_],
    s: FloatArray,
    d3s: FloatArray,
    total: FloatArray,
    outside: FloatArray,
    before: FloatArray,
) -> int:
    """Mark pixels that take no part, sum up what lies before a pixel, count those that do."""
    number = 0
    for x in range(part.size):
        outside[x] = 0.0 if part[x] else NOWHERE
        number += part[x]
        after = x + 1
        for j in range(_SUMS):
            before[after, j] = before[x, j]
        if part[x]:
            before[after, 0] += s[0, x]
            before[after, 1] += s[1, x]
            before[after, 2] += s[2, x]
            before[after, 3] += d3s[x]
            before[after, 4] += total[x]
    return number


@numba.njit(nogil=True, cache=True)
def _begins(codes: FloatArray, begin: NDArray[np.int32]) -> int:
    """First pixel of every run, and the end of the last; returns how many there are."""
    n = 1
    begin[0] = 0
    for x in range(1, codes.size):
        # Written in any case: a branch here would be one that no processor can predict
        begin[n] = x
        n += codes[x] != codes[x - 1]
    begin[n] = codes.size
    return n


@numba.njit(nogil=True, cache=True)
def _look_up(
    codes: FloatArray,
    begin: NDArray[np.int32],
    parts: int,
    segment: NDArray[np.int32],
    segments: NDArray[np.int64],
    recent: tuple[FloatArray, NDArray[np.int32]],
    voxels: Voxels,
    rows: int,
    out: NDArray[np.int32],
) -> int:
    """Write the row of every run, new ones for new voxels; returns how many are used."""
    slots_key, slots_row, keys, _ = voxels
    recent_code, recent_row = recent
    for i in range(out.size):
        code = codes[begin[i]]
        if code == NOWHERE:
            out[i] = NONE
            continue
        at = (np.uint64(np.int64(code)) * _MIX) >> np.uint64(64 - _RECENT_BITS)
        if recent_code[at] != code:
            key = key_of(code, parts, segment, segments)
            row = find(slots_key, slots_row, key)
            if row < 0:
                row = rows
                keys[row] = key
                insert(slots_key, slots_row, key, row)
                rows += 1
            recent_code[at] = code
            recent_row[at] = row
        out[i] = recent_row[at]
    return rows


@numba.njit(nogil=True, cache=True)
def _add(
    begin: NDArray[np.int32],
    row: NDArray[np.int32],
    before: FloatArray,
    fast: int,
    slow: int,
    exposure: float,
    position: float,
    sums: FloatArray,
) -> None:
    """Add the runs of a strip at one frame to the sums of their voxels."""
    for i in range(row.size):
        if row[i] < 0:
            continue
        a, b = begin[i], begin[i + 1]
        low, high, total = before[a], before[b], sums[row[i]]
        n = np.float64(b - a)
        total[PIXELS] += n
        total[SX] += high[0] - low[0]
        total[SY] += high[1] - low[1]
        total[SZ] += high[2] - low[2]
        total[IX] += n * (fast + 0.5 * (a + b - 1))
        total[IY] += n * slow
        total[SWEPT] += high[3] - low[3]
        total[FRAME] += n * position
        total[EXPOSURE] += (high[4] - low[4]) * exposure


@numba.njit(nogil=True, cache=True)
def walk_rows(
    piece: Piece,
    plane: Plane,
    good: NDArray[np.bool_],
    origin: int,
    matrices: FloatArray,
    clock: FloatArray,
    parts: int,
    segment: NDArray[np.int32],
    segments: NDArray[np.int64],
    voxels: Voxels,
    rows: int,
    runs: Runs,
    used: NDArray[np.int64],
) -> tuple[Voxels, int, Runs]:
    """Walk the pixels in rows of a panel through the frames of a wedge.

    Parameters
    ----------
    piece:
        Rows of the panel and its place in the image, see :data:`Piece`.
    plane:
        Geometry and corrections of the panel, see :func:`.corrections.plane_of`.
    good:
        Pixels of the image that take part; dims (slow, fast).
    origin:
        Row of the image from whose first pixel on pixels are numbered.
    matrices:
        ``parts · hkl = s · M`` with M[xyz, hkl] of a frame in row ``3 hkl + xyz``; dims (9,
        frame), Å.
    clock:
        Exposure (s) and position in the scan of each frame; dims (2, frame).
    parts:
        Equal parts per reciprocal cell on whose borders all grids' borders lie.
    segment:
        Segment that a part belongs to; dims (3, parts).
    segments:
        Segments per cell; dims (3).
    voxels, rows:
        Hash slots (key, row), packed segment index by row, sums by row (see the column names),
        and the number of rows in use; grown as needed.
    runs, used:
        First pixels and rows of the runs of each frame, see :mod:`.runs`, dims (frame, run),
        and their number, dims (frame); grown as needed.

    Returns
    -------
    :
        voxels, rows, runs.
    """
    first, last, columns, slow, fast = piece
    by_frame = np.ascontiguousarray(matrices.T)
    pieces = -(-columns // STRIP)
    longest = -(-columns // pieces)
    work, s = np.empty((3, longest)), np.empty((3, longest))
    total_all, d3s_all = np.empty(longest), np.empty(longest)
    outside, codes_all = np.empty(longest), np.empty(longest)
    before = np.zeros((longest + 1, _SUMS))
    at = np.empty(longest + 1, np.int32)
    recent = np.full(1 << _RECENT_BITS, NOWHERE), np.empty(1 << _RECENT_BITS, np.int32)
    begin, row = runs
    for y in range(first, last):
        for left in range(0, columns, longest):
            width = min(longest, columns - left)
            total, d3s, codes = total_all[:width], d3s_all[:width], codes_all[:width]
            row_corrections(y, left, plane, work, s, total, d3s)
            part = good[slow + y, fast + left : fast + left + width]
            if _prepare(part, s, d3s, total, outside, before) == 0:
                continue
            number = (slow + y - origin) * good.shape[1] + fast + left
            for f in range(by_frame.shape[0]):
                codes_of_row(s, outside, by_frame[f], 0.5 * parts, codes)
                n = _begins(codes, at)
                voxels = _with_room(voxels, rows + n)
                u = used[f]
                if u + n >= begin.shape[1]:
                    begin, row = _widened(begin, n), _widened(row, n)
                begin[f, u : u + n + 1] = at[: n + 1] + number
                found = row[f, u : u + n]
                rows = _look_up(
                    codes, at, parts, segment, segments, recent, voxels, rows, found
                )
                row[f, u + n] = END
                _add(
                    at, found, before, fast + left, slow + y, clock[0, f], clock[1, f],
                    voxels[3],
                )  # fmt: skip
                used[f] = u + n + 1
    return voxels, rows, (begin, row)
