"""Means of a factor of the sample over the bins of a cut, with the weight of the coverage."""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.cut_rows import flat_bin, length_of, offset_of
from ewaldite.kernels.cut_tables import BinTable, FluxTable, PixelTable, ViewTable, is_blocked

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Points along the line that a cell is.
POINTS = 3

# Polarisation factors
NONE = 0  # 1
TRANSVERSE = 1  # 1 + cos²
LONGITUDINAL = 2  # 1 - cos²


@numba.njit(nogil=True, cache=True)
def sum_factors(
    chosen: IntArray,
    radial: FloatArray,
    per_q: float,
    kind: int,
    along: FloatArray,
    moment: FloatArray,
    pixels: PixelTable,
    flux: FluxTable,
    views: ViewTable,
    bins: BinTable,
    k2: float,
    sums: FloatArray,
) -> None:
    """Sum coverage, and coverage times the factor, over cells.

    Parameters
    ----------
    chosen:
        Pixels; dims (chosen), int64.
    radial:
        Part that depends on the length of Q alone, at equal distances from 0 on; dims (point).
    per_q:
        Points to 1/Å.
    kind:
        Of the polarisation factor.
    along, moment:
        Component of Q along the moment is ``along · k_i - moment · k_f`` at tank angle 0;
        dims (step), (step, xyz).
    pixels, flux, views, bins:
        The cut.
    k2:
        ħ²/2m, meV Å².
    sums:
        Grow; dims (bin, 2).
    """
    rows, number, stride = bins.rows, bins.number, bins.stride
    table, k_f = pixels.table, pixels.k_f
    for p in chosen:
        weight, energy = table[p, 1], table[p, 0]
        if not weight > 0.0:
            continue
        size = math.sqrt(energy / k2)
        for v in range(views.step.size):
            j = views.step[v]
            beam = offset_of(views.beam, v, k_f, p)
            final = offset_of(moment, j, k_f, p)
            for m in range(flux.cells[j]):
                n = flux.counts[flux.count_of[j] + m]
                if n < 0.0 or is_blocked(flux.blocked, flux.block_of[j], flux.cells[j], p, m):
                    continue
                k0, k1 = flux.edges[flux.edge_of[j] + m], flux.edges[flux.edge_of[j] + m + 1]
                for t in range(POINTS):
                    k = k0 + (k1 - k0) * (t + 0.5) / POINTS
                    length = length_of(k, size, beam)
                    flat = flat_bin(
                        k, k2 * k * k - energy, length, v, p, views.ki, views.kf, k_f, rows,
                        number, stride,
                    )  # fmt: skip
                    if flat < 0:
                        continue
                    place = min(length * per_q, radial.size - 1.000001)
                    i = int(place)
                    factor = radial[i] + (radial[i + 1] - radial[i]) * (place - i)
                    if kind != NONE and length > 0.0:
                        cosine = (along[j] * k - final) / length
                        square = min(cosine * cosine, 1.0)
                        factor *= 1.0 + square if kind == TRANSVERSE else 1.0 - square
                    sums[flat, 0] += n * weight
                    sums[flat, 1] += n * weight * factor
