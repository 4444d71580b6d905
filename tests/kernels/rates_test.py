from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from ewaldite.kernels.rates import predict


@pytest.mark.parametrize("shells", [1, 2, 6])
def test_rates_are_on_lines_between_the_middles_of_shells(shells: int) -> None:
    rng = np.random.default_rng(0)
    n, width = 120, 0.2
    length = rng.uniform(0.0, 1.4 * width * shells, n)  # also beyond the last one
    sweep = rng.integers(0, 3, n).astype(np.int32)
    exposure, scale, offset = rng.uniform(0.5, 2.0, (3, n))
    intensity, floor = rng.uniform(0.1, 3.0, shells), rng.uniform(0.1, 5.0, shells)
    floor[0], intensity[-1] = 9.0, 8.0
    background, excess = rng.uniform(0.1, 1.0, (2, 3, shells))
    found = predict(
        length, sweep, exposure, scale, offset, width, intensity, background, excess, floor
    )
    middle = (np.arange(shells) + 0.5) * width
    dark, ratio = (
        np.array([np.interp(s, middle, table[p]) for s, p in zip(length, sweep, strict=True)])
        for table in (background, excess)
    )
    total = scale * (np.interp(length, middle, intensity) + offset) + dark
    least = np.interp(length, middle, floor)
    expected = [exposure * np.maximum(total, least), exposure * dark, exposure * dark * ratio]
    assert_allclose(found, np.stack(expected, axis=1), rtol=1e-10)
    assert 0 < np.count_nonzero(total < least) < n
