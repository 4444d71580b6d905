"""Take pairs of a pixel and a frame that gave no count out of the sums of a walk."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.part_code import codes_of_pixel, key_of, voxels_of
from ewaldite.kernels.voxel_table import find
from ewaldite.kernels.walk import (
    BACKGROUND,
    BACKGROUND_VARIANCE,
    CORRECTION,
    EXPOSURE,
    FRAME,
    SUMMED,
    SX,
    SZ,
)


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
    """Take back what was summed for pixels that gave no count in some frames.

    Parameters
    ----------
    features:
        What is summed with the multiplicity, see the column names of :mod:`.walk`: 1,
        scattering vector (1/Å), fast and slow pixel, swept volume per frame (1/Å³), product of
        the corrections (mrad²); dims (pixel, 8).
    background:
        Counts in the summed background images; dims (pixel), or empty where there are none.
    matrices, parts, segment, segments:
        As of :func:`.walk_rows`.
    clock:
        Summed before each frame: exposure (row 0, s), counts expected for every count of the
        background images (row 1), position in the scan (row 2); dims (3, frame + 1).
    member, n:
        As of :func:`.walk_background`.
    slots, sums:
        Hash slots and sums of the walk; sums are changed in place.
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
        codes_of_pixel(features[i, SX : SZ + 1], matrices, 0.5 * parts, codes)
        left = np.diff(clock[1])
        for f in range(codes.size):
            if f > 0 and codes[f] == codes[f - 1]:
                rows[f] = rows[f - 1]
            else:
                rows[f] = find(slots_key, slots_row, key_of(codes[f], parts, segment, segments))
            if background.size > 0:
                voxels_of(codes[f], parts, member, n, voxel[f])
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
