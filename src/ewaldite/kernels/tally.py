"""Count a frame into the voxels that its pixels are in."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.runs import ROOM, Runs, spread

#: Why a pair is no measurement: a negative number or marker, too high, below the smallest.
NO_COUNT, OVER, BELOW = range(3)

#: What a value below the floor is called in the parts of a frame, where small counts are valid.
BELOW_MARK = -(1 << 62)

Limits = tuple[int, int, int]


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
    runs: Runs,
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
    runs:
        Where its pixels are, see :mod:`.runs`; dims (run).
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
    begin, row = runs
    rows = np.empty(ROOM, np.int32)
    run = 0
    while run < begin.size:
        first = np.uint64(begin[run])
        run = spread(begin, row, run, rows)
        for x in range(np.uint64(begin[run]) - first):
            r = rows[x]
            p = first + x
            c = np.int64(image[p])
            if r >= 0 and np.uint64(c - floor) < span:
                flat[np.uint64(r) * bins + np.uint64(c)] += np.uint32(1)
            elif r >= 0:
                if c < floor or c >= ceiling:
                    kind = _kind(c, floor, ceiling, marker)
                    rejected, rejections = _noted(
                        rejected, latest, rejections, int(p), kind, frame
                    )
                else:
                    overflow[r, 0] += 1
                    overflow[r, 1] += c
        run += 1
    return rejected, rejections


@numba.njit(nogil=True, cache=True)
def tally_counts(
    image: NDArray[np.int32],
    runs: Runs,
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
    image, runs, frame, limits, rejected, latest, rejections:
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
    begin, row = runs
    rows = np.empty(ROOM, np.int32)
    run = 0
    while run < begin.size:
        first = begin[run]
        run = spread(begin, row, run, rows)
        for p in range(first, begin[run]):
            r = rows[p - first]
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
        run += 1
    return rejected, rejections


@numba.njit(nogil=True, cache=True)
def tally_lost(
    image: NDArray[np.int32],
    runs: Runs,
    floor: int,
    ceiling: int,
    table: NDArray[np.float64],
    lost: NDArray[np.float64],
) -> None:
    """Sum what the dead time took from the counts of a frame.

    Parameters
    ----------
    image, runs:
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
    begin, row = runs
    for run in range(begin.size):
        r = row[run]
        if r < 0:
            continue
        for p in range(begin[run], begin[run + 1]):
            c = np.int64(image[p])
            if least <= c < ceiling:
                lost[r, 0] += table[c, 0]
                lost[r, 1] += table[c, 1]
