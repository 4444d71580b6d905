"""What a bin of a cut would count for S = 1: sums over pixels, settings and incident energies.

A **cell** is a pixel, a setting and an interval of incident wavenumber. It carries two amounts:
``n w`` with the monitor's counts n of the interval and the pixel's weight w = N_b k_f (the
coverage), and its width in energy. They are shared out along the line that the cell is in the
cut. Beside the sums go their variances: an error of the weight is common to all cells of a
pixel, an error of the monitor to all cells of an interval, so sums are closed pixel by
pixel here, or interval by interval (:mod:`ewaldite.kernels.coverage_readings`), and then
squared.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.coverage_places import interval_range, place_edges
from ewaldite.kernels.cut_rows import offset_of, row_offset
from ewaldite.kernels.cut_tables import BinTable, FluxTable, PixelTable, ViewTable, is_blocked
from ewaldite.kernels.cut_walk import BLOCK, room_for_lines, share_cells

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

Record = tuple[IntArray, IntArray, FloatArray]

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
    record: Record,
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
    k_f, table, blocked = pixels.k_f, pixels.table, flux.blocked
    number, stride = grid.number, grid.stride
    amounts = cell_amounts(flux, k2)
    start, end, work, where, share, cell = room_for_lines(number)
    offset = np.empty(number.size)
    touched = np.empty(bins.shape[0], np.int64)
    terms = 0
    for p in chosen:
        energy, weight = table[p, 0], table[p, 1]
        if not weight > 0.0:
            continue
        used = 0
        for v in range(views.step.size):
            j = views.step[v]
            cells, e0, c0, masked = (
                flux.cells[j],
                flux.edge_of[j],
                flux.count_of[j],
                flux.block_of[j],
            )
            if cells == 0:
                continue
            for r in range(offset.size):
                offset[r] = row_offset(views.kf, v, r, k_f, p)
            along = offset_of(views.beam, v, k_f, p)
            edge = flux.edges[e0 : e0 + cells + 1]
            m0, m1 = interval_range(edge, views.ki[v], offset, energy, k2, grid.rows, number)
            while m0 < m1:
                n = min(m1 - m0, BLOCK)
                place_edges(
                    edge[m0 : m0 + n + 1], views.ki[v], offset, energy, along, k2, grid.rows,
                    start, end,
                )  # fmt: skip
                done = 0
                while done < n:
                    found, done = share_cells(
                        start, end, done, n, number, stride, work, where, share, cell
                    )
                    # written out here: a call with all that it needs costs more than it does
                    t = 0
                    while t < found:
                        i = where[t]
                        n_w = wide = span = 0.0
                        while t < found and where[t] == i:
                            m, part = m0 + cell[t], share[t]
                            t += 1
                            if masked >= 0 and is_blocked(blocked, masked, cells, p, m):
                                continue
                            n_w += part * amounts[c0 + m, COVERAGE]
                            wide += part * amounts[c0 + m, WIDTH]
                            span += part * amounts[c0 + m, SPAN]
                        if span > 0.0:
                            if bins[i, SPAN] == 0.0:
                                touched[used] = i
                                used += 1
                            bins[i, COVERAGE] += n_w * weight
                            bins[i, WIDTH] += wide
                            bins[i, SPAN] += span
                m0 += n
        terms = _close_pixel(p, table[p, 2], touched[:used], bins, record, terms)
    return terms


@numba.njit(nogil=True, cache=True)
def _close_pixel(
    p: int, variance: float, touched: IntArray, bins: FloatArray, record: Record, terms: int
) -> int:
    """Add what a pixel has put into bins to the sums, and its squares to their variances."""
    for i in touched:
        for c in range(AMOUNTS):
            bins[i, SUMS + c] += bins[i, c]
        for c in range(ERRORS):
            bins[i, SQUARES + c] += bins[i, c] * bins[i, c] * variance
        if terms < record[0].size:
            record[0][terms] = i
            record[1][terms] = p
            record[2][terms] = bins[i, COVERAGE]
        terms += 1
        for c in range(AMOUNTS):
            bins[i, c] = 0.0
    return terms
