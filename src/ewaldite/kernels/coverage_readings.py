"""Variances of a coverage from the monitor: sums over all that one reading of it shares."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.coverage import COVERAGE, ERRORS, WIDTH, Record
from ewaldite.kernels.coverage_places import block_limits, place_pixels
from ewaldite.kernels.cut_tables import BinTable, FluxTable, PixelTable, ViewTable, is_blocked
from ewaldite.kernels.cut_walk import BLOCK, room_for_lines, share_cells

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


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
    record: Record,
) -> int:
    """Variances of the sums of :mod:`ewaldite.kernels.coverage` from errors of the monitor.

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
        As there.
    squares:
        The variances, its last columns, grow; dims (bin, column).
    record:
        Room for bin, group and coverage of each term; what does not fit is left out.

    Returns
    -------
    :
        How many terms there were, also beyond the room.
    """
    counts, count_of, cells = flux.counts, flux.count_of, flux.cells
    edges, usable, blocked = flux.edges, flux.usable, flux.blocked
    rows, number, stride = grid.rows, grid.number, grid.stride
    chosen = np.flatnonzero(pixels.table[:, 1] > 0.0)
    weight = pixels.table[:, 1][chosen]
    k_f = blocks_of(chosen, pixels)
    limits = block_limits(k_f, flux, views, grid, k2)
    start, end, work, where, share, cell = room_for_lines(number)
    here = np.zeros((squares.shape[0], ERRORS))
    touched = np.empty(squares.shape[0], np.int64)
    terms = 0
    for g in range(first, last):
        used = 0
        for e in range(bounds[g], bounds[g + 1]):
            j, m = members[e, 0], members[e, 1]
            count, masked = counts[count_of[j] + m], flux.block_of[j]
            if count <= 0.0:
                continue
            k0, k1 = edges[flux.edge_of[j] + m], edges[flux.edge_of[j] + m + 1]
            # of the amounts of a cell, those that its pixel does not know
            width = k2 * (k1 * k1 - k0 * k0) if usable[count_of[j] + m] else 0.0
            for v in range(views.first[j], views.first[j + 1]):
                sight = (views.ki[v], views.kf[v], views.beam[v])
                for b in range(limits.shape[1]):
                    if not limits[v, b, 0] <= m < limits[v, b, 1]:
                        continue
                    place_pixels(k0, *sight, k_f[b], k2, rows, start)
                    place_pixels(k1, *sight, k_f[b], k2, rows, end)
                    p0, done = b * BLOCK, 0
                    n = min(chosen.size - p0, BLOCK)
                    while done < n:
                        found, done = share_cells(
                            start, end, done, n, number, stride, work, where, share, cell
                        )
                        for t in range(found):
                            i, p = where[t], p0 + cell[t]
                            if masked >= 0 and is_blocked(
                                blocked, masked, cells[j], chosen[p], m
                            ):
                                continue
                            if here[i, COVERAGE] == 0.0:
                                touched[used] = i
                                used += 1
                            here[i, COVERAGE] += share[t] * weight[p] * count
                            here[i, WIDTH] += share[t] * width
        terms = _close_reading(g, relative[g], touched[:used], here, squares, record, terms)
    return terms


@numba.njit(nogil=True, cache=True)
def blocks_of(chosen: IntArray, pixels: PixelTable) -> FloatArray:
    """Final wavevectors and energies of pixels, the last one repeated to fill a block.

    Parameters
    ----------
    chosen:
        Rows of ``pixels``; dims (chosen), int64.
    pixels:
        Of the cut.

    Returns
    -------
    :
        As :func:`~ewaldite.kernels.coverage_places.block_limits` takes them; dims (block,
        xyz energy, pixel).
    """
    k_f = np.empty(((chosen.size + BLOCK - 1) // BLOCK, 4, BLOCK))
    for t in range(k_f.shape[0] * BLOCK):
        p = chosen[min(t, chosen.size - 1)]
        for x in range(3):
            k_f[t // BLOCK, x, t % BLOCK] = pixels.k_f[p, x]
        k_f[t // BLOCK, 3, t % BLOCK] = pixels.table[p, 0]
    return k_f


@numba.njit(nogil=True, cache=True)
def _close_reading(
    g: int,
    variance: float,
    touched: IntArray,
    here: FloatArray,
    squares: FloatArray,
    record: Record,
    terms: int,
) -> int:
    """Add the squares of what a reading has put into bins to the variances, and empty them."""
    of_squares = squares.shape[1] - ERRORS
    for i in touched:
        for c in range(ERRORS):
            squares[i, of_squares + c] += here[i, c] * here[i, c] * variance
        if terms < record[0].size:
            record[0][terms] = i
            record[1][terms] = g
            record[2][terms] = here[i, COVERAGE]
        terms += 1
        for c in range(ERRORS):
            here[i, c] = 0.0
    return terms
