"""Smooth rates looked up for every observation."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@numba.njit(nogil=True, cache=True)
def predict(
    length: FloatArray,
    sweep: NDArray[np.int32],
    exposure: FloatArray,
    scale: FloatArray,
    offset: FloatArray,
    width: float,
    intensity: FloatArray,
    background: FloatArray,
    excess_variance: FloatArray,
    floor: FloatArray,
) -> FloatArray:
    """Predict counts, background and variance of the background from smooth rates.

    Parameters
    ----------
    length:
        Length of s; dims (observation), 1/Å.
    sweep:
        dims (observation), int32.
    exposure, scale, offset:
        dims (observation), float64.
    width:
        Width of a shell, 1/Å; tables are interpolated between the middles of shells.
    intensity:
        dims (shell).
    background:
        Background counts per exposure; dims (sweep, shell).
    excess_variance:
        Variance of the background per background count; dims (sweep, shell).
    floor:
        Smallest total rate; dims (shell).

    Returns
    -------
    :
        dims (observation, 3), float64.
    """
    out = np.empty((length.size, 3), np.float64)
    last = intensity.size - 1
    for i in range(length.size):
        position = min(max(length[i] / width - 0.5, 0.0), float(last))
        j = min(int(position), max(last - 1, 0))
        t = position - j
        k = min(j + 1, last)
        p = sweep[i]
        rate = (1 - t) * intensity[j] + t * intensity[k]
        dark = (1 - t) * background[p, j] + t * background[p, k]
        ratio = (1 - t) * excess_variance[p, j] + t * excess_variance[p, k]
        total = max(scale[i] * (rate + offset[i]) + dark, (1 - t) * floor[j] + t * floor[k])
        out[i, 0] = exposure[i] * total
        out[i, 1] = exposure[i] * dark
        out[i, 2] = exposure[i] * dark * ratio
    return out
