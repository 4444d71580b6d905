"""What a bin of a cut would count for S = 1: sums over pixels, settings and incident energies.

A **cell** is a pixel, a setting and an interval of incident wavenumber. It carries two amounts:
``n w`` with the monitor's counts n of the interval and the pixel's weight w = N_b k_f (the
coverage), and its width in energy. They are shared out along the line that the cell is in the
cut. Beside the sums go their variances: an error of the weight is common to all cells of a
pixel, an error of the monitor to all cells of an interval, so sums are closed pixel by
pixel, or interval by interval, and then squared.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.cut_tables import (
    BinTable,
    FluxTable,
    PixelTable,
    ViewTable,
    is_blocked,
)
from ewaldite.kernels.cut_walk import (
    ENERGY,
    INVERSE,
    LENGTH,
    LOW,
    length_of,
    most_bins,
    offset_of,
    place,
    row_offset,
    spread,
)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

COVERAGE = 0  # Σ n w
WIDTH = 1  # Σ ΔE_i of cells that may be divided by
SPAN = 2  # Σ ΔE_i of all cells
AMOUNTS = 3
ERRORS = 2  # amounts that have variances: all but the span
# A bin has all of its numbers in one line of the cache: what the pixel or interval at work has
# put there, the sums, and their variances
SUMS = AMOUNTS
SQUARES = 2 * AMOUNTS
COLUMNS = SQUARES + ERRORS
_NOTES = 4096


@numba.njit(nogil=True, cache=True)
def settle(
    noted: IntArray, amounts: FloatArray, n: int, bins: FloatArray, touched: IntArray, used: int
) -> int:
    """Put noted amounts into their bins.

    Bins of a large grid are far apart in memory. A loop that does nothing else waits for many
    of them at once; amounts that were put there as they come would wait for each.

    Parameters
    ----------
    noted, amounts:
        Bins and what belongs there; dims (note), (note, amount).
    n:
        Notes that count.
    bins:
        The first columns grow; dims (bin, column).
    touched:
        Bins with something in these, of which the first ``used`` count; dims (bin).
    used:
        How many.

    Returns
    -------
    :
        How many bins are touched now.
    """
    for t in range(n):
        i = noted[t]
        if bins[i, SPAN] == 0.0:
            touched[used] = i
            used += 1
        for c in range(AMOUNTS):
            bins[i, c] += amounts[t, c]
    return used


@numba.njit(nogil=True, cache=True)
def window(
    a: FloatArray,
    offset: FloatArray,
    rows: FloatArray,
    number: IntArray,
    energy: float,
    k2: float,
    low: float,
    high: float,
) -> tuple[float, float]:
    """Narrow a range of incident wavenumber to where rows of one term are inside.

    Parameters
    ----------
    a, offset:
        Coefficient of k_i and part of k_f; dims (row).
    rows, number:
        Table of rows; dims (row, column), (row).
    energy:
        Final energy, meV.
    k2:
        ħ²/2m, meV Å².
    low, high:
        1/Å.

    Returns
    -------
    :
        Lower and upper end, 1/Å; lower above upper where nothing is inside.
    """
    for r in range(number.size):
        if rows[r, LENGTH] != 0.0:
            continue
        bottom = rows[r, LOW] + offset[r]
        top = bottom + number[r] / rows[r, INVERSE]
        if rows[r, ENERGY] == 0.0:
            if a[r] == 0.0:
                if not (bottom <= 0.0 < top):
                    return 1.0, 0.0
                continue
            first, second = bottom / a[r], top / a[r]
        elif a[r] == 0.0:
            scale = 1.0 / rows[r, ENERGY]
            first = math.sqrt(max((bottom * scale + energy) / k2, 0.0))
            second = math.sqrt(max((top * scale + energy) / k2, 0.0))
        else:
            continue
        low = max(low, min(first, second))
        high = min(high, max(first, second))
    return low, high


@numba.njit(nogil=True, cache=True)
def by_pixel(
    chosen: IntArray,
    pixel: PixelTable,
    flux: FluxTable,
    views: ViewTable,
    grid: BinTable,
    k2: float,
    bins: FloatArray,
    record: tuple[IntArray, IntArray, FloatArray],
) -> int:
    """Sum cells pixel by pixel.

    Parameters
    ----------
    chosen:
        Pixels to sum; dims (chosen), int64.
    pixel, flux, views, grid:
        The cut; see :mod:`ewaldite.kernels.cut_tables`.
    k2:
        ħ²/2m, meV Å².
    bins:
        Zeros in the first columns; the sums grow, and their variances from ``pixels``;
        dims (bin, column).
    record:
        Room for bin, pixel and coverage of each term; what does not fit is left out.

    Returns
    -------
    :
        How many terms there were, also beyond the room.
    """
    k_f, pixels = pixel.k_f, pixel.table
    edges, edge_of, counts, usable = flux.edges, flux.edge_of, flux.counts, flux.usable
    count_of, cells = flux.count_of, flux.cells
    blocked, block_of = flux.blocked, flux.block_of
    view_step, view_ki, view_kf, view_beam = views.step, views.ki, views.kf, views.beam
    rows, number, stride = grid.rows, grid.number, grid.stride
    n_rows = number.size
    offset = np.empty(n_rows)
    start, end = np.empty(n_rows), np.empty(n_rows)
    current, index = np.empty(n_rows, np.int64), np.empty(n_rows, np.int64)
    most = most_bins(number)
    where, share = np.empty(most, np.int64), np.empty(most)
    noted, amounts = np.empty(_NOTES + most, np.int64), np.empty((_NOTES + most, AMOUNTS))
    carried = np.empty(AMOUNTS)
    touched = np.empty(bins.shape[0], np.int64)
    terms = 0
    any_length = bool(np.any(rows[:, LENGTH] != 0.0))
    for p in chosen:
        weight = pixels[p, 1]
        if not weight > 0.0:
            continue
        energy = pixels[p, 0]
        size = math.sqrt(energy / k2)
        used = notes = 0
        for v in range(view_step.size):
            j = view_step[v]
            if cells[j] == 0:
                continue
            for r in range(n_rows):
                offset[r] = row_offset(view_kf, v, r, k_f, p)
            along = offset_of(view_beam, v, k_f, p)
            edge = edges[edge_of[j] : edge_of[j] + cells[j] + 1]
            low, high = window(view_ki[v], offset, rows, number, energy, k2, edge[0], edge[-1])
            if low > high:
                continue
            # a cell more on each side: the window is rounded
            m0 = max(int(np.searchsorted(edge, low)) - 2, 0)
            m1 = min(int(np.searchsorted(edge, high)) + 1, int(cells[j]))
            for m in range(m0, m1 + 1):
                k = edge[m]
                transfer = k2 * k * k - energy
                length = 0.0
                if any_length:
                    length = length_of(k, size, along)
                same, flat = m > m0, 0
                for r in range(n_rows):
                    u = place(k, view_ki[v, r], offset[r], transfer, length, rows, r)
                    i = math.floor(u)
                    same &= i == index[r]
                    flat = flat + i * stride[r] if 0 <= i < number[r] and flat >= 0 else -1
                    index[r] = i
                    start[r] = end[r]
                    end[r] = u
                if m == m0 or (same and flat < 0):
                    continue
                n = counts[count_of[j] + m - 1]
                if n < 0.0 or is_blocked(blocked, block_of[j], cells[j], p, m - 1):
                    continue
                carried[COVERAGE] = n * weight
                carried[SPAN] = k2 * (k * k - edge[m - 1] * edge[m - 1])
                carried[WIDTH] = carried[SPAN] if usable[count_of[j] + m - 1] else 0.0
                if same and notes > 0 and noted[notes - 1] == flat:
                    for c in range(AMOUNTS):
                        amounts[notes - 1, c] += carried[c]
                    continue
                bins_here = 1
                if same:
                    where[0], share[0] = flat, 1.0
                else:
                    bins_here = spread(start, end, number, stride, current, where, share)
                for b in range(bins_here):
                    noted[notes] = where[b]
                    for c in range(AMOUNTS):
                        amounts[notes, c] = share[b] * carried[c]
                    notes += 1
                if notes > _NOTES:
                    used = settle(noted, amounts, notes, bins, touched, used)
                    notes = 0
        used = settle(noted, amounts, notes, bins, touched, used)
        for t in range(used):
            i = touched[t]
            b = bins[i]
            for c in range(AMOUNTS):
                b[SUMS + c] += b[c]
            for c in range(ERRORS):
                b[SQUARES + c] += b[c] * b[c] * pixels[p, 2]
            if terms < record[0].size:
                record[0][terms] = i
                record[1][terms] = p
                record[2][terms] = b[COVERAGE]
            terms += 1
            for c in range(AMOUNTS):
                b[c] = 0.0
    return terms


@numba.njit(nogil=True, cache=True)
def by_interval(
    members: IntArray,
    bounds: IntArray,
    first: int,
    last: int,
    relative: FloatArray,
    pixel: PixelTable,
    flux: FluxTable,
    views: ViewTable,
    grid: BinTable,
    k2: float,
    bins: FloatArray,
    record: tuple[IntArray, IntArray, FloatArray],
) -> int:
    """Variances of the sums of :func:`by_pixel` from errors that an interval's cells share.

    Parameters
    ----------
    members:
        Step and interval of all members of all groups, a group being one independent reading
        of the monitor; dims (member, 2), int64.
    bounds:
        First member of a group; dims (group + 1), int64.
    first, last:
        Range of groups.
    relative:
        Relative variance of a group's counts; dims (group).
    pixel, flux, views, grid, k2:
        As in :func:`by_pixel`.
    bins:
        Zeros in the first columns; the variances grow; dims (bin, column).
    record:
        Room for bin, group and coverage of each term; what does not fit is left out.

    Returns
    -------
    :
        How many terms there were, also beyond the room.
    """
    k_f, pixels = pixel.k_f, pixel.table
    edges, edge_of, counts, usable = flux.edges, flux.edge_of, flux.counts, flux.usable
    count_of, cells = flux.count_of, flux.cells
    blocked, block_of = flux.blocked, flux.block_of
    step_views, view_ki, view_kf, view_beam = views.first, views.ki, views.kf, views.beam
    rows, number, stride = grid.rows, grid.number, grid.stride
    n_rows = number.size
    start, end = np.empty(n_rows), np.empty(n_rows)
    current = np.empty(n_rows, np.int64)
    most = most_bins(number)
    where, share = np.empty(most, np.int64), np.empty(most)
    noted, amounts = np.empty(_NOTES + most, np.int64), np.empty((_NOTES + most, AMOUNTS))
    carried = np.empty(AMOUNTS)
    touched = np.empty(bins.shape[0], np.int64)
    terms = 0
    any_length = bool(np.any(rows[:, LENGTH] != 0.0))
    length0 = length1 = 0.0
    for g in range(first, last):
        used = notes = 0
        for e in range(bounds[g], bounds[g + 1]):
            j, m = members[e, 0], members[e, 1]
            n = counts[count_of[j] + m]
            if n < 0.0:
                continue
            k0, k1 = edges[edge_of[j] + m], edges[edge_of[j] + m + 1]
            e0, e1 = k2 * k0 * k0, k2 * k1 * k1
            carried[SPAN] = e1 - e0
            carried[WIDTH] = carried[SPAN] if usable[count_of[j] + m] else 0.0
            for v in range(step_views[j], step_views[j + 1]):
                for p in range(pixels.shape[0]):
                    if not pixels[p, 1] > 0.0:
                        continue
                    if is_blocked(blocked, block_of[j], cells[j], p, m):
                        continue
                    if any_length:
                        along = offset_of(view_beam, v, k_f, p)
                        size = math.sqrt(pixels[p, 0] / k2)
                        length0 = length_of(k0, size, along)
                        length1 = length_of(k1, size, along)
                    same, flat, outside = True, 0, False
                    for r in range(n_rows):
                        b = row_offset(view_kf, v, r, k_f, p)
                        a = view_ki[v, r]
                        u0 = place(k0, a, b, e0 - pixels[p, 0], length0, rows, r)
                        u1 = place(k1, a, b, e1 - pixels[p, 0], length1, rows, r)
                        if max(u0, u1) < 0.0 or min(u0, u1) >= number[r]:
                            outside = True
                            break
                        start[r], end[r] = u0, u1
                        i = math.floor(u0)
                        same &= i == math.floor(u1)
                        flat += i * stride[r]
                    if outside:
                        continue
                    carried[COVERAGE] = n * pixels[p, 1]
                    bins_here = 1
                    if same:
                        where[0], share[0] = flat, 1.0
                    else:
                        bins_here = spread(start, end, number, stride, current, where, share)
                    for c in range(bins_here):
                        noted[notes] = where[c]
                        for d in range(AMOUNTS):
                            amounts[notes, d] = share[c] * carried[d]
                        notes += 1
                    if notes > _NOTES:
                        used = settle(noted, amounts, notes, bins, touched, used)
                        notes = 0
        used = settle(noted, amounts, notes, bins, touched, used)
        for t in range(used):
            i = touched[t]
            b_i = bins[i]
            for c in range(ERRORS):
                b_i[SQUARES + c] += b_i[c] * b_i[c] * relative[g]
            if terms < record[0].size:
                record[0][terms] = i
                record[1][terms] = g
                record[2][terms] = b_i[COVERAGE]
            terms += 1
            for c in range(AMOUNTS):
                b_i[c] = 0.0
    return terms
