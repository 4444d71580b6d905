"""How a line of constant pixel and rotation is shared out to the bins of a cut that it passes.

Ends of a line are counted in bins, for each row of the cut (see
:mod:`ewaldite.kernels.cut_rows`); between them it is straight.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Lines that are shared out at once, and rows of room for it.
BLOCK = 256
WORK = 4
_LOST = 2.0**50  # of a line that begins or ends outside


@numba.njit(nogil=True, cache=True)
def spread(
    start: FloatArray,
    end: FloatArray,
    number: IntArray,
    stride: IntArray,
    current: IntArray,
    where: IntArray,
    share: FloatArray,
) -> int:
    """Find the bins that a straight line passes, and the share of its length in each.

    Parameters
    ----------
    start, end:
        Ends in bins; dims (row), float64.
    number, stride:
        Bins of a row, and how far apart neighbours are; dims (row), int64.
    current:
        Work space; dims (row), int64.
    where, share:
        Filled with flat bins and shares; as long as :func:`most_bins` says.

    Returns
    -------
    :
        How many bins there are.
    """
    rows = number.size
    found = 0
    for r in range(rows):
        # beyond an end all is one: -1 below, number above
        first = min(max(math.floor(start[r]), -1), number[r])
        last = min(max(math.floor(end[r]), -1), number[r])
        if first == last and (first < 0 or first == number[r]):
            return 0
        current[r] = int(first)
    done = 0.0
    while True:
        flat = 0
        for r in range(rows):
            if current[r] < 0 or current[r] >= number[r]:
                flat = -1
                break
            flat += current[r] * stride[r]
        until, which = 1.0, -1
        for r in range(rows):
            run = end[r] - start[r]
            if run > 0.0:
                plane = (current[r] + 1 - start[r]) / run
            elif run < 0.0:
                plane = (current[r] - start[r]) / run
            else:
                continue
            if plane < until:
                until, which = plane, r
        if flat >= 0 and until > done:
            where[found] = flat
            share[found] = until - done
            found += 1
        if which < 0:
            return found
        done = max(done, until)
        up = end[which] > start[which]
        current[which] += 1 if up else -1
        # a straight line that has left the range of a row does not come back
        if current[which] >= number[which] if up else current[which] < 0:
            return found


@numba.njit(nogil=True, cache=True)
def most_bins(number: IntArray) -> int:
    """Most bins that a straight line can pass; number dims (row)."""
    return int(np.sum(number)) + 1


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _floors(
    start: FloatArray,
    end: FloatArray,
    most: float,
    step: float,
    flat: FloatArray,
    to: FloatArray,
    moved: FloatArray,
    part: FloatArray,
) -> None:
    """Add what one row says of the bins of lines; a loop without a branch, for the compiler."""
    for i in range(start.size):
        # beyond an end all is one: -1 below, number above
        a = min(max(np.floor(start[i]), -1.0), most)
        b = min(max(np.floor(end[i]), -1.0), most)
        lost_a = 1.0 if (a < 0.0 or a == most) else 0.0
        lost_b = 1.0 if (b < 0.0 or b == most) else 0.0
        flat[i] += a * step - lost_a * _LOST
        to[i] += b * step - lost_b * _LOST
        moved[i] += abs(b - a) + (lost_a * _LOST if a == b else 0.0)
        # of lines that stay, any number will do
        crosses = 1.0 if a != b else 0.0
        part[i] += crosses * ((max(a, b) - start[i]) / (end[i] - start[i] + (1.0 - crosses)))


@numba.njit(nogil=True, cache=True)
def room_for_lines(
    number: IntArray,
) -> tuple[FloatArray, FloatArray, FloatArray, IntArray, FloatArray, IntArray]:
    """Room for :data:`BLOCK` lines in :func:`share_cells`.

    Parameters
    ----------
    number:
        Bins of a row; dims (row), int64.

    Returns
    -------
    :
        ``start`` (with a place more, for the end of the last line), ``end``, ``work``,
        ``where``, ``share`` and ``cell``.
    """
    rows, most = number.size, 2 * BLOCK + most_bins(number)
    return (
        np.empty((rows, BLOCK + 1)),
        np.empty((rows, BLOCK)),
        np.empty((WORK, BLOCK)),
        np.empty(most, np.int64),
        np.empty(most),
        np.empty(most, np.int64),
    )


@numba.njit(nogil=True, cache=True)
def share_cells(
    start: FloatArray,
    end: FloatArray,
    first: int,
    n: int,
    number: IntArray,
    stride: IntArray,
    work: FloatArray,
    where: IntArray,
    share: FloatArray,
    cell: IntArray,
) -> tuple[int, int]:
    """Share many lines out to the bins that they pass, as :func:`spread` does one.

    Most lines end in the bin where they begin, or in its neighbour, and all of these are found
    at once.

    Parameters
    ----------
    start, end:
        Ends in bins; dims (row, line), float64.
    first, n:
        Line to begin with, and how many there are.
    number, stride:
        Bins of a row, and how far apart neighbours are; dims (row), int64.
    work:
        Room; dims (:data:`WORK`, line).
    where, share, cell:
        Filled with flat bins, shares, and the line that each belongs to; longer than
        :func:`most_bins`.

    Returns
    -------
    :
        How many shares there are, and the line to go on with: ``n`` if all are done, less
        where there was no more room.
    """
    rows = number.size
    work[:, first:n] = 0.0
    flat, to, moved, before = work[0], work[1], work[2], work[3]
    for r in range(rows):
        _floors(
            start[r, first:n], end[r, first:n], float(number[r]), float(stride[r]),
            flat[first:n], to[first:n], moved[first:n], before[first:n],
        )  # fmt: skip
    found, room = 0, where.size - most_bins(number)
    ends, current = np.empty((2, rows)), np.empty(rows, np.int64)
    for i in range(first, n):
        if moved[i] >= _LOST:
            continue
        if found > room:
            return found, i
        if moved[i] == 0.0:
            where[found], share[found], cell[found] = int(flat[i]), 1.0, i
            found += 1
        elif moved[i] == 1.0:
            part = before[i]
            if part > 0.0 and flat[i] >= 0.0:
                where[found], share[found], cell[found] = int(flat[i]), part, i
                found += 1
            if part < 1.0 and to[i] >= 0.0:
                where[found], share[found], cell[found] = int(to[i]), 1.0 - part, i
                found += 1
        else:
            for r in range(rows):
                ends[0, r], ends[1, r] = start[r, i], end[r, i]
            more = spread(
                ends[0], ends[1], number, stride, current, where[found:], share[found:]
            )
            for k in range(found, found + more):
                cell[k] = i
            found += more
    return found, n
