"""Runs: pixels that follow one another in a row of a panel and lie in the same voxel.

The runs of a frame are two arrays: the first pixel of each run, and the row of its voxel in a
table, :data:`NONE` where pixels take no part. A run ends where the next one begins. Runs belong
to *strips* of at most :data:`STRIP` pixels; behind the runs of a strip, :data:`END` stands
where it ends.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

Runs = tuple[NDArray[np.int32], NDArray[np.int32]]

#: Pixels of a strip at most: what is worked on at a time stays in the nearest cache.
STRIP = 2048
NONE, END = -1, -2

# Written at a time, whatever the length of a run: a loop of its length is hard to predict
_CHUNK = 32

#: Room that :func:`spread` wants.
ROOM = STRIP + _CHUNK


@numba.njit(nogil=True, cache=True)
def spread(
    begin: NDArray[np.int32], row: NDArray[np.int32], run: int, out: NDArray[np.int32]
) -> int:
    """Write the row of every pixel of a strip.

    Parameters
    ----------
    begin, row:
        The runs of a frame; dims (run), int32.
    run:
        First run of the strip.
    out:
        Output; dims (:data:`ROOM` or more), int32.

    Returns
    -------
    :
        Where the strip ends in ``begin``.
    """
    first = begin[run]
    while row[run] != END:
        a, end, r = begin[run] - first, begin[run + 1] - first, row[run]
        out[a : a + _CHUNK] = r
        a += _CHUNK
        while a < end:
            out[a : a + _CHUNK] = r
            a += _CHUNK
        run += 1
    return run


@numba.njit(nogil=True, cache=True)
def rows_of_pixels(
    begin: NDArray[np.int32], row: NDArray[np.int32], pixels: int
) -> NDArray[np.int32]:
    """Row of every pixel at a frame.

    Parameters
    ----------
    begin, row:
        The runs of the frame; dims (run), int32.
    pixels:
        Number of pixels.

    Returns
    -------
    :
        dims (pixel), int32; :data:`NONE` for those that take no part.
    """
    out = np.full(pixels, NONE, np.int32)
    for i in range(begin.size):
        if row[i] != END:
            out[begin[i] : begin[i + 1]] = row[i]
    return out


@numba.njit(nogil=True, cache=True)
def relabel(row: NDArray[np.int32], used: NDArray[np.int64], place: NDArray[np.int32]) -> int:
    """Number the rows that some runs are in, in the order in which they are met.

    Parameters
    ----------
    row:
        Rows of the runs, dims (frame, run), int32; changed in place to the new numbers.
    used:
        Number of runs of each frame; dims (frame).
    place:
        New number of a row; dims (row), int32, -1 before; written for those that are met.

    Returns
    -------
    :
        How many rows were met.
    """
    n = 0
    for f in range(used.size):
        for i in range(used[f]):
            r = row[f, i]
            if r >= 0:
                if place[r] < 0:
                    place[r] = n
                    n += 1
                row[f, i] = place[r]
    return n
