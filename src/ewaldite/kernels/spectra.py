"""Events and coverage of single pixels: spectra in energy transfer, step by step.

A **bin** is a pixel in a step and a range of energy transfer; all ranges have one width. The
cells of :mod:`.coverage` are shared out to the bins that they pass by energy.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.cut_events import IN_CUT, NO_STEP, OUTSIDE
from ewaldite.kernels.cut_tables import FluxTable, PixelTable, is_blocked

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Columns of a pixel of Horace: u1, u2, u3 (1/Å), u4 (meV), run, detector, energy bin, signal,
#: variance.
PIXEL_COLUMNS = 9


@numba.njit(nogil=True, cache=True)
def count_events(
    pixel: NDArray[np.int32],
    k_i: FloatArray,
    step: NDArray[np.int32],
    reason: NDArray[np.int8],
    first_pixel: int,
    first_step: int,
    pixels: PixelTable,
    low: float,
    width: float,
    k2: float,
    out: NDArray[np.uint32],
    tally: IntArray,
) -> None:
    """Count events in the bins of a block of steps and pixels.

    Parameters
    ----------
    pixel, step:
        Pixel, and step of the rotation (negative: none); dims (event), int32.
    k_i:
        Incident wavenumber; dims (event), 1/Å.
    reason:
        From :func:`~ewaldite.kernels.cut_events.weigh_events`; dims (event).
    first_pixel, first_step:
        Of the block.
    pixels, k2:
        As in :mod:`ewaldite.kernels.coverage`.
    low, width:
        Lower end of the first range of energy transfer, and width of all, meV.
    out:
        Grows; dims (step, pixel, range). Events of other steps and pixels are passed over.
    tally:
        Grows: events of the block by the reasons of :mod:`.cut_events`; dims (reason).
    """
    table = pixels.table
    for e in range(pixel.size):
        j, p = step[e], pixel[e]
        column = p - first_pixel
        if j < 0:
            tally[NO_STEP] += first_step == 0
            continue
        row = j - first_step
        if not (0 <= row < out.shape[0] and 0 <= column < out.shape[1]):
            continue
        why = reason[e]
        if why == IN_CUT:
            i = math.floor((k2 * k_i[e] * k_i[e] - table[p, 0] - low) / width)
            if 0 <= i < out.shape[2]:
                out[row, column, i] += 1
            else:
                why = OUTSIDE
        tally[why] += 1


@numba.njit(nogil=True, cache=True)
def cover(
    first_pixel: int,
    first_step: int,
    pixels: PixelTable,
    flux: FluxTable,
    low: float,
    width: float,
    k2: float,
    coverage: FloatArray,
    covered: FloatArray,
) -> None:
    """What the bins of a block would count for S = 1.

    Parameters
    ----------
    first_pixel, first_step, pixels, low, width, k2:
        As in :func:`count_events`.
    flux:
        As in :mod:`ewaldite.kernels.coverage`.
    coverage:
        Zeros; filled with Σ Φ ΔE_i N_b k_f/k_i; dims (step, pixel, range).
    covered:
        Zeros; filled with the part of the range that is covered; same dims.
    """
    table, edges, edge_of, counts = pixels.table, flux.edges, flux.edge_of, flux.counts
    count_of, cells, blocked, block_of = flux.count_of, flux.cells, flux.blocked, flux.block_of
    ranges = coverage.shape[2]
    top = low + ranges * width
    for s in range(coverage.shape[0]):
        j = first_step + s
        for c in range(coverage.shape[1]):
            p = first_pixel + c
            if not table[p, 1] > 0.0:
                continue
            for m in range(cells[j]):
                n = counts[count_of[j] + m]
                if n < 0.0 or is_blocked(blocked, block_of[j], cells[j], p, m):
                    continue
                k0, k1 = edges[edge_of[j] + m], edges[edge_of[j] + m + 1]
                begin, end = k2 * k0 * k0 - table[p, 0], k2 * k1 * k1 - table[p, 0]
                if end <= low or begin >= top:
                    continue
                first = max(math.floor((begin - low) / width), 0)
                last = min(math.floor((end - low) / width), ranges - 1)
                for i in range(first, last + 1):
                    part = min(end, low + (i + 1) * width) - max(begin, low + i * width)
                    if part > 0.0:
                        coverage[s, c, i] += n * table[p, 1] * part / (end - begin)
                        covered[s, c, i] += part / width


@numba.njit(nogil=True, cache=True)
def fill_pixels(
    counts: NDArray[np.uint32],
    coverage: FloatArray,
    covered: FloatArray,
    least: float,
    scale: float,
    first_pixel: int,
    pixels: PixelTable,
    along: FloatArray,
    turn: FloatArray,
    run: int,
    low: float,
    width: float,
    k2: float,
    out: NDArray[np.float32],
) -> int:
    """Bins of a block that are covered, as pixels of Horace.

    ``Q = k_i a - C k_f`` in the frame of the crystal.

    Parameters
    ----------
    counts, coverage, covered:
        Of the block; dims (step, pixel, range).
    least:
        Part of a range that must be covered.
    scale:
        S is this times counts over coverage.
    first_pixel, pixels, low, width, k2:
        As in :func:`count_events`.
    along, turn:
        a and C of the steps of the block; dims (step, xyz), (step, xyz, xyz).
    run:
        Number of the first step, from 1.
    out:
        Filled; dims (pixel of Horace, column).

    Returns
    -------
    :
        How many there are.
    """
    table, k_f = pixels.table, pixels.k_f
    found = 0
    q = np.empty(3)
    for s in range(coverage.shape[0]):
        for c in range(coverage.shape[1]):
            p = first_pixel + c
            if not table[p, 1] > 0.0:
                continue
            for x in range(3):
                q[x] = 0.0
                for y in range(3):
                    q[x] += turn[s, x, y] * k_f[p, y]
            for i in range(coverage.shape[2]):
                if not (coverage[s, c, i] > 0.0 and covered[s, c, i] >= least):
                    continue
                transfer = low + (i + 0.5) * width
                k = math.sqrt(max((transfer + table[p, 0]) / k2, 0.0))
                one = scale / coverage[s, c, i]
                for x in range(3):
                    out[found, x] = k * along[s, x] - q[x]
                out[found, 3] = transfer
                out[found, 4] = run + s
                out[found, 5] = p + 1
                out[found, 6] = i + 1
                out[found, 7] = counts[s, c, i] * one
                out[found, 8] = counts[s, c, i] * one * one
                found += 1
    return found


@numba.njit(nogil=True, cache=True)
def image_bins(
    table: NDArray[np.float32], low: FloatArray, inverse: FloatArray, number: IntArray
) -> IntArray:
    """Bin of the image that each pixel of Horace lies in, the first axis running fastest.

    Parameters
    ----------
    table:
        dims (pixel, column).
    low, inverse, number:
        Lower end, one over the width, and number of the bins; dims (axis).

    Returns
    -------
    :
        dims (pixel), int64; a coordinate beyond an end counts to the last bin there.
    """
    out = np.empty(table.shape[0], np.int64)
    for e in range(table.shape[0]):
        flat = 0
        for x in range(number.size - 1, -1, -1):
            i = math.floor((np.float64(table[e, x]) - low[x]) * inverse[x])
            flat = flat * number[x] + min(max(i, 0), number[x] - 1)
        out[e] = flat
    return out
