"""Where a neutron, or a line of constant pixel and rotation, lies in the bins of a cut.

A **row** of a cut is one of its axes, or a range that it is integrated over (one bin). It is
linear in momentum and energy transfer, and may hold the length of Q; in a given **view** (a
setting of sample and tank, and a symmetry operation) it is

    x(k_i) = a k_i - b·k_f + c (K k_i² - E_f) + d |Q|,   K = ħ²/2m.

Rows are counted in bins from the lower end of the axis: bin i holds i ≤ x < i + 1.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Columns of the table of rows
LOW = 0  # lower end of the first bin
INVERSE = 1  # one over the width of a bin
ENERGY = 2  # c
LENGTH = 3  # d
ROW_COLUMNS = 4

#: Lines that are shared out at once, and rows of room for it.
BLOCK = 256
WORK = 4
_LOST = 2.0**50  # of a line that begins or ends outside


@numba.njit(nogil=True, cache=True, inline="always")
def offset_of(b: FloatArray, v: int, k_f: FloatArray, p: int) -> float:
    """``b·k_f`` of a view and a pixel; dims (view, xyz), (pixel, xyz)."""
    return float(b[v, 0] * k_f[p, 0] + b[v, 1] * k_f[p, 1] + b[v, 2] * k_f[p, 2])


@numba.njit(nogil=True, cache=True, inline="always")
def row_offset(b: FloatArray, v: int, r: int, k_f: FloatArray, p: int) -> float:
    """Part of a row that the final wavevector gives, ``b·k_f``; dims (view, row, xyz)."""
    return float(b[v, r, 0] * k_f[p, 0] + b[v, r, 1] * k_f[p, 1] + b[v, r, 2] * k_f[p, 2])


@numba.njit(nogil=True, cache=True, inline="always")
def place(
    k_i: float,
    a: float,
    offset: float,
    energy_transfer: float,
    length: float,
    rows: FloatArray,
    r: int,
) -> float:
    """Coordinate of a row in bins.

    Parameters
    ----------
    k_i:
        Incident wavenumber, 1/Å.
    a:
        Coefficient of ``k_i``.
    offset:
        ``b·k_f``.
    energy_transfer:
        meV.
    length:
        |Q|, 1/Å; read where the row holds it.
    rows, r:
        Table of rows; dims (row, column); and which.
    """
    x = a * k_i - offset + rows[r, ENERGY] * energy_transfer + rows[r, LENGTH] * length
    return float((x - rows[r, LOW]) * rows[r, INVERSE])


@numba.njit(nogil=True, cache=True, inline="always")
def length_of(k_i: float, k_f: float, along: float) -> float:
    """``|k_i - k_f|`` with ``along`` the part of k_f along the beam; 1/Å."""
    return math.sqrt(max(k_i * k_i + k_f * k_f - 2.0 * k_i * along, 0.0))


@numba.njit(nogil=True, cache=True)
def flat_bin(
    k: float,
    transfer: float,
    length: float,
    v: int,
    p: int,
    ki: FloatArray,
    kf: FloatArray,
    k_f: FloatArray,
    rows: FloatArray,
    number: IntArray,
    stride: IntArray,
) -> int:
    """Flat bin of a neutron.

    Parameters
    ----------
    k, transfer, length:
        Incident wavenumber (1/Å), energy transfer (meV), |Q| (1/Å; read where a row holds it).
    v, p:
        View and pixel.
    ki, kf:
        Of views; dims (view, row), (view, row, xyz).
    k_f:
        Of pixels; dims (pixel, xyz), 1/Å.
    rows, number, stride:
        Table of rows, bins of a row, how far apart neighbours are; dims (row, column), (row),
        (row).

    Returns
    -------
    :
        -1 outside.
    """
    flat = 0
    for r in range(number.size):
        offset = row_offset(kf, v, r, k_f, p)
        u = place(k, ki[v, r], offset, transfer, length, rows, r)
        if not 0.0 <= u < number[r]:
            return -1
        flat += int(u) * stride[r]
    return flat


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
