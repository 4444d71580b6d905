"""Events into the bins of a cut.

Sums are whole numbers, so they are the same in whatever order events and parts of them are
added. A weight is counted in two of them, multiples of a unit and of a 2⁻²⁹th of it: with the
unit a 2⁻²⁹th of the largest weight that there can be, 2³⁴ of them fit and none loses a bit that
a double of the largest would have.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.cut_rows import (
    ENERGY,
    INVERSE,
    LENGTH,
    LOW,
    length_of,
    offset_of,
    place,
)
from ewaldite.kernels.cut_tables import (
    GUIDES,
    BinTable,
    FluxTable,
    PixelTable,
    ViewTable,
)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Why an event is not in a cut; its place in the tally
IN_CUT = 0
OUTSIDE = 1  # in no bin of the cut
NO_PIXEL = 2  # of a pixel that takes no part
NO_FLUX = 3  # at an incident energy without flux
NO_STEP = 4  # in no step of the sample's rotation
MASKED = 5  # in a cell that is masked
REASONS = 6

# Columns of the counts
SIGNAL = 0  # Σ m, m how often symmetry puts the event in the bin
SIGNAL_SQUARE = 1  # Σ m²
WEIGHT = 2  # Σ m / (Φ N_b k_f/k_i); in units, and in parts of one
WEIGHT_SQUARE = 4
EVENT_COLUMNS = 6

#: Bits of a weight in units, and of its rest.
BITS = 29
_PARTS = 2.0**BITS


@numba.njit(nogil=True, cache=True)
def count_images(
    found: IntArray, n: int, weight: float, units: FloatArray, counts: IntArray
) -> None:
    """Add an event to the distinct ones of the bins that it was found in.

    Parameters
    ----------
    found:
        Bins, of which the first ``n`` count, negative for none; changed; dims (image), int64.
    n:
        How many.
    weight:
        Of the event.
    units:
        Of a weight to one, and of the square of a weight; dims (2).
    counts:
        Grow; dims (bin, column), int64.
    """
    for s in range(n):
        flat = found[s]
        if flat < 0:
            continue
        m = 1
        for t in range(s + 1, n):
            if found[t] == flat:
                m += 1
                found[t] = -1
        counts[flat, SIGNAL] += m
        counts[flat, SIGNAL_SQUARE] += m * m
        total = m * weight
        scaled = total * units[0]
        whole = int(scaled)
        counts[flat, WEIGHT] += whole
        counts[flat, WEIGHT + 1] += int((scaled - whole) * _PARTS)
        scaled = total * total * units[1]
        whole = int(scaled)
        counts[flat, WEIGHT_SQUARE] += whole
        counts[flat, WEIGHT_SQUARE + 1] += int((scaled - whole) * _PARTS)


@numba.njit(nogil=True, cache=True)
def weigh_events(
    pixel: NDArray[np.int32],
    k_i: FloatArray,
    step: NDArray[np.int32],
    pixels: PixelTable,
    flux: FluxTable,
    weight: FloatArray,
    reason: NDArray[np.int8],
) -> None:
    """``1 / (Φ N_b k_f/k_i)`` of events, and why one has none (``IN_CUT`` where it has).

    With ``Φ = k_i n / ΔE`` the incident wavenumber cancels: ``ΔE / (n N_b k_f)``. Where a step
    has too few to divide by, the weight is 0: the event counts for the coverage only.

    Parameters
    ----------
    pixel, k_i, step, pixels, flux:
        As in :func:`bin_events`.
    weight, reason:
        Result; dims (event).
    """
    inverse, edges, edge_of, count_of = pixels.inverse, flux.edges, flux.edge_of, flux.count_of
    cells, per_count, guide, guides = flux.cells, flux.per_count, flux.guide, flux.guides
    blocked, block_of = flux.blocked, flux.block_of
    for e in range(pixel.size):
        j, p, k = step[e], pixel[e], k_i[e]
        weight[e] = 0.0
        if j < 0:
            reason[e] = NO_STEP
            continue
        if not inverse[p] > 0.0:
            reason[e] = NO_PIXEL
            continue
        # interval_of and is_blocked, written out: a call costs more than they do
        m, first, n = -1, edge_of[j], cells[j]
        if n > 0 and edges[first] <= k < edges[first + n]:
            m = guide[GUIDES * first + min(int((k - edges[first]) * guides[j]), GUIDES * n - 1)]
            while k < edges[first + m]:
                m -= 1
            while k >= edges[first + m + 1]:
                m += 1
        per = per_count[count_of[j] + m] if m >= 0 else -1.0
        if per < 0.0:
            reason[e] = NO_FLUX
            continue
        hidden, byte = False, block_of[j]
        if byte >= 0:
            byte += p * ((n + 7) // 8) + m // 8
            hidden = ((blocked[byte] >> (m % 8)) & 1) == 1
        reason[e] = MASKED if hidden else IN_CUT
        weight[e] = per * inverse[p]


@numba.njit(nogil=True, cache=True)
def bin_events(
    pixel: NDArray[np.int32],
    k_i: FloatArray,
    step: NDArray[np.int32],
    weight: FloatArray,
    reason: NDArray[np.int8],
    pixels: PixelTable,
    views: ViewTable,
    bins: BinTable,
    k2: float,
    units: FloatArray,
    counts: IntArray,
    tally: IntArray,
) -> None:
    """Add events of steps in which nothing moves.

    Parameters
    ----------
    pixel, step:
        Pixel, and step of the rotation (negative: none); dims (event), int32.
    k_i:
        Incident wavenumber; dims (event), 1/Å.
    weight, reason:
        From :func:`weigh_events`; dims (event).
    pixels, views, bins:
        The cut.
    k2:
        ħ²/2m, meV Å².
    units:
        See :func:`count`.
    counts:
        Grow; dims (bin, column), int64.
    tally:
        Grows; dims (reason), int64.
    """
    rows, number, stride = bins.rows, bins.number, bins.stride
    first, ki, kf, beam = views.first, views.ki, views.kf, views.beam
    table, k_f = pixels.table, pixels.k_f
    found = np.empty(max(int(np.max(np.diff(first))), 1), np.int64)
    any_length = bool(np.any(rows[:, LENGTH] != 0.0))
    for e in range(pixel.size):
        why = reason[e]
        if why != IN_CUT:
            tally[why] += 1
            continue
        j, p, k = step[e], pixel[e], k_i[e]
        transfer, length = k2 * k * k - table[p, 0], 0.0
        n, inside = 0, False
        for v in range(first[j], first[j + 1]):
            if any_length:
                along = offset_of(beam, v, k_f, p)
                length = length_of(k, math.sqrt(table[p, 0] / k2), along)
            flat = 0
            for r in range(number.size):
                # place and row_offset, written out likewise
                u = kf[v, r, 0] * k_f[p, 0] + kf[v, r, 1] * k_f[p, 1] + kf[v, r, 2] * k_f[p, 2]
                u = ki[v, r] * k - u + rows[r, ENERGY] * transfer + rows[r, LENGTH] * length
                u = (u - rows[r, LOW]) * rows[r, INVERSE]
                if not 0.0 <= u < number[r]:
                    flat = -1
                    break
                flat += int(u) * stride[r]
            found[n] = flat
            inside |= flat >= 0
            n += 1
        if inside:
            count_images(found, n, weight[e], units, counts)
        tally[IN_CUT if inside else OUTSIDE] += 1


@numba.njit(nogil=True, cache=True)
def bin_moving(
    pixel: NDArray[np.int32],
    k_i: FloatArray,
    weight: FloatArray,
    reason: NDArray[np.int8],
    a3: FloatArray,
    a4: FloatArray,
    pixels: PixelTable,
    table: FloatArray,
    bins: BinTable,
    k2: float,
    units: FloatArray,
    counts: IntArray,
    tally: IntArray,
) -> None:
    """Add events of which each has its own angles.

    Parameters
    ----------
    a3, a4:
        Rotation of the sample with its offset, and tank angle; dims (event), rad.
    table:
        Rows as linear forms in Q on the sample table, for each symmetry operation;
        dims (operation, row, xyz).
    pixel, k_i, weight, reason, pixels, bins, k2, units, counts, tally:
        As in :func:`bin_events`.
    """
    rows, number, stride = bins.rows, bins.number, bins.stride
    energy, k_f = pixels.table, pixels.k_f
    images, n_rows = table.shape[0], number.size
    found = np.empty(images, np.int64)
    for e in range(pixel.size):
        why = reason[e]
        if why != IN_CUT:
            tally[why] += 1
            continue
        p, k = pixel[e], k_i[e]
        c4, s4 = math.cos(a4[e]), math.sin(a4[e])
        c3, s3 = math.cos(a3[e]), math.sin(a3[e])
        x = -(c4 * k_f[p, 0] + s4 * k_f[p, 2])
        y = -k_f[p, 1]
        z = k - (c4 * k_f[p, 2] - s4 * k_f[p, 0])
        # R_y(-a3)
        x, z = c3 * x - s3 * z, s3 * x + c3 * z
        length = math.sqrt(x * x + y * y + z * z)
        transfer = k2 * k * k - energy[p, 0]
        inside = False
        for g in range(images):
            flat = 0
            for r in range(n_rows):
                b = -(table[g, r, 0] * x + table[g, r, 1] * y + table[g, r, 2] * z)
                u = place(k, 0.0, b, transfer, length, rows, r)
                if not 0.0 <= u < number[r]:
                    flat = -1
                    break
                flat += int(u) * stride[r]
            found[g] = flat
            inside |= flat >= 0
        if inside:
            count_images(found, images, weight[e], units, counts)
        tally[IN_CUT if inside else OUTSIDE] += 1
