"""Counts that do not follow the law."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

#: Deviation of planted outliers from what is expected, standard deviations.
LEAST, MOST = 10.0, 20.0


def plant(
    counts: NDArray[np.int64],
    expected: FloatArray,
    background_variance: FloatArray,
    share: float,
    rng: np.random.Generator,
) -> tuple[FloatArray, NDArray[np.int8]]:
    """Move a random share of the observations away from their expected counts.

    They lie 10 to 20 standard deviations ``√(expected + background variance)`` from what is
    expected, above or below with equal odds. Where 10 deviations below zero counts would be
    left, that is for fewer than some 100 expected counts, the outlier lies above; where 10
    are possible but the number drawn is not, the observation counts nothing.

    Parameters
    ----------
    counts:
        dims (observation), int64.
    expected, background_variance:
        dims (observation), float64.
    share:
        0 … 1.
    rng:
        Of choice, sign and size.

    Returns
    -------
    :
        Counts; dims (observation), float64. Sign of the deviation, 0 for the others; dims
        (observation), int8.
    """
    n = len(counts)
    chosen = rng.random(n) < share
    size = rng.uniform(LEAST, MOST, n) * np.sqrt(expected + background_variance)
    below = rng.random(n) < 0.5
    below &= expected >= LEAST * np.sqrt(expected + background_variance)
    moved = np.where(
        below, np.floor(np.maximum(expected - size, 0.0)), np.ceil(expected + size)
    )
    sign = np.where(chosen, np.where(below, -1, 1), 0).astype(np.int8)
    return np.where(chosen, moved, counts), sign
