"""Residuals of observations, and correlations, summed in groups."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
RowArray = NDArray[np.int32]

# Columns of the sums of pairs x, y with weights w
PAIRS = 8
NUMBER, W, WW, WX, WY, WXX, WYY, WXY = range(PAIRS)

# Columns of the sums over observations; x intensity, q weight of x, I merged, n multiplicity.
OBSERVATIONS = 0
COUNTS = 1
SIGNAL = 2  # N - B - e a c
EXPOSURE = 3  # e a
MULTIPLICITY = 4  # n
CHI2 = 5  # q (x - I)²
CHI2_EXPECTED = 6
SPREAD = 7  # e a |x - I| / √(1 - q/Σq), where n > 1, as the next two
LEVEL = 8  # e a I
RELIEF = 9  # e a |I - J|
TOTAL = 10  # pairs of x and the mean of the others
ANISOTROPIC = TOTAL + PAIRS  # the same without the isotropic part J
COLUMNS = ANISOTROPIC + PAIRS


@numba.njit(nogil=True, cache=True, inline="always")
def _add(t: FloatArray, at: int, w: float, x: float, y: float) -> None:
    t[at] += 1.0
    t[at + 1] += w
    t[at + 2] += w * w
    t[at + 3] += w * x
    t[at + 4] += w * y
    t[at + 5] += w * x * x
    t[at + 6] += w * y * y
    t[at + 7] += w * x * y


@numba.njit(nogil=True, cache=True)
def add_pairs(
    cell: IntArray, x: FloatArray, y: FloatArray, weight: FloatArray, sums: FloatArray
) -> None:
    """Add pairs to the sums of their cells.

    Parameters
    ----------
    cell:
        dims (pair), int64; a pair of a negative cell, or with NaN, is left out.
    x, y, weight:
        dims (pair), float64.
    sums:
        Grows; dims (cell, 8), float64.
    """
    for i in range(x.size):
        if cell[i] >= 0 and np.isfinite(x[i]) and np.isfinite(y[i]) and weight[i] > 0:
            _add(sums[cell[i]], 0, weight[i], x[i], y[i])


@numba.njit(nogil=True, cache=True)
def add_observations(
    row: RowArray,
    group: IntArray,
    shell: IntArray,
    counts: FloatArray,
    exposure: FloatArray,
    background: FloatArray,
    background_variance: FloatArray,
    offset: FloatArray,
    weight: FloatArray,
    error: FloatArray,
    intensity: FloatArray,
    variance: FloatArray,
    norm: FloatArray,
    multiplicity: FloatArray,
    isotropic: FloatArray,
    by_group: FloatArray,
    by_shell: FloatArray,
) -> None:
    """Add what the residuals of observations tell to two tables.

    Parameters
    ----------
    row:
        Voxel of an observation, -1 to leave it out; dims (observation), int32.
    group:
        Row of ``by_group``; dims (observation), int64.
    shell:
        Row of ``by_shell`` of a voxel, -1 for none; dims (voxel), int64.
    counts, background, background_variance, offset, weight:
        dims (observation), float64.
    exposure:
        Exposure times scale, e a; dims (observation), float64.
    error:
        Systematic error as a part of the signal; dims (observation), or empty.
    intensity, variance, norm, multiplicity, isotropic:
        Merged I, its variance, Σ w e a, n and J; dims (voxel), float64.
    by_group, by_shell:
        Grow; dims (group, column) and (shell, column), float64.
    """
    own = np.zeros(COLUMNS)
    for i in range(row.size):
        r = row[i]
        if r < 0:
            continue
        ea = exposure[i]
        signal = counts[i] - background[i] - ea * offset[i]
        x = signal / ea
        level = intensity[r]
        q = weight[i] * ea
        own[:] = 0.0
        own[OBSERVATIONS] = 1.0
        own[COUNTS] = counts[i]
        own[SIGNAL] = signal
        own[EXPOSURE] = ea
        own[MULTIPLICITY] = multiplicity[r]
        rest = norm[r] - q
        if multiplicity[r] > 1 and rest > 1e-9 * norm[r]:
            part = q / norm[r]
            expected = ea * (level + offset[i]) + background[i] + background_variance[i]
            spread = expected / (ea * ea)
            if error.size:
                spread += (error[i] * (level + offset[i])) ** 2
            own[CHI2] = q * (x - level) ** 2
            own[CHI2_EXPECTED] = q * (spread * (1 - 2 * part) + variance[r])
            own[SPREAD] = ea * abs(x - level) / np.sqrt(1 - part)
            own[LEVEL] = ea * level
            own[RELIEF] = ea * abs(level - isotropic[r])
            others = (level * norm[r] - q * x) / rest
            w = q * rest / norm[r]
            _add(own, TOTAL, w, x, others)
            if np.isfinite(isotropic[r]):
                _add(own, ANISOTROPIC, w, x - isotropic[r], others - isotropic[r])
        by_group[group[i]] += own
        if shell[r] >= 0:
            by_shell[shell[r]] += own


@numba.njit(nogil=True, cache=True)
def add_batches(
    row: RowArray,
    batch: RowArray,
    x: FloatArray,
    q: FloatArray,
    cell: IntArray,
    isotropic: FloatArray,
    total: FloatArray,
    anisotropic: FloatArray,
) -> None:
    """Add the pairs of batches that share a voxel.

    Parameters
    ----------
    row:
        Voxel of an entry, ascending; dims (entry), int32.
    batch:
        dims (entry), int32, each once in a voxel.
    x, q:
        Intensity of the voxel in the batch, and its weight; dims (entry), float64.
    cell:
        Thin shell of a voxel, -1 for none; dims (voxel), int64.
    isotropic:
        J of a voxel; dims (voxel), float64.
    total:
        Grows; dims (batch, batch, 8), float64; the upper triangle only.
    anisotropic:
        Grows; dims (batch, batch, cell, 8), float64; the upper triangle only.
    """
    start = 0
    while start < row.size:
        r = row[start]
        stop = start
        while stop < row.size and row[stop] == r:
            stop += 1
        for i in range(start, stop):
            for j in range(start, stop):
                if batch[i] >= batch[j]:
                    continue
                if not q[i] * q[j] > 0:
                    continue
                w = q[i] * q[j] / (q[i] + q[j])
                _add(total[batch[i], batch[j]], 0, w, x[i], x[j])
                if cell[r] >= 0 and np.isfinite(isotropic[r]):
                    t = anisotropic[batch[i], batch[j], cell[r]]
                    _add(t, 0, w, x[i] - isotropic[r], x[j] - isotropic[r])
        start = stop


@numba.njit(nogil=True, cache=True)
def add_entries(
    entry: IntArray,
    signal: FloatArray,
    q: FloatArray,
    bins: RowArray,
    number: RowArray,
    total: FloatArray,
    total_signal: FloatArray,
    first: RowArray,
) -> None:
    """Add observations to the voxels of their batch.

    Parameters
    ----------
    entry:
        Voxel in the batch; dims (observation), int64.
    signal, q:
        w (N - B - e a c) and w e a; dims (observation), float64.
    bins:
        Bin of rotation; dims (observation), int32.
    number, total, total_signal, first:
        Observations, Σ w e a, Σ w (N - B - e a c) and least bin; dims (entry), change.
    """
    for i in range(entry.size):
        e = entry[i]
        number[e] += 1
        total[e] += q[i]
        total_signal[e] += signal[i]
        first[e] = min(first[e], bins[i])
