"""Count a frame into the voxels that its pixels are in."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

#: Why a pair is no measurement: a negative number or marker, too high, below the smallest.
NO_COUNT, OVER, BELOW = range(3)

#: What a value below the floor is called in the parts of a frame, where small counts are valid.
BELOW_MARK = -(1 << 62)

Limits = tuple[int, int, int]


@numba.njit(nogil=True, cache=True)
def enter_voxels(
    row: NDArray[np.int32], pixel: NDArray[np.int32], new_row: NDArray[np.int32]
) -> None:
    """Move the pixels that enter another voxel with this frame.

    Parameters
    ----------
    row:
        Row of the voxel of each pixel of the image; dims (pixel); changed in place.
    pixel, new_row:
        Pixels that change and the row that they change to; dims (change).
    """
    for i in range(pixel.size):
        row[pixel[i]] = new_row[i]


@numba.njit(nogil=True, cache=True)
def relabel(
    start_row: NDArray[np.int32],
    change_row: NDArray[np.int32],
    changed: NDArray[np.int64],
    place: NDArray[np.int32],
) -> int:
    """Number the rows that some pixels are in, in the order in which they are met.

    Parameters
    ----------
    start_row, change_row, changed:
        Rows at the first frame, -1 for none; rows that pixels change to, dims (frame, change),
        and the number of changes of each frame; rows are changed in place to the new numbers.
    place:
        New number of a row; dims (row), int32, -1 before; written for those that are met.

    Returns
    -------
    :
        How many rows were met.
    """
    n = 0
    for p in range(start_row.size):
        r = start_row[p]
        if r >= 0:
            if place[r] < 0:
                place[r] = n
                n += 1
            start_row[p] = place[r]
    for f in range(changed.size):
        for i in range(changed[f]):
            r = change_row[f, i]
            if place[r] < 0:
                place[r] = n
                n += 1
            change_row[f, i] = place[r]
    return n


@numba.njit(nogil=True, cache=True)
def _noted(
    rejected: NDArray[np.int64],
    latest: NDArray[np.int32],
    n: int,
    pixel: int,
    kind: int,
    frame: int,
) -> tuple[NDArray[np.int64], int]:
    """Note a pair that is no measurement: as one frame more of the pixel's latest run."""
    at = latest[pixel] - 1
    if at >= 0:
        run = rejected[at]
        if (run & 0xFFFF) == frame - 1 and (run >> 32 & 3) == kind:
            rejected[at] = run + 1
            return rejected, n
    if n == rejected.size:
        longer = np.empty(2 * rejected.size + 16, np.int64)
        longer[: rejected.size] = rejected
        rejected = longer
    rejected[n] = (pixel << 34) | (kind << 32) | (frame << 16) | frame
    latest[pixel] = n + 1
    return rejected, n + 1


@numba.njit(nogil=True, cache=True, inline="always")
def _kind(c: int | np.int64, floor: int, ceiling: int, marker: int) -> int:
    if ceiling <= c < marker:
        return OVER
    return BELOW if 0 <= c < floor or c == BELOW_MARK else NO_COUNT


