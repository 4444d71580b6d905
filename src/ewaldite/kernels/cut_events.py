"""Events into the bins of a cut."""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.cut_walk import (
    LENGTH,
    bin_of,
    is_blocked,
    length_of,
    offset_of,
    place,
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

# Columns of the sums
SIGNAL = 0  # Σ m, m how often symmetry puts the event in the bin
SIGNAL_SQUARE = 1  # Σ m²
WEIGHT = 2  # Σ m / (Φ N_b k_f/k_i)
WEIGHT_SQUARE = 3
EVENT_COLUMNS = 4


@numba.njit(nogil=True, cache=True)
def interval_of(edges: FloatArray, first: int, cells: int, k: float) -> int:
    """Interval that holds k, -1 outside; ``edges[first : first + cells + 1]`` ascend."""
    low, high = first, first + cells
    if not (edges[low] <= k < edges[high]):
        return -1
    while high - low > 1:
        middle = (low + high) // 2
        if k >= edges[middle]:
            low = middle
        else:
            high = middle
    return low - first


@numba.njit(nogil=True, cache=True)
def add(found: IntArray, n: int, weight: float, sums: FloatArray) -> None:
    """Add one event to the distinct ones of the first ``n`` bins that it was found in."""
    for s in range(n):
        flat = found[s]
        if flat < 0:
            continue
        m = 1.0
        for t in range(s + 1, n):
            if found[t] == flat:
                m += 1.0
                found[t] = -1
        sums[flat, SIGNAL] += m
        sums[flat, SIGNAL_SQUARE] += m * m
        sums[flat, WEIGHT] += m * weight
        sums[flat, WEIGHT_SQUARE] += m * m * weight * weight


@numba.njit(nogil=True, cache=True)
def event_weight(
    k: float,
    step: int,
    pixel: int,
    pixels: FloatArray,
    edges: FloatArray,
    edge_of: IntArray,
    counts: FloatArray,
    usable: NDArray[np.bool_],
    blocked: NDArray[np.uint8],
    block_of: IntArray,
    count_of: IntArray,
    cells: IntArray,
    k2: float,
) -> tuple[float, int]:
    """``1 / (Φ N_b k_f/k_i)`` of an event, and why it has none (``IN_CUT`` where it has).

    With ``Φ = k_i n / ΔE`` the incident wavenumber cancels: ``ΔE / (n N_b k_f)``. Where a step
    has too few to divide by, the weight is 0: the event counts for the coverage only.
    """
    if not pixels[pixel, 1] > 0.0:
        return 0.0, NO_PIXEL
    m = interval_of(edges, edge_of[step], cells[step], k) if cells[step] else -1
    if m < 0:
        return 0.0, NO_FLUX
    n = counts[count_of[step] + m]
    if n < 0.0:
        return 0.0, NO_FLUX
    if is_blocked(blocked, block_of[step], cells[step], pixel, m):
        return 0.0, MASKED
    if not usable[count_of[step] + m]:
        return 0.0, IN_CUT
    k0, k1 = edges[edge_of[step] + m], edges[edge_of[step] + m + 1]
    return k2 * (k1 * k1 - k0 * k0) / (n * pixels[pixel, 1]), IN_CUT


@numba.njit(nogil=True, cache=True)
def bin_events(
    pixel: IntArray,
    k_i: FloatArray,
    step: IntArray,
    k_f: FloatArray,
    pixels: FloatArray,
    edges: FloatArray,
    edge_of: IntArray,
    counts: FloatArray,
    usable: NDArray[np.bool_],
    blocked: NDArray[np.uint8],
    block_of: IntArray,
    count_of: IntArray,
    cells: IntArray,
    step_views: IntArray,
    view_ki: FloatArray,
    view_kf: FloatArray,
    view_beam: FloatArray,
    rows: FloatArray,
    number: IntArray,
    stride: IntArray,
    k2: float,
    sums: FloatArray,
    tally: IntArray,
) -> None:
    """Add events of steps in which nothing moves.

    Parameters
    ----------
    pixel, step:
        Pixel, and step of the rotation (negative: none); dims (event), int64.
    k_i:
        Incident wavenumber; dims (event), 1/Å.
    k_f, pixels, edges, edge_of, counts, usable, blocked, block_of, count_of, cells, step_views,
    view_ki, view_kf, view_beam, rows, number, stride, k2:
        As in :mod:`ewaldite.kernels.coverage`.
    sums:
        Grows; dims (bin, column).
    tally:
        Grows; dims (reason).
    """
    n_rows = number.size
    u = np.empty(n_rows)
    found = np.empty(max(int(np.max(np.diff(step_views))), 1), np.int64)
    any_length = bool(np.any(rows[:, LENGTH] != 0.0))
    for e in range(pixel.size):
        j, p, k = step[e], pixel[e], k_i[e]
        if j < 0:
            tally[NO_STEP] += 1
            continue
        weight, reason = event_weight(
            k,
            j,
            p,
            pixels,
            edges,
            edge_of,
            counts,
            usable,
            blocked,
            block_of,
            count_of,
            cells,
            k2,
        )
        if reason != IN_CUT:
            tally[reason] += 1
            continue
        transfer = k2 * k * k - pixels[p, 0]
        n, inside = 0, False
        for v in range(step_views[j], step_views[j + 1]):
            length = 0.0
            if any_length:
                along = offset_of(view_beam[v], k_f[p])
                length = length_of(k, math.sqrt(pixels[p, 0] / k2), along)
            for r in range(n_rows):
                b = offset_of(view_kf[v, r], k_f[p])
                u[r] = place(k, view_ki[v, r], b, transfer, length, rows, r)
            found[n] = bin_of(u, number, stride)
            inside |= found[n] >= 0
            n += 1
        add(found, n, weight, sums)
        tally[IN_CUT if inside else OUTSIDE] += 1


@numba.njit(nogil=True, cache=True)
def bin_moving(
    pixel: IntArray,
    k_i: FloatArray,
    step: IntArray,
    a3: FloatArray,
    a4: FloatArray,
    k_f: FloatArray,
    pixels: FloatArray,
    edges: FloatArray,
    edge_of: IntArray,
    counts: FloatArray,
    usable: NDArray[np.bool_],
    blocked: NDArray[np.uint8],
    block_of: IntArray,
    count_of: IntArray,
    cells: IntArray,
    table: FloatArray,
    rows: FloatArray,
    number: IntArray,
    stride: IntArray,
    k2: float,
    sums: FloatArray,
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
    pixel, k_i, step, k_f, pixels, edges, edge_of, counts, usable, blocked, block_of, count_of,
    cells, rows, number, stride, k2, sums, tally:
        As in :func:`bin_events`.
    """
    n_rows = number.size
    u, q = np.empty(n_rows), np.empty(3)
    found = np.empty(table.shape[0], np.int64)
    for e in range(pixel.size):
        j, p, k = step[e], pixel[e], k_i[e]
        if j < 0:
            tally[NO_STEP] += 1
            continue
        weight, reason = event_weight(
            k,
            j,
            p,
            pixels,
            edges,
            edge_of,
            counts,
            usable,
            blocked,
            block_of,
            count_of,
            cells,
            k2,
        )
        if reason != IN_CUT:
            tally[reason] += 1
            continue
        c4, s4 = math.cos(a4[e]), math.sin(a4[e])
        c3, s3 = math.cos(a3[e]), math.sin(a3[e])
        x = -(c4 * k_f[p, 0] + s4 * k_f[p, 2])
        z = k - (c4 * k_f[p, 2] - s4 * k_f[p, 0])
        # R_y(-a3)
        q[0], q[1], q[2] = c3 * x - s3 * z, -k_f[p, 1], s3 * x + c3 * z
        length = math.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2])
        transfer = k2 * k * k - pixels[p, 0]
        inside = False
        for g in range(table.shape[0]):
            for r in range(n_rows):
                b = -offset_of(table[g, r], q)
                u[r] = place(k, 0.0, b, transfer, length, rows, r)
            found[g] = bin_of(u, number, stride)
            inside |= found[g] >= 0
        add(found, table.shape[0], weight, sums)
        tally[IN_CUT if inside else OUTSIDE] += 1
