"""Walk every pixel through a wedge: which voxel it is in, and from which frame to which.

The path of a pixel through reciprocal space is smooth and short, so that it stays in one voxel
for several frames. A *run* is such a stay. All that depends on geometry alone is summed run by
run, with the total multiplicity of the pixel in the voxel, and the frames are later only
counted.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.voxel_table import find, grown, insert, pack

Voxels = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64], NDArray[np.float64]]
Changes = tuple[NDArray[np.int32], NDArray[np.int32]]

PIXELS, SX, SY, SZ, IX, IY, SWEPT, CORRECTION = range(8)
FEATURES = 8
# What is summed with the multiplicity; the correction only together with the exposure
SUMMED = 7
FRAME, EXPOSURE, BACKGROUND, BACKGROUND_VARIANCE = range(7, 11)
# The variance of the background is not a sum over segments: one column for each grid
COLUMNS = 10

_BASE = 131072.0
_DIGIT = 131071
_HALF = 65536
_BIAS = (_HALF << 34) + (_HALF << 17) + _HALF


@numba.njit(nogil=True, cache=True)
def _resized(array: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    out = np.zeros((rows, array.shape[1]), array.dtype)
    out[: array.shape[0]] = array
    return out


@numba.njit(nogil=True, cache=True)
def _widened(array: NDArray[np.int32]) -> NDArray[np.int32]:
    out = np.empty((array.shape[0], 2 * array.shape[1] + 1024), array.dtype)
    out[:, : array.shape[1]] = array
    return out


@numba.njit(nogil=True, cache=True)
def _lengthened(array: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    out = np.empty(size, array.dtype)
    out[: array.size] = array
    return out


@numba.njit(nogil=True, cache=True)
def _codes(
    s0: float,
    s1: float,
    s2: float,
    matrices: NDArray[np.float64],
    parts: float,
    codes: NDArray[np.float64],
) -> None:
    """Part of reciprocal space that a pixel is in at every frame, as one exact number.

    The parts of the three axes, ``ceil(parts · (h + 1/2)) - 1``, are the digits of a number of
    base 2^17, which a float64 holds exactly; the loop over the frames is one that compilers
    vectorise.
    """
    half = 0.5 * parts
    for f in range(codes.size):
        h = s0 * matrices[0, f] + s1 * matrices[1, f] + s2 * matrices[2, f]
        k = s0 * matrices[3, f] + s1 * matrices[4, f] + s2 * matrices[5, f]
        l = s0 * matrices[6, f] + s1 * matrices[7, f] + s2 * matrices[8, f]
        codes[f] = (
            np.ceil(parts * h + half) * _BASE + np.ceil(parts * k + half)
        ) * _BASE + np.ceil(parts * l + half)


@numba.njit(nogil=True, cache=True, inline="always")
def _place(
    code: float, parts: int
) -> tuple[np.int64, np.int64, np.int64, np.int64, np.int64, np.int64]:
    """Cell along h and the part's place in it, the same along k and l."""
    number = np.int64(code) + _BIAS
    l = (number & _DIGIT) - _HALF - 1
    k = ((number >> 17) & _DIGIT) - _HALF - 1
    h = (number >> 34) - _HALF - 1
    ch, ck, cl = h // parts, k // parts, l // parts
    return ch, h - ch * parts, ck, k - ck * parts, cl, l - cl * parts


@numba.njit(nogil=True, cache=True)
def _key(
    code: float,
    parts: int,
    segment: NDArray[np.int32],
    segments: NDArray[np.int64],
) -> int:
    """Packed segment index of a part."""
    ch, h, ck, k, cl, l = _place(code, parts)
    return pack(
        ch * segments[0] + segment[0, h],
        ck * segments[1] + segment[1, k],
        cl * segments[2] + segment[2, l],
    )


@numba.njit(nogil=True, cache=True)
def _voxels(
    code: float,
    parts: int,
    member: NDArray[np.int64],
    n: NDArray[np.int64],
    out: NDArray[np.int64],
) -> None:
    """Packed index of the voxel of every grid that holds a part; written to ``out``."""
    ch, h, ck, k, cl, l = _place(code, parts)
    for g in range(n.shape[0]):
        out[g] = pack(
            ch * n[g, 0] + member[g, 0, h],
            ck * n[g, 1] + member[g, 1, k],
            cl * n[g, 2] + member[g, 2, l],
        )


