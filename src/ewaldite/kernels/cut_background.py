"""Events of an empty run, turned with the sample into the bins of a cut."""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.cut_rows import LENGTH, flat_bin, length_of, offset_of
from ewaldite.kernels.cut_tables import (
    BinTable,
    FluxTable,
    PixelTable,
    ViewTable,
    interval_of,
    is_blocked,
)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Columns of the sums; the first two are zeros where nobody works
EVENT = 0  # what the event at work puts there
READING = 1  # what the reading of the empty run's monitor at work puts there
TOTAL = 2  # Σ w
COUNTING = 3  # Σ_events (Σ w)²
COMMON = 4  # Σ_readings (Σ w)² times the relative variance of the reading
COLUMNS = 5


@numba.njit(nogil=True, cache=True)
def turn_events(
    pixel: IntArray,
    k_i: FloatArray,
    reading: IntArray,
    per_count: FloatArray,
    relative: FloatArray,
    factor: FloatArray,
    pixels: PixelTable,
    flux: FluxTable,
    views: ViewTable,
    grid: BinTable,
    k2: float,
    bins: FloatArray,
) -> None:
    """Add each event at every step, with the weight ``factor · Φ_step / Φ_empty``.

    Parameters
    ----------
    pixel, k_i:
        Row and incident wavenumber (1/Å) of events, ordered by ``reading``; dims (event).
    reading:
        Interval of the empty run's monitor; dims (event), int64.
    per_count:
        ΔE over monitor counts of the interval in the empty run; dims (reading), meV.
    relative:
        Relative variance of these counts; dims (reading).
    factor:
        What the sample leaves of the background; dims (pixel).
    pixels, flux, views, grid, k2:
        As in :mod:`ewaldite.kernels.coverage`, of the run that it is subtracted from.
    bins:
        Grows; dims (bin, column).
    """
    rows, number, stride = grid.rows, grid.number, grid.stride
    first, ki, kf, beam = views.first, views.ki, views.kf, views.beam
    table, k_f, inverse = pixels.table, pixels.k_f, pixels.inverse
    edges, edge_of, count_of, cells = flux.edges, flux.edge_of, flux.count_of, flux.cells
    counts, guide, guides = flux.counts, flux.guide, flux.guides
    here, own = np.empty(first[-1], np.int64), np.empty(bins.shape[0], np.int64)
    any_length = bool(np.any(rows[:, LENGTH] != 0.0))
    of_reading = 0
    for e in range(pixel.size):
        p, k, g = pixel[e], k_i[e], reading[e]
        if inverse[p] > 0.0:
            transfer, length = k2 * k * k - table[p, 0], 0.0
            size = math.sqrt(table[p, 0] / k2)
            found = 0
            for j in range(first.size - 1):
                m = interval_of(edges, edge_of[j], cells[j], guide, guides[j], k)
                if m < 0 or counts[count_of[j] + m] <= 0.0:
                    continue
                if is_blocked(flux.blocked, flux.block_of[j], cells[j], p, m):
                    continue
                k0, k1 = edges[edge_of[j] + m], edges[edge_of[j] + m + 1]
                per_mev = counts[count_of[j] + m] / (k2 * (k1 * k1 - k0 * k0))
                weight = factor[p] * per_mev * per_count[g]
                if not weight > 0.0:
                    continue
                for v in range(first[j], first[j + 1]):
                    if any_length:
                        length = length_of(k, size, offset_of(beam, v, k_f, p))
                    i = flat_bin(k, transfer, length, v, p, ki, kf, k_f, rows, number, stride)
                    if i < 0:
                        continue
                    if bins[i, EVENT] == 0.0:
                        here[found] = i
                        found += 1
                    bins[i, EVENT] += weight
            for t in range(found):
                i = here[t]
                if bins[i, READING] == 0.0:
                    own[of_reading] = i
                    of_reading += 1
                bins[i, READING] += bins[i, EVENT]
                bins[i, COUNTING] += bins[i, EVENT] * bins[i, EVENT]
                bins[i, EVENT] = 0.0
        if e + 1 == pixel.size or reading[e + 1] != g:
            for t in range(of_reading):
                i = own[t]
                bins[i, TOTAL] += bins[i, READING]
                bins[i, COMMON] += bins[i, READING] * bins[i, READING] * relative[g]
                bins[i, READING] = 0.0
            of_reading = 0
