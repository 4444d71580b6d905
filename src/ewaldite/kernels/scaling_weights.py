"""Variances that the scaling model predicts, and observations that contradict others."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.scaling import Rows
from ewaldite.kernels.scaling_terms import Places, value_a, value_b, value_c, value_d

FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]

#: Counts that the smooth prediction weighs beside those of the voxel.
PRIOR = 4.0
#: Bins of the histogram of residuals, and their width.
BINS = 400
BIN_WIDTH = 0.05
# A residual beyond this makes a voxel worth a closer look
SUSPICIOUS = 3.0
_ROUNDS = 6
# Columns of what is known of the observations of one voxel: scale, intensity, offset, smooth
# rate, least variance, background, given variance, weight of the intensity, residual
G, X, OFFSET, RATE, LEAST, DARK, GIVEN, W, Z = range(9)
COLUMNS = 9


@numba.njit(nogil=True, cache=True)
def reweigh(
    rows: Rows,
    places: Places,
    p: FloatArray,
    dark: SingleArray,
    variance: SingleArray,
    smooth: FloatArray,
    width: float,
    cut: float,
    most: int,
    weight: SingleArray,
    residual: SingleArray,
    shells: FloatArray,
    histogram: NDArray[np.int64],
) -> tuple[int, float]:
    """Predict the variance of every observation, and reject those that are too far away.

    With scale ``g = e a b d D``, offset C, and background counts and their variance V together
    in ``dark``, an observation ``x = signal / g - C`` of an intensity I has the variance
    ``(g (I + C) + dark) / g²``. I is the mean of the voxel, drawn to the smooth rate of its
    shell as if that were four counts more, so that few counts do not make their own weight;
    the variance in counts is at least one, or what the smooth rate predicts where that is less.

    The residual of an observation is against the mean of the *others* that are kept, over the
    standard deviation of the difference. Where one is beyond three, which are kept is decided
    from the weighted median on, and repeated until nothing changes; of two that
    contradict each other, the one further from the smooth rate goes.

    Parameters
    ----------
    rows, places, p:
        Observations, places and coefficients.
    dark:
        Background counts plus the variance of the background; dims (observation), float32.
    variance:
        Given variances of the signal, or of no length; dims (observation), float32.
    smooth:
        Smooth intensity in shells of the length of s; dims (shell).
    width:
        Of a shell, 1/Å.
    cut:
        Largest absolute residual; infinite to keep all.
    most:
        Largest number of observations in a voxel.
    weight:
        Is set: 1/σ of the signal, 0 for what is rejected; dims (observation), float32.
    residual:
        Is set; dims (observation), float32; 0 where nothing is known.
    shells:
        Is set: Σ (signal - g C) and Σ g of what is kept; dims (2, shell).
    histogram:
        Is set: absolute residuals; dims (400).

    Returns
    -------
    :
        Number of residuals of what is kept, and the sum of their squares.
    """
    qa, ya, qb, yb, qc, yc, qd, yd, qe, ye, step = places
    start, signal, exposure, length = rows
    shells[:] = 0.0
    histogram[:] = 0
    # columns G, X, OFFSET, RATE, LEAST, DARK, GIVEN, W, Z of the observations of one voxel
    t = np.zeros((COLUMNS, most), np.float64)
    keep, stay = np.empty(most, np.bool_), np.empty(most, np.bool_)
    top_shell = smooth.size - 1
    known = 0
    total = 0.0
    for voxel in range(start.size - 1):
        first = start[voxel]
        m = start[voxel + 1] - first
        for j in range(m):
            i = first + j
            s = length[i]
            b = value_b(qb, yb, step[3], i, p) if qb.size > 0 else 1.0
            if qe.size > 0:
                b *= np.exp(-0.5 * s * s * value_b(qe, ye, step[8], i, p))
            g = exposure[i] * b
            if qa.size > 0:
                g *= value_a(qa, ya, step, i, p)
            if qd.size > 0:
                g *= value_d(qd, yd, step, i, p)
            offset = value_c(qc, yc, step, i, p) / b if qc.size > 0 else 0.0
            place = min(max(s / width - 0.5, 0.0), float(top_shell))
            k = min(int(place), max(top_shell - 1, 0))
            rate = smooth[k] + (place - k) * (smooth[min(k + 1, top_shell)] - smooth[k])
            expected = g * (rate + offset) + dark[i]
            t[G, j], t[OFFSET, j], t[RATE, j] = g, offset, rate
            t[X, j] = signal[i] / g - offset
            t[LEAST, j] = min(max(expected, 0.01), 1.0)
            t[DARK, j] = dark[i]
            t[GIVEN, j] = variance[i] if variance.size > 0 else 0.0
            t[W, j] = (
                g * g / max(t[GIVEN, j], max(expected, t[LEAST, j]) * (t[GIVEN, j] == 0.0))
            )
            keep[j] = g > 0.0
        furthest = _against_others(t, m, keep)
        if furthest > min(cut, SUSPICIOUS):
            _decide(t, m, cut, keep, stay)
        for j in range(m):
            i = first + j
            z = t[Z, j]
            residual[i] = z
            histogram[min(int(abs(z) / BIN_WIDTH), BINS - 1)] += z != 0.0
            if keep[j]:
                shell = min(int(length[i] / width), shells.shape[1] - 1)
                weight[i] = np.sqrt(t[W, j]) / t[G, j]
                shells[0, shell] += signal[i] - t[G, j] * t[OFFSET, j]
                shells[1, shell] += t[G, j]
                known += z != 0.0
                total += z * z
            else:
                weight[i] = 0.0
    return known, total


@numba.njit(nogil=True, cache=True)
def _variance(t: FloatArray, j: int, level: float) -> float:
    """Variance of the signal of an observation in a voxel of this intensity."""
    if t[GIVEN, j] > 0.0:
        return float(t[GIVEN, j])
    return float(max(t[G, j] * (level + t[OFFSET, j]) + t[DARK, j], t[LEAST, j]))


@numba.njit(nogil=True, cache=True)
def _against_others(t: FloatArray, m: int, keep: NDArray[np.bool_]) -> float:
    """Weights of what is kept and residuals of all; returns the largest absolute residual."""
    counts = prior = 0.0
    for attempt in range(2):
        top = bottom = 0.0
        for j in range(m):
            if keep[j]:
                top += t[W, j] * t[X, j]
                bottom += t[W, j]
                if attempt == 0:
                    counts += t[G, j] * max(t[RATE, j], 0.0)
                    prior = max(t[RATE, j], 0.0)
        if attempt == 1 or bottom == 0.0:
            break
        level = (counts * top / bottom + PRIOR * prior) / (counts + PRIOR)
        for j in range(m):
            t[W, j] = t[G, j] * t[G, j] / _variance(t, j, level)
    furthest = 0.0
    for j in range(m):
        rest, above, own = bottom, top, counts
        if keep[j]:
            rest -= t[W, j]
            above -= t[W, j] * t[X, j]
            own = max(own - t[G, j] * max(t[RATE, j], 0.0), 0.0)
        if rest <= 1e-9 * t[W, j] or t[G, j] <= 0.0:
            t[Z, j] = 0.0
            continue
        mean = above / rest
        level = (own * mean + PRIOR * max(t[RATE, j], 0.0)) / (own + PRIOR)
        spread = _variance(t, j, level) + t[G, j] * t[G, j] / rest
        t[Z, j] = (t[X, j] - mean) * t[G, j] / np.sqrt(spread)
        furthest = max(furthest, abs(t[Z, j]))
    return furthest


@numba.njit(nogil=True, cache=True)
def _decide(
    t: FloatArray, m: int, cut: float, keep: NDArray[np.bool_], stay: NDArray[np.bool_]
) -> None:
    """Decide what is kept, from the median on; sets weights and residuals."""
    if m > 2:
        centre = _median(t[X], t[W], m)
        for j in range(m):
            away = abs(t[X, j] - centre) * t[G, j]
            keep[j] = t[G, j] > 0.0 and away <= cut * np.sqrt(_variance(t, j, centre))
    for _ in range(_ROUNDS):
        _against_others(t, m, keep)
        left = 0
        for j in range(m):
            stay[j] = t[G, j] > 0.0 and abs(t[Z, j]) <= cut
            left += stay[j]
        if left == 0:
            stay[_nearest(t, m, keep)] = True
        same = True
        for j in range(m):
            same = same and stay[j] == keep[j]
            keep[j] = stay[j]
        if same:
            break


@numba.njit(nogil=True, cache=True)
def _nearest(t: FloatArray, m: int, keep: NDArray[np.bool_]) -> int:
    """Which of those that are kept is nearest to the smooth rate."""
    best = -1
    least = np.inf
    for j in range(m):
        away = abs(t[X, j] - t[RATE, j]) * np.sqrt(t[W, j])
        if keep[j] and away < least:
            best, least = j, away
    return max(best, 0)


@numba.njit(nogil=True, cache=True)
def _median(x: FloatArray, w: FloatArray, m: int) -> float:
    """Weighted median of the first m: the mean of the two in the middle where it is a tie."""
    order = np.argsort(x[:m])
    half = 0.0
    for j in range(m):
        half += w[j]
    half *= 0.5
    below = 0.0
    for k in range(m):
        below += w[order[k]]
        if below > half * (1.0 + 1e-12):
            return float(x[order[k]])
        if below >= half * (1.0 - 1e-12) and k + 1 < m:
            return float(0.5 * (x[order[k]] + x[order[k + 1]]))
    return float(x[order[m - 1]])