@numba.njit(nogil=True, cache=True)
def _earlier(
    voxel: NDArray[np.int64], grid: int, run: int, scale: NDArray[np.float64]
) -> float:
    """Background scale that a pixel gathered in the same voxel of a grid in earlier runs."""
    total = 0.0
    for i in range(run):
        if voxel[i, grid] == voxel[run, grid]:
            total += scale[i]
    return total


@numba.njit(nogil=True, cache=True)
def walk_band(
    features: NDArray[np.float64],
    background: NDArray[np.float64],
    pixel: NDArray[np.int64],
    matrices: NDArray[np.float64],
    clock: NDArray[np.float64],
    parts: int,
    segment: NDArray[np.int32],
    segments: NDArray[np.int64],
    member: NDArray[np.int64],
    n: NDArray[np.int64],
    voxels: Voxels,
    rows: int,
    start_row: NDArray[np.int32],
    changes: Changes,
    changed: NDArray[np.int64],
) -> tuple[Voxels, int, Changes]:
    """Walk the pixels of a band of the detector through the frames of a wedge.

    Parameters
    ----------
    features:
        What is summed with the multiplicity, see the column names: 1, scattering vector (1/Å),
        fast and slow pixel, swept volume per frame (1/Å³), product of the corrections (mrad²);
        dims (pixel, 8).
    background:
        Counts in the summed background images; dims (pixel), or empty where there are none.
    pixel:
        Flat index of the pixel in the image, -1 for one that takes no part; dims (pixel),
        int64.
    matrices:
        hkl = s · M with M[xyz, hkl] of a frame in row ``3 hkl + xyz``; dims (9, frame), Å.
    clock:
        Summed before each frame: exposure (row 0, s), counts expected for every count of the
        background images (row 1), position in the scan (row 2); dims (3, frame + 1).
    parts:
        Equal parts per reciprocal cell on whose borders all grids' borders lie.
    segment:
        Segment that a part belongs to; dims (3, parts).
    segments:
        Segments per cell; dims (3).
    member, n:
        For each grid the voxel that a part belongs to, dims (grid, 3, parts), and voxels per
        cell, dims (grid, 3): a pixel that passes several segments of a voxel has there one
        background count, whose multiplicities add up before they are squared.
    voxels, rows:
        Hash slots (key, row), packed segment index by row, sums by row (see the column names),
        and the number of rows in use; grown as needed.
    start_row:
        Row of each pixel of the image at the first frame, -1 outside; dims (pixel); written.
    changes, changed:
        For each frame the pixels that enter another voxel and its row, dims (frame, change),
        and their number, dims (frame); grown as needed.

    Returns
    -------
    :
        voxels, rows, changes.
    """
    frames = matrices.shape[1]
    codes = np.empty(frames)
    recent_code = np.full(frames, np.inf)
    recent_row = np.empty(frames, np.int32)
    run_scale = np.zeros(frames)
    run_voxel = np.empty((frames, n.shape[0]), np.int64)
    slots_key, slots_row, keys, sums = voxels
    change_pixel, change_row = changes
    for i in range(features.shape[0]):
        p = pixel[i]
        if p < 0:
            continue
        if rows + frames > keys.size:
            keys = _lengthened(keys, 2 * keys.size + frames)
            sums = _resized(sums, keys.size)
        while 2 * (rows + frames) > slots_key.size:
            slots_key, slots_row = grown(slots_key, slots_row)
        _codes(features[i, SX], features[i, SY], features[i, SZ], matrices, float(parts), codes)
        run = 0
        frame = 0
        while frame < frames:
            code = codes[frame]
            after = frame + 1
            while after < frames and codes[after] == code:
                after += 1
            if recent_code[run] != code:
                key = _key(code, parts, segment, segments)
                row = find(slots_key, slots_row, key)
                if row < 0:
                    row = rows
                    keys[row] = key
                    insert(slots_key, slots_row, key, row)
                    rows += 1
                recent_code[run] = code
                recent_row[run] = row
                if background.size > 0:
                    _voxels(code, parts, member, n, run_voxel[run])
            row = recent_row[run]
            m = float(after - frame)
            for j in range(SUMMED):
                sums[row, j] += m * features[i, j]
            sums[row, FRAME] += clock[2, after] - clock[2, frame]
            sums[row, EXPOSURE] += (clock[0, after] - clock[0, frame]) * features[i, CORRECTION]
            if background.size > 0:
                scale = clock[1, after] - clock[1, frame]
                run_scale[run] = scale
                sums[row, BACKGROUND] += scale * background[i]
                for g in range(n.shape[0]):
                    again = scale + 2.0 * _earlier(run_voxel, g, run, run_scale)
                    sums[row, BACKGROUND_VARIANCE + g] += scale * again * background[i]
            if frame == 0:
                start_row[p] = row
            elif row != recent_row[run - 1]:
                at = changed[frame]
                if at == change_pixel.shape[1]:
                    change_pixel = _widened(change_pixel)
                    change_row = _widened(change_row)
                change_pixel[frame, at] = p
                change_row[frame, at] = row
                changed[frame] = at + 1
            run += 1
            frame = after
    return (slots_key, slots_row, keys, sums), rows, (change_pixel, change_row)