@numba.njit(nogil=True, cache=True)
def tally_histogram(
    image: NDArray[np.int32],
    row: NDArray[np.int32],
    frame: int,
    limits: Limits,
    histogram: NDArray[np.uint32],
    overflow: NDArray[np.int64],
    rejected: NDArray[np.int64],
    latest: NDArray[np.int32],
    rejections: int,
) -> tuple[NDArray[np.int64], int]:
    """Count a frame into the histograms of the voxels.

    Parameters
    ----------
    image:
        Counts; dims (pixel), any integer type.
    row:
        Row of the voxel of each pixel, -1 for none; dims (pixel), int32.
    frame:
        Position of the frame in the wedge, below 65536.
    limits:
        Floor, ceiling, marker. Counts below the floor or at or above the ceiling, and negative
        ones, are no measurement; values at or above the marker say that there is no count, not
        that it is too high. 0 <= floor, ceiling <= marker. :data:`BELOW_MARK` is below the
        floor.
    histogram:
        Pixels by count; dims (row, count), uint32; added to.
    overflow:
        Number of pixels above the histogram and their summed counts; dims (row, 2); added to.
    rejected, latest, rejections:
        Runs of frames in which a pixel gave no measurement, as
        ``pixel << 34 | kind << 32 | first frame << 16 | last frame``, the kind as named above;
        grown as needed; 1 + the latest run of each pixel, or 0; dims (pixel), int32; changed in
        place; and the number of runs.

    Returns
    -------
    :
        rejected, rejections.
    """
    floor, ceiling, marker = limits
    bins = np.uint64(histogram.shape[1])
    span = np.uint64(max(min(histogram.shape[1], ceiling) - floor, 0))
    flat = histogram.reshape(-1)
    for p in range(np.uint64(image.size)):
        r = row[p]
        c = np.int64(image[p])
        if r >= 0 and np.uint64(c - floor) < span:
            flat[np.uint64(r) * bins + np.uint64(c)] += np.uint32(1)
        elif r >= 0:
            if c < floor or c >= ceiling:
                kind = _kind(c, floor, ceiling, marker)
                rejected, rejections = _noted(rejected, latest, rejections, p, kind, frame)
            else:
                overflow[r, 0] += 1
                overflow[r, 1] += c
    return rejected, rejections


@numba.njit(nogil=True, cache=True)
def tally_counts(
    image: NDArray[np.int32],
    row: NDArray[np.int32],
    frame: int,
    limits: Limits,
    counts: NDArray[np.int64],
    to_filter: NDArray[np.int32],
    histogram: NDArray[np.uint32],
    overflow: NDArray[np.int64],
    rejected: NDArray[np.int64],
    latest: NDArray[np.int32],
    rejections: int,
) -> tuple[NDArray[np.int64], int]:
    """Count a frame into voxels and into histograms on another, coarser grid.

    As :func:`tally_histogram`, with these differences:

    Parameters
    ----------
    image, row, frame, limits, rejected, latest, rejections:
        The same.
    counts:
        Summed counts; dims (row), int64; added to.
    to_filter:
        Row of the filter voxel that holds a voxel; dims (row), int32.
    histogram, overflow:
        By filter voxel; a histogram without bins is not filled.

    Returns
    -------
    :
        rejected, rejections.
    """
    floor, ceiling, marker = limits
    bins = histogram.shape[1]
    for p in range(image.size):
        r = row[p]
        if r < 0:
            continue
        c = np.int64(image[p])
        if c < floor or c >= ceiling:
            kind = _kind(c, floor, ceiling, marker)
            rejected, rejections = _noted(rejected, latest, rejections, p, kind, frame)
            continue
        counts[r] += c
        if c < bins:
            histogram[to_filter[r], c] += np.uint32(1)
        elif bins > 0:
            overflow[to_filter[r], 0] += 1
            overflow[to_filter[r], 1] += c
    return rejected, rejections


@numba.njit(nogil=True, cache=True)
def tally_lost(
    image: NDArray[np.int32],
    row: NDArray[np.int32],
    floor: int,
    ceiling: int,
    table: NDArray[np.float64],
    lost: NDArray[np.float64],
) -> None:
    """Sum what the dead time took from the counts of a frame.

    Parameters
    ----------
    image, row:
        As in :func:`tally_histogram`.
    floor, ceiling:
        Counts outside are no measurement; the ceiling is at most the length of the table.
    table:
        Photons lost, and excess of the variance, by count; dims (count, 2), float64; 0 for no
        or one count.
    lost:
        Their sums; dims (row, 2), float64; added to.
    """
    least = max(floor, 2)
    for p in range(image.size):
        r = row[p]
        c = np.int64(image[p])
        if r >= 0 and least <= c < ceiling:
            lost[r, 0] += table[c, 0]
            lost[r, 1] += table[c, 1]
