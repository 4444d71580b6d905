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
    number, highest = np.zeros(top + 1, np.int64), 0
    for row in range(0, images.shape[1] - block + 1, block):
        for column in range(0, images.shape[2] - block + 1, block):
            number[: highest + 1] = 0
            n, highest = 0, 0
            for f in range(images.shape[0]):
                for i in range(row, row + block):
                    for j in range(column, column + block):
                        if good[i, j] and images[f, i, j] >= 0:
                            count = min(int(np.int64(images[f, i, j])), top)
                            number[count] += 1
                            highest = max(highest, count)
                            n += 1
            if n == 0 or 4 * n < images.shape[0] * block * block:
                continue
            largest = max(largest, _median(number, n))
    return largest


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
