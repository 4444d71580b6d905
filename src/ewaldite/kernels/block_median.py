"""Medians of the counts in blocks of pixels."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray


@numba.njit(nogil=True, cache=True)
def largest_block_median(
    images: NDArray[np.int32], good: NDArray[np.bool_], block: int, top: int
) -> float:
    """Largest of the medians of square blocks of pixels, of all images together.

    Parameters
    ----------
    images:
        Counts, negative ones are bad; dims (frame, slow, fast), any integer type.
    good:
        Pixels that take part; dims (slow, fast).
    block:
        Edge of a block, pixels; blocks that the image's edge cuts take no part, nor do those
        with less than a quarter of good pixels.
    top:
        Counts above it are taken for ``top``.

    Returns
    -------
    :
        Counts per pixel; 0 where no block has good pixels.
    """
    largest = 0.0
    number = np.zeros(top + 1, np.int64)
    valid = np.empty(images.shape[2], np.int32)
    above = np.empty(images.shape[2], np.int32)
    for row in range(0, images.shape[1] - block + 1, block):
        _number(images, good, row, row + block, int(largest), valid, above)
        for column in range(0, images.shape[2] - block + 1, block):
            n, high = 0, 0
            for j in range(column, column + block):
                n += valid[j]
                high += above[j]
            # Most blocks are told from so much: their median is no larger
            if 2 * high < n or n == 0 or 4 * n < images.shape[0] * block * block:
                continue
            number[:] = 0
            for f in range(images.shape[0]):
                for i in range(row, row + block):
                    for j in range(column, column + block):
                        if good[i, j] and images[f, i, j] >= 0:
                            number[min(int(np.int64(images[f, i, j])), top)] += 1
            largest = max(largest, _median(number, n))
    return largest


@numba.njit(nogil=True, cache=True)
def _number(
    images: NDArray[np.int32],
    good: NDArray[np.bool_],
    first: int,
    last: int,
    level: int,
    valid: NDArray[np.int32],
    above: NDArray[np.int32],
) -> None:
    """Number of counts in each column of some rows, and of those above a level."""
    valid[:] = 0
    above[:] = 0
    for f in range(images.shape[0]):
        for i in range(first, last):
            for j in range(good.shape[1]):
                counts = good[i, j] & (images[f, i, j] >= 0)
                valid[j] += counts
                above[j] += counts & (images[f, i, j] > level)


@numba.njit(nogil=True, cache=True)
def _median(number: NDArray[np.int64], n: int) -> float:
    """Median of n counts given how often each occurs."""
    low, high = -1, -1
    seen = 0
    for count in range(number.size):
        seen += number[count]
        if low < 0 and 2 * seen >= n:
            low = count
        if 2 * seen > n:
            high = count
            break
    return 0.5 * (low + high)
