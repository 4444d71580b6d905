"""Intervals for few counts."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaincinv, ndtr

FloatArray = NDArray[np.float64]

#: Central probability of one standard deviation.
ONE_SIGMA = float(2 * ndtr(1.0) - 1)
#: Effective counts from which on an interval is plus or minus one standard deviation.
MANY_COUNTS = 50.0
_STEPS = 64


@lru_cache(maxsize=1)
def _table() -> tuple[FloatArray, FloatArray, FloatArray]:
    n = np.arange(int(MANY_COUNTS) * _STEPS + 1) / _STEPS
    tail = (1 - ONE_SIGMA) / 2
    low = np.zeros_like(n)
    low[1:] = gammaincinv(n[1:], tail)
    return n, low, gammaincinv(n + 1, 1 - tail)


def garwood(counts: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Central 68.27 % interval of a Poisson mean.

    ``lower = χ²(α/2; 2n)/2``, ``upper = χ²(1 - α/2; 2n + 2)/2`` with α = 0.3173 (Garwood,
    Biometrika 28 (1936) 437); it covers every mean at least that often. Below 50
    counts the quantiles come from a table in steps of 1/64 count, exact at whole numbers and
    linear between; from 50 on it is ``n ± √n``.

    Parameters
    ----------
    counts:
        Observed counts, not negative, whole or not; any dims, float64.

    Returns
    -------
    :
        Lower and upper end; same dims, counts, float64.
    """
    n = np.asarray(counts, dtype=np.float64)
    grid, low, high = _table()
    root = np.sqrt(n)
    many = n >= MANY_COUNTS
    lower = np.where(many, n - root, np.interp(n, grid, low))
    upper = np.where(many, n + root, np.interp(n, grid, high))
    return lower, upper


def with_sigma(value: float, sigma: float) -> str:
    """Set a number with its standard uncertainty in the same decimals, as ``23270 ± 1180``.

    The uncertainty has two digits before or after the decimal point, more where it is larger;
    beyond 1e6 and below 1e-4 both are given in powers of ten.
    """
    if not (math.isfinite(value) and math.isfinite(sigma) and sigma > 0):
        return f"{value:.4g} ± {sigma:.2g}"
    if not 1e-4 <= max(abs(value), sigma) < 1e6:
        power = math.floor(math.log10(max(abs(value), sigma)))
        scale = 10.0**power
        return f"({with_sigma(value / scale, sigma / scale)})e{power:+d}"
    decimals = max(1 - math.floor(math.log10(sigma)), 0)
    return f"{value:.{decimals}f} ± {sigma:.{decimals}f}"


def weighted_counts(
    total: ArrayLike, variance: ArrayLike, unit: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Distances from a weighted sum of counts to the ends of its interval.

    A sum ``Σ w N`` of variance ``Σ w² N`` is taken as ``Σ w² N / Σ w N`` times a Poisson
    variable with ``(Σ w N)² / Σ w² N`` counts (Bohm & Zech, NIM A 748 (2014) 1).

    Parameters
    ----------
    total:
        ``Σ w N``, not negative; any dims.
    variance:
        ``Σ w² N``; same dims.
    unit:
        Value of one count where the total is zero; same dims.

    Returns
    -------
    :
        ``total - lower`` and ``upper - total``; same dims, float64.
    """
    t = np.asarray(total, dtype=np.float64)
    v = np.asarray(variance, dtype=np.float64)
    some = (t > 0) & (v > 0)
    scale = np.where(t > 0, 0.0, np.asarray(unit, dtype=np.float64))
    np.divide(v, t, out=scale, where=some)
    counts = np.zeros_like(t)
    np.divide(t * t, v, out=counts, where=some)
    lower, upper = garwood(counts)
    return scale * (counts - lower), scale * (upper - counts)


def difference(
    signal: tuple[FloatArray, FloatArray], background: tuple[FloatArray, FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Distances from a difference to the ends of its interval.

    The lower end takes the lower distance of the signal and the upper one of the background in
    quadrature, the upper end the other two (Zou & Donner, Stat. Med. 27 (2008) 1693); for
    symmetric distances it is the propagation of errors.

    Parameters
    ----------
    signal, background:
        Distances (below, above) of both; any dims, one unit.

    Returns
    -------
    :
        Distances (below, above); same dims and unit, float64.
    """
    return np.hypot(signal[0], background[1]), np.hypot(signal[1], background[0])
