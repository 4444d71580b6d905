"""What a thread of a GPU does for the coverage of a cut."""

from __future__ import annotations

import math

import numpy as np
from numba import cuda
from numpy.typing import NDArray

from ewaldite.kernels.coverage import AMOUNTS, COVERAGE, ERRORS, SPAN, SUMS, WIDTH, Record
from ewaldite.kernels.coverage_places import window
from ewaldite.kernels.cut_rows import LENGTH, length_of, offset_of, place, row_offset
from ewaldite.kernels.cut_tables import BinTable, FluxTable, PixelTable, ViewTable, is_blocked

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Most rows of a cut: four axes, and ranges that are integrated over.
ROWS = 12


@cuda.jit(device=True)
def _first_above(edges: FloatArray, low: int, high: int, k: float) -> int:
    """First of ``edges[low:high]`` that is not below k, counted from the beginning."""
    while low < high:
        middle = (low + high) // 2
        if edges[middle] < k:
            low = middle + 1
        else:
            high = middle
    return low


@cuda.jit(device=True)
def _share_out(
    start: FloatArray,
    end: FloatArray,
    current: IntArray,
    grid: BinTable,
    coverage: float,
    width: float,
    span: float,
    sums: FloatArray,
    slot: int,
) -> None:
    """Add a cell to the bins that its line passes, by length.

    The walk is that of :func:`ewaldite.kernels.cut_walk.spread`, whose lists of bins would
    not fit into the registers of a thread.
    """
    number, stride = grid.number, grid.stride
    for r in range(number.size):
        first = min(max(math.floor(start[r]), -1), number[r])
        last = min(max(math.floor(end[r]), -1), number[r])
        if first == last and (first < 0 or first == number[r]):
            return
        current[r] = int(first)
    done = 0.0
    while True:
        flat, inside = 0, True
        until, which = 1.0, -1
        for r in range(number.size):
            inside = inside and 0 <= current[r] < number[r]
            flat += current[r] * stride[r]
            run = end[r] - start[r]
            if run != 0.0:
                plane = (current[r] + (1 if run > 0.0 else 0) - start[r]) / run
                if plane < until:
                    until, which = plane, r
        share = until - done
        if inside and share > 0.0:
            cuda.atomic.add(sums, (slot, flat, COVERAGE), share * coverage)
            cuda.atomic.add(sums, (slot, flat, WIDTH), share * width)
            cuda.atomic.add(sums, (slot, flat, SPAN), share * span)
        if which < 0:
            return
        done = max(done, until)
        up = end[which] > start[which]
        current[which] += 1 if up else -1
        if current[which] >= number[which] if up else current[which] < 0:
            return


@cuda.jit
def cells_of_pixels(
    chosen: IntArray,
    pixel: PixelTable,
    flux: FluxTable,
    views: ViewTable,
    grid: BinTable,
    k2: float,
    sums: FloatArray,
) -> None:
    """Add the cells of a pixel in a view to the grid of the pixel."""
    v, slot = cuda.grid(2)
    if v >= views.step.size or slot >= chosen.size:
        return
    p, j = chosen[slot], views.step[v]
    weight, energy = pixel.table[p, 1], pixel.table[p, 0]
    if not weight > 0.0 or flux.cells[j] == 0:
        return
    rows, number = grid.rows, grid.number
    offset = cuda.local.array(ROWS, np.float64)
    start, end = cuda.local.array(ROWS, np.float64), cuda.local.array(ROWS, np.float64)
    current = cuda.local.array(ROWS, np.int64)
    any_length = False
    for r in range(number.size):
        offset[r] = row_offset(views.kf, v, r, pixel.k_f, p)
        any_length |= rows[r, LENGTH] != 0.0
    size, along = math.sqrt(energy / k2), offset_of(views.beam, v, pixel.k_f, p)
    e0 = flux.edge_of[j]
    e1 = e0 + flux.cells[j]
    edges, ki = flux.edges, views.ki[v]
    low, high = window(ki, offset, rows, number, energy, k2, edges[e0], edges[e1])
    if low > high:
        return
    m0 = max(_first_above(edges, e0, e1 + 1, low) - e0 - 2, 0)
    m1 = min(_first_above(edges, e0, e1 + 1, high) - e0 + 1, flux.cells[j])
    for m in range(m0, m1 + 1):
        k = edges[e0 + m]
        length = length_of(k, size, along) if any_length else 0.0
        for r in range(number.size):
            start[r] = end[r]
            end[r] = place(k, ki[r], offset[r], k2 * k * k - energy, length, rows, r)
        if m == m0:
            continue
        at = flux.count_of[j] + m - 1
        n = flux.counts[at]
        if n < 0.0 or is_blocked(flux.blocked, flux.block_of[j], flux.cells[j], p, m - 1):
            continue
        span = k2 * (k * k - edges[e0 + m - 1] * edges[e0 + m - 1])
        width = span if flux.usable[at] else 0.0
        _share_out(start, end, current, grid, n * weight, width, span, sums, slot)