@numba.njit(nogil=True, cache=True)
def retract(
    features: NDArray[np.float64],
    background: NDArray[np.float64],
    first: NDArray[np.int64],
    begin: NDArray[np.int64],
    end: NDArray[np.int64],
    over: NDArray[np.bool_],
    matrices: NDArray[np.float64],
    clock: NDArray[np.float64],
    parts: int,
    segment: NDArray[np.int32],
    segments: NDArray[np.int64],
    member: NDArray[np.int64],
    n: NDArray[np.int64],
    slots: tuple[NDArray[np.int64], NDArray[np.int32]],
    sums: NDArray[np.float64],
    retracted: NDArray[np.int64],
) -> None:
    """Take back what :func:`walk_band` summed for pixels that gave no count in some frames.

    Parameters
    ----------
    features, background, matrices, clock, parts, segment, segments, member, n, slots, sums:
        As in :func:`walk_band`, features and background for the pixels in question; sums are
        changed in place.
    first:
        First run of each pixel, and the end; dims (pixel + 1).
    begin, end:
        First frame without a count and first frame after it, by pixel; dims (run).
    over:
        Whether the counts were too high; dims (run).
    retracted:
        Number of (pixel, frame) pairs taken back, and of those with too high a count, by row;
        dims (row, 2); added to.
    """
    slots_key, slots_row = slots
    codes = np.empty(matrices.shape[1])
    rows = np.empty(codes.size, np.int32)
    voxel = np.empty((codes.size, n.shape[0]), np.int64)
    for i in range(features.shape[0]):
        _codes(features[i, SX], features[i, SY], features[i, SZ], matrices, float(parts), codes)
        left = np.diff(clock[1])
        for f in range(codes.size):
            if f > 0 and codes[f] == codes[f - 1]:
                rows[f] = rows[f - 1]
            else:
                rows[f] = find(slots_key, slots_row, _key(codes[f], parts, segment, segments))
            if background.size > 0:
                _voxels(codes[f], parts, member, n, voxel[f])
        for e in range(first[i], first[i + 1]):
            for f in range(begin[e], end[e]):
                row = rows[f]
                for j in range(SUMMED):
                    sums[row, j] -= features[i, j]
                sums[row, FRAME] -= clock[2, f + 1] - clock[2, f]
                sums[row, EXPOSURE] -= (clock[0, f + 1] - clock[0, f]) * features[i, CORRECTION]
                retracted[row, 0] += 1
                retracted[row, 1] += over[e]
                if background.size > 0:
                    scale, left[f] = left[f], 0.0
                    sums[row, BACKGROUND] -= scale * background[i]
                    for g in range(n.shape[0]):
                        sums[row, BACKGROUND_VARIANCE + g] -= scale * scale * background[i]
                        for other in range(codes.size):
                            if voxel[other, g] == voxel[f, g]:
                                # From where it is booked, so that an emptied row holds nothing
                                cross = 2.0 * scale * left[other] * background[i]
                                sums[rows[max(f, other)], BACKGROUND_VARIANCE + g] -= cross
