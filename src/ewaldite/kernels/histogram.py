"""Squared residuals in bins of signal to noise."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Bins of half an octave: of (signal/noise)², from 2^-8 on, and of |z|, from 2^-6 on
SIGNAL_BINS = 64
RESIDUAL_BINS = 48
_SIGNAL_LOW = -8.0
_RESIDUAL_LOW = -6.0
# Columns
NUMBER, SQUARE, SIGNAL = range(3)


@numba.njit(nogil=True, cache=True)
def add_residuals(
    group: NDArray[np.int32], z: FloatArray, signal: FloatArray, table: FloatArray
) -> None:
    """Count residuals, and sum their squares, in bins.

    Parameters
    ----------
    group:
        dims (observation), int32.
    z:
        Residual over counting error; dims (observation); NaN is left out.
    signal:
        Squared signal over noise; dims (observation).
    table:
        Grows: number, Σ z², Σ signal; dims (group, signal bin, residual bin, 3), float64.
    """
    for i in range(z.size):
        if not np.isfinite(z[i]) or not signal[i] >= 0:
            continue
        u = SIGNAL_BINS - 1
        if signal[i] < 2.0 ** ((SIGNAL_BINS - 1) / 2 + _SIGNAL_LOW):
            u = int(2 * (np.log2(max(signal[i], 1e-30)) - _SIGNAL_LOW))
        v = RESIDUAL_BINS - 1
        size = abs(z[i])
        if size < 2.0 ** ((RESIDUAL_BINS - 1) / 2 + _RESIDUAL_LOW):
            v = int(2 * (np.log2(max(size, 1e-30)) - _RESIDUAL_LOW))
        t = table[group[i], max(u, 0), max(v, 0)]
        t[0] += 1.0
        t[1] += z[i] * z[i]
        t[2] += signal[i]


def upper_edges() -> FloatArray:
    """Upper edge of every bin of |z|; dims (residual bin)."""
    return np.asarray(2.0 ** ((np.arange(RESIDUAL_BINS) + 1) / 2 + _RESIDUAL_LOW))
