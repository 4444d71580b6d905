"""Count a frame into the voxels that its pixels are in."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray


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
def _noted(
    rejected: NDArray[np.int64], n: int, pixel: int, over: bool | np.bool_, frame: int
) -> NDArray[np.int64]:
    """Note a pair that was no measurement, and whether its count was too high."""
    if n == rejected.size:
        longer = np.empty(2 * rejected.size + 16, np.int64)
        longer[: rejected.size] = rejected
        rejected = longer
    rejected[n] = (pixel << 17) | (np.int64(over) << 16) | frame
    return rejected


@numba.njit(nogil=True, cache=True)
def tally_histogram(
    image: NDArray[np.int32],
    row: NDArray[np.int32],
    frame: int,
    ceiling: int,
    marker: int,
    histogram: NDArray[np.uint32],
    overflow: NDArray[np.int64],
    rejected: NDArray[np.int64],
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
    ceiling:
        Counts at or above it, and negative ones, are no measurement.
    marker:
        Values at or above it say that there is no count, not that it is too high.
    histogram:
        Pixels by count; dims (row, count), uint32; added to.
    overflow:
        Number of pixels above the histogram and their summed counts; dims (row, 2); added to.
    rejected, rejections:
        (pixel, frame) pairs that were no measurement, as ``pixel << 17 | over << 16 | frame``,
        ``over`` where the count was too high; grown as needed, and the number of pairs.

    Returns
    -------
    :
        rejected, rejections.
    """
    bins = np.uint64(histogram.shape[1])
    limit = np.uint64(min(histogram.shape[1], max(ceiling, 0)))
    flat = histogram.reshape(-1)
    for p in range(np.uint64(image.size)):
        r = row[p]
        c = np.int64(image[p])
        if r >= 0 and np.uint64(c) < limit:
            flat[np.uint64(r) * bins + np.uint64(c)] += np.uint32(1)
        elif r >= 0:
            if c < 0 or c >= ceiling:
                rejected = _noted(rejected, rejections, p, ceiling <= c < marker, frame)
                rejections += 1
            else:
                overflow[r, 0] += 1
                overflow[r, 1] += c
    return rejected, rejections


@numba.njit(nogil=True, cache=True)
def tally_counts(
    image: NDArray[np.int32],
    row: NDArray[np.int32],
    frame: int,
    ceiling: int,
    marker: int,
    counts: NDArray[np.int64],
    to_filter: NDArray[np.int32],
    histogram: NDArray[np.uint32],
    overflow: NDArray[np.int64],
    rejected: NDArray[np.int64],
    rejections: int,
) -> tuple[NDArray[np.int64], int]:
    """Count a frame into voxels and into histograms on another, coarser grid.

    As :func:`tally_histogram`, with these differences:

    Parameters
    ----------
    image, row, frame, ceiling, marker, rejected, rejections:
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
    bins = histogram.shape[1]
    for p in range(image.size):
        r = row[p]
        if r < 0:
            continue
        c = np.int64(image[p])
        if c < 0 or c >= ceiling:
            rejected = _noted(rejected, rejections, p, ceiling <= c < marker, frame)
            rejections += 1
            continue
        counts[r] += c
        if c < bins:
            histogram[to_filter[r], c] += np.uint32(1)
        elif bins > 0:
            overflow[to_filter[r], 0] += 1
            overflow[to_filter[r], 1] += c
    return rejected, rejections
