"""Events of an empty run, turned with the sample into the bins of a cut."""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.cut_events import interval_of
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
    k_f, pixels, edges, edge_of, counts, usable, blocked, block_of, count_of, cells,
    step_views, view_ki, view_kf, view_beam, rows, number, stride, k2:
        As in :mod:`ewaldite.kernels.coverage`, of the run that it is subtracted from.
    bins:
        Grows; dims (bin, column).
    """
    n_rows = number.size
    u = np.empty(n_rows)
    most = step_views[step_views.size - 1]
    here, own = np.empty(most, np.int64), np.empty(bins.shape[0], np.int64)
    any_length = bool(np.any(rows[:, LENGTH] != 0.0))
    of_reading = 0
    for e in range(pixel.size):
        p, k, g = pixel[e], k_i[e], reading[e]
        if pixels[p, 1] > 0.0:
            transfer, length = k2 * k * k - pixels[p, 0], 0.0
            size = math.sqrt(pixels[p, 0] / k2)
            found = 0
            for j in range(step_views.size - 1):
                m = interval_of(edges, edge_of[j], cells[j], k) if cells[j] else -1
                if m < 0 or counts[count_of[j] + m] <= 0.0:
                    continue
                if is_blocked(blocked, block_of[j], cells[j], p, m):
                    continue
                k0, k1 = edges[edge_of[j] + m], edges[edge_of[j] + m + 1]
                per_mev = counts[count_of[j] + m] / (k2 * (k1 * k1 - k0 * k0))
                weight = factor[p] * per_mev * per_count[g]
                for v in range(step_views[j], step_views[j + 1]):
                    if any_length:
                        length = length_of(k, size, offset_of(view_beam[v], k_f[p]))
                    for r in range(n_rows):
                        b = offset_of(view_kf[v, r], k_f[p])
                        u[r] = place(k, view_ki[v, r], b, transfer, length, rows, r)
                    i = bin_of(u, number, stride)
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