@cuda.jit
def cells_of_readings(
    members: IntArray,
    slots: IntArray,
    pixel: PixelTable,
    flux: FluxTable,
    views: ViewTable,
    grid: BinTable,
    k2: float,
    sums: FloatArray,
) -> None:
    """Add the cells of a pixel in an interval to the grid of the reading."""
    p, e = cuda.grid(2)
    if p >= pixel.table.shape[0] or e >= members.shape[0] or not pixel.table[p, 1] > 0.0:
        return
    j, m = members[e, 0], members[e, 1]
    at, energy = flux.count_of[j] + m, pixel.table[p, 0]
    n = flux.counts[at]
    if n <= 0.0 or is_blocked(flux.blocked, flux.block_of[j], flux.cells[j], p, m):
        return
    rows, number = grid.rows, grid.number
    start, end = cuda.local.array(ROWS, np.float64), cuda.local.array(ROWS, np.float64)
    current = cuda.local.array(ROWS, np.int64)
    any_length = False
    for r in range(number.size):
        any_length |= rows[r, LENGTH] != 0.0
    k0, k1 = flux.edges[flux.edge_of[j] + m], flux.edges[flux.edge_of[j] + m + 1]
    span = k2 * k1 * k1 - k2 * k0 * k0
    width = span if flux.usable[at] else 0.0
    size = math.sqrt(energy / k2)
    for v in range(views.first[j], views.first[j + 1]):
        length0 = length1 = 0.0
        if any_length:
            along = offset_of(views.beam, v, pixel.k_f, p)
            length0, length1 = length_of(k0, size, along), length_of(k1, size, along)
        for r in range(number.size):
            a, b = views.ki[v, r], row_offset(views.kf, v, r, pixel.k_f, p)
            start[r] = place(k0, a, b, k2 * k0 * k0 - energy, length0, rows, r)
            end[r] = place(k1, a, b, k2 * k1 * k1 - energy, length1, rows, r)
        amount = n * pixel.table[p, 1]
        _share_out(start, end, current, grid, amount, width, span, sums, slots[e])


@cuda.jit
def close(
    sums: FloatArray,
    names: IntArray,
    variance: FloatArray,
    with_sums: bool,
    bins: FloatArray,
    record: Record,
    terms: IntArray,
) -> None:
    """Add the grids to the sums of a bin and their squares to its variances, and empty them."""
    i = cuda.grid(1)
    if i >= bins.shape[0]:
        return
    of_squares = bins.shape[1] - ERRORS
    for slot in range(names.size):
        if sums[slot, i, SPAN] == 0.0:
            continue
        for c in range(AMOUNTS):
            if with_sums:
                bins[i, SUMS + c] += sums[slot, i, c]
            if c < ERRORS:
                bins[i, of_squares + c] += sums[slot, i, c] ** 2 * variance[slot]
        t = cuda.atomic.add(terms, 0, 1)
        if t < record[0].size:
            record[0][t] = i
            record[1][t] = names[slot]
            record[2][t] = sums[slot, i, COVERAGE]
        for c in range(AMOUNTS):
            sums[slot, i, c] = 0.0
