"""Sum the counts of background images along the paths of the pixels.

The background of a pixel is one number, measured once. How often it counts in a voxel is added
up before it is squared, so that here every pixel is followed through the frames.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.corrections import Plane, row_corrections
from ewaldite.kernels.part_code import codes_of_pixel, key_of, voxels_of
from ewaldite.kernels.voxel_table import find
from ewaldite.kernels.walk import BACKGROUND, BACKGROUND_VARIANCE, Piece

FloatArray = NDArray[np.float64]


@numba.njit(nogil=True, cache=True)
def _earlier(voxel: NDArray[np.int64], grid: int, run: int, scale: FloatArray) -> float:
    """Background scale that a pixel gathered in the same voxel of a grid in earlier stays."""
    total = 0.0
    for i in range(run):
        if voxel[i, grid] == voxel[run, grid]:
            total += scale[i]
    return total


@numba.njit(nogil=True, cache=True)
def walk_background(
    piece: Piece,
    plane: Plane,
    good: NDArray[np.bool_],
    background: FloatArray,
    matrices: FloatArray,
    before: FloatArray,
    parts: int,
    segment: NDArray[np.int32],
    segments: NDArray[np.int64],
    member: NDArray[np.int64],
    n: NDArray[np.int64],
    slots: tuple[NDArray[np.int64], NDArray[np.int32]],
    sums: FloatArray,
) -> None:
    """Add the background of the pixels in rows of a panel to the sums of their voxels.

    Parameters
    ----------
    piece, plane, good, matrices, parts, segment, segments:
        As of :func:`.walk_rows`, which has met all voxels.
    background:
        Counts in the summed background images; dims (slow, fast).
    before:
        Counts expected for every count of the background images, summed before each frame;
        dims (frame + 1).
    member, n:
        For each grid the voxel that a part belongs to, dims (grid, 3, parts), and voxels per
        cell, dims (grid, 3): a pixel that passes several segments of a voxel has there one
        background count, whose multiplicities add up before they are squared.
    slots, sums:
        Hash slots and sums by row; sums are changed in place.
    """
    first, last, columns, slow, fast = piece
    frames = matrices.shape[1]
    work, s = np.empty((3, columns)), np.empty((3, columns))
    total, d3s = np.empty(columns), np.empty(columns)
    codes, at, one = np.empty(frames), np.empty(frames, np.int64), np.empty(3)
    recent_code = np.full(frames, np.inf)
    scales = np.empty(frames)
    voxel = np.empty((frames, n.shape[0]), np.int64)
    for y in range(first, last):
        row_corrections(y, 0, plane, work, s, total, d3s)
        for x in range(columns):
            counts = background[slow + y, fast + x]
            if not good[slow + y, fast + x] or counts == 0.0:
                continue
            one[:] = s[:, x]
            codes_of_pixel(one, matrices, 0.5 * parts, codes)
            stay = 0
            frame = 0
            while frame < frames:
                code = codes[frame]
                after = frame + 1
                while after < frames and codes[after] == code:
                    after += 1
                if recent_code[stay] != code:
                    key = key_of(code, parts, segment, segments)
                    recent_code[stay] = code
                    at[stay] = find(slots[0], slots[1], key)
                    voxels_of(code, parts, member, n, voxel[stay])
                scale = before[after] - before[frame]
                scales[stay] = scale
                row = at[stay]
                sums[row, BACKGROUND] += scale * counts
                for g in range(n.shape[0]):
                    again = scale + 2.0 * _earlier(voxel, g, stay, scales)
                    sums[row, BACKGROUND_VARIANCE + g] += scale * again * counts
                stay += 1
                frame = after
