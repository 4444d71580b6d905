from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from ewaldite.kernels.band import factor, solve


def whole(band: np.ndarray) -> np.ndarray:
    """The symmetric matrix of a band."""
    n, width = band.shape
    out = np.zeros((n, n))
    for distance in range(min(width, n)):
        i = np.arange(n - distance)
        out[i, i + distance] = out[i + distance, i] = band[: n - distance, distance]
    return out


@settings(deadline=None, max_examples=30)
@given(n=st.integers(1, 25), width=st.integers(1, 30), seed=st.integers(0, 99))
def test_it_solves_what_it_factored(n: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    band = rng.normal(size=(n, width))
    band[:, 0] = 2 * width + rng.uniform(1, 2, n)
    matrix = whole(band)
    x = rng.normal(size=n)
    b = matrix @ x
    factor(band)
    solve(band, b)
    assert_allclose(b, x, rtol=1e-9, atol=1e-9)


def test_the_factor_is_that_of_cholesky() -> None:
    band = np.random.default_rng(3).normal(size=(12, 4))
    band[:, 0] = 10.0
    expected = np.linalg.cholesky(whole(band))
    factor(band)
    lower = np.tril(whole(band))
    assert_allclose(lower, expected, atol=1e-12)


@pytest.mark.parametrize("pivot", [0.0, -1e-9])
def test_a_column_that_rounding_emptied_does_no_harm(pivot: float) -> None:
    band = np.zeros((3, 2))
    band[:, 0] = [4.0, pivot, 9.0]
    factor(band)
    b = np.array([8.0, 5.0, 27.0])
    solve(band, b)
    assert_allclose(b, [2.0, 5.0, 3.0])
