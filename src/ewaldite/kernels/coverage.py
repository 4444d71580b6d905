"""What a bin of a cut would count for S = 1: sums over pixels, settings and incident energies.

A **cell** is a pixel, a setting and an interval of incident wavenumber. It carries two amounts:
``n w`` with the monitor's counts n of the interval and the pixel's weight w = N_b k_f (the
coverage), and its width in energy. They are shared out along the line that the cell is in the
cut. Beside the sums go their variances: an error of the weight is common to all cells of a
pixel, an error of the monitor to all cells of an interval, so sums are closed pixel by
pixel, or interval by interval, and then squared.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.coverage_places import (
    block_limits,
    place_edges,
    place_pixels,
    window,
)
from ewaldite.kernels.cut_tables import (
    BinTable,
    FluxTable,
    PixelTable,
    ViewTable,
    is_blocked,
)
from ewaldite.kernels.cut_walk import (
    BLOCK,
    WORK,
    most_bins,
    share_cells,
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


@numba.njit(nogil=True, cache=True)
def cell_amounts(flux: FluxTable, k2: float) -> FloatArray:
    """Amounts of a cell but for the weight of its pixel; dims (step · interval, amount)."""
    amounts = np.zeros((flux.counts.size, AMOUNTS))
    for j in range(flux.cells.size):
        for m in range(flux.cells[j]):
            c, e = flux.count_of[j] + m, flux.edge_of[j] + m
            if flux.counts[c] >= 0.0:
                span = k2 * (flux.edges[e + 1] ** 2 - flux.edges[e] ** 2)
                amounts[c, COVERAGE], amounts[c, SPAN] = flux.counts[c], span
                amounts[c, WIDTH] = span if flux.usable[c] else 0.0
    return amounts


@numba.njit(nogil=True, cache=True)
def by_pixel(
    chosen: IntArray,
    pixels: PixelTable,
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
    pixels, flux, views, grid:
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
    table, k_f = pixels.table, pixels.k_f
    edges, edge_of, cells = flux.edges, flux.edge_of, flux.cells
    amounts, count_of = cell_amounts(flux, k2), flux.count_of
    blocked, block_of = flux.blocked, flux.block_of
    rows, number, stride = grid.rows, grid.number, grid.stride
    n_rows = number.size
    offset = np.empty(n_rows)
    start, end = np.empty((n_rows, BLOCK + 1)), np.empty((n_rows, BLOCK))
    work = np.empty((WORK, BLOCK))
    most = 2 * BLOCK + most_bins(number)
    where, share, cell = np.empty(most, np.int64), np.empty(most), np.empty(most, np.int64)
    touched = np.empty(bins.shape[0], np.int64)
    terms = 0
    for p in chosen:
        energy, weight = table[p, 0], table[p, 1]
        if not weight > 0.0:
            continue
        used = 0
        for v in range(views.step.size):
            j = views.step[v]
            if cells[j] == 0:
                continue
            for r in range(n_rows):
                offset[r] = (
                    views.kf[v, r, 0] * k_f[p, 0]
                    + views.kf[v, r, 1] * k_f[p, 1]
                    + views.kf[v, r, 2] * k_f[p, 2]
                )
            along = 0.0
            for x in range(3):
                along += views.beam[v, x] * k_f[p, x]
            e0, c0, masked = edge_of[j], count_of[j], block_of[j]
            edge = edges[e0 : e0 + cells[j] + 1]
            low, high = window(views.ki[v], offset, rows, number, energy, k2, edge[0], edge[-1])
            if low > high:
                continue
            # a cell more on each side: the window is rounded
            m0 = max(int(np.searchsorted(edge, low)) - 2, 0)
            m1 = min(int(np.searchsorted(edge, high)) + 1, int(cells[j]))
            while m0 < m1:
                n = min(m1 - m0, BLOCK)
                place_edges(
                    edge[m0 : m0 + n + 1],
                    views.ki[v],
                    offset,
                    energy,
                    along,
                    k2,
                    rows,
                    start,
                    end,
                )
                done = 0
                while done < n:
                    found, done = share_cells(
                        start, end, done, n, number, stride, work, where, share, cell
                    )
                    last = -1
                    n_w = wide = span = 0.0
                    for t in range(found):
                        m, part, i = m0 + cell[t], share[t], where[t]
                        if i != last:
                            if span > 0.0:
                                if bins[last, SPAN] == 0.0:
                                    touched[used] = last
                                    used += 1
                                bins[last, COVERAGE] += n_w * weight
                                bins[last, WIDTH] += wide
                                bins[last, SPAN] += span
                            last = i
                            n_w = wide = span = 0.0
                        if masked >= 0 and is_blocked(blocked, masked, cells[j], p, m):
                            continue
                        n_w += part * amounts[c0 + m, COVERAGE]
                        wide += part * amounts[c0 + m, WIDTH]
                        span += part * amounts[c0 + m, SPAN]
                    if span > 0.0:
                        if bins[last, SPAN] == 0.0:
                            touched[used] = last
                            used += 1
                        bins[last, COVERAGE] += n_w * weight
                        bins[last, WIDTH] += wide
                        bins[last, SPAN] += span
                m0 += n
        for t in range(used):
            i = touched[t]
            for c in range(AMOUNTS):
                bins[i, SUMS + c] += bins[i, c]
            for c in range(ERRORS):
                bins[i, SQUARES + c] += bins[i, c] * bins[i, c] * table[p, 2]
            if terms < record[0].size:
                record[0][terms] = i
                record[1][terms] = p
                record[2][terms] = bins[i, COVERAGE]
            terms += 1
            for c in range(AMOUNTS):
                bins[i, c] = 0.0
    return terms


@numba.njit(nogil=True, cache=True)
def by_interval(
    members: IntArray,
    bounds: IntArray,
    first: int,
    last: int,
    relative: FloatArray,
    pixels: PixelTable,
    flux: FluxTable,
    views: ViewTable,
    grid: BinTable,
    k2: float,
    squares: FloatArray,
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
    pixels, flux, views, grid, k2:
        As in :func:`by_pixel`.
    squares:
        The variances, its last columns, grow; dims (bin, column).
    record:
        Room for bin, group and coverage of each term; what does not fit is left out.

    Returns
    -------
    :
        How many terms there were, also beyond the room.
    """
    edges, edge_of, cells = flux.edges, flux.edge_of, flux.cells
    counts, usable, count_of = flux.counts, flux.usable, flux.count_of
    blocked, block_of = flux.blocked, flux.block_of
    rows, number, stride = grid.rows, grid.number, grid.stride
    chosen = np.flatnonzero(pixels.table[:, 1] > 0.0)
    weight = pixels.table[:, 1][chosen]
    k_f = np.empty(((chosen.size + BLOCK - 1) // BLOCK, 4, BLOCK))
    for t in range(k_f.shape[0] * BLOCK):
        p = chosen[min(t, chosen.size - 1)]
        for x in range(3):
            k_f[t // BLOCK, x, t % BLOCK] = pixels.k_f[p, x]
        k_f[t // BLOCK, 3, t % BLOCK] = pixels.table[p, 0]
    limits = block_limits(k_f, flux, views, grid, k2)
    n_rows = number.size
    start, end = np.empty((n_rows, BLOCK)), np.empty((n_rows, BLOCK))
    work = np.empty((WORK, BLOCK))
    most = 2 * BLOCK + most_bins(number)
    where, share, cell = np.empty(most, np.int64), np.empty(most), np.empty(most, np.int64)
    here = np.zeros((squares.shape[0], ERRORS))
    touched = np.empty(squares.shape[0], np.int64)
    of_squares = squares.shape[1] - ERRORS
    terms = 0
    for g in range(first, last):
        used = 0
        for e in range(bounds[g], bounds[g + 1]):
            j, m = members[e, 0], members[e, 1]
            count = counts[count_of[j] + m]
            if count <= 0.0:
                continue
            masked = block_of[j]
            k0, k1 = edges[edge_of[j] + m], edges[edge_of[j] + m + 1]
            # of the amounts of a cell, those that its pixel does not know
            width = k2 * (k1 * k1 - k0 * k0) if usable[count_of[j] + m] else 0.0
            for v in range(views.first[j], views.first[j + 1]):
                for b in range(limits.shape[1]):
                    if not limits[v, b, 0] <= m < limits[v, b, 1]:
                        continue
                    p0 = b * BLOCK
                    n = min(chosen.size - p0, BLOCK)
                    sight = (views.ki[v], views.kf[v], views.beam[v])
                    place_pixels(k0, *sight, k_f[b], k2, rows, start)
                    place_pixels(k1, *sight, k_f[b], k2, rows, end)
                    done = 0
                    while done < n:
                        found, done = share_cells(
                            start, end, done, n, number, stride, work, where, share, cell
                        )
                        for t in range(found):
                            p = p0 + cell[t]
                            if masked >= 0 and is_blocked(
                                blocked, masked, cells[j], chosen[p], m
                            ):
                                continue
                            i = where[t]
                            if here[i, COVERAGE] == 0.0:
                                touched[used] = i
                                used += 1
                            here[i, COVERAGE] += share[t] * weight[p] * count
                            here[i, WIDTH] += share[t] * width
        for t in range(used):
            i = touched[t]
            for c in range(ERRORS):
                squares[i, of_squares + c] += here[i, c] * here[i, c] * relative[g]
            if terms < record[0].size:
                record[0][terms] = i
                record[1][terms] = g
                record[2][terms] = here[i, COVERAGE]
            terms += 1
            for c in range(ERRORS):
                here[i, c] = 0.0
    return terms
