from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.diffuse.merging.correlation import fisher_interval, pair_sums, pooled


def test_the_interval_holds_the_correlation_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    truth, n = 0.7, 40
    x = rng.normal(size=(4000, n))
    y = truth * x + np.sqrt(1 - truth**2) * rng.normal(size=(4000, n))
    cell = np.repeat(np.arange(4000), n)
    cc = pooled(pair_sums(x.ravel(), y.ravel(), cell, 4000)[:, None])
    inside = (cc.lower <= truth) & (truth <= cc.upper)
    assert inside.mean() == pytest.approx(0.95, abs=0.012)
    assert np.all(cc.pairs == n)
    assert not cc.few.any()


def test_interval_by_hand() -> None:
    # artanh 0.5 = 0.549306, 1.959964 / 5 = 0.391993
    lower, upper = fisher_interval([0.5, 0.5], [28, 3])
    np.testing.assert_allclose([lower[0], upper[0]], np.tanh([0.157313, 0.941299]), atol=1e-6)
    assert np.isnan(lower[1])
    assert np.isnan(upper[1])


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(3, 60), st.floats(-1e3, 1e3))
def test_one_cell_is_pearson(seed: int, n: int, level: float) -> None:
    rng = np.random.default_rng(seed)
    x, y = level + rng.normal(size=n), rng.normal(size=n)
    found = pooled(pair_sums(x, y, np.zeros(n, np.int64), 1)[None])
    assert found.value[0] == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-6)
    assert found.pairs[0] == n
    assert found.few[0] == (n < 25)


def test_what_varies_between_cells_does_not_count() -> None:
    rng = np.random.default_rng(2)
    cell = np.repeat(np.arange(50), 100)
    level = 1000.0 * rng.normal(size=50)[cell]
    x, y = level + rng.normal(size=5000), level + rng.normal(size=5000)
    assert np.corrcoef(x, y)[0, 1] > 0.99
    apart = pooled(pair_sums(x, y, cell, 50)[None])
    assert abs(apart.value[0]) < 0.05
    total = pooled(pair_sums(x, y, np.zeros(5000, np.int64), 1)[None])
    assert total.value[0] == pytest.approx(np.corrcoef(x, y)[0, 1])
    # every further cell takes a degree of freedom, and so widens the interval
    assert apart.upper[0] - apart.lower[0] > 2 * 1.96 / np.sqrt(5000 - 3)


def test_weights_are_repeats() -> None:
    rng = np.random.default_rng(3)
    x, y, w = rng.normal(size=30), rng.normal(size=30), rng.integers(1, 5, 30)
    zero = np.zeros(30, np.int64)
    weighted = pooled(pair_sums(x, y, zero, 1, w.astype(float))[None])
    again = np.corrcoef(np.repeat(x, w), np.repeat(y, w))[0, 1]
    assert weighted.value[0] == pytest.approx(again)
    # but do not count as more pairs
    plain = pooled(pair_sums(x, y, zero, 1)[None])
    assert weighted.upper[0] - weighted.lower[0] > plain.upper[0] - plain.lower[0] - 0.05


def test_pairs_without_value_weight_or_cell_are_left_out() -> None:
    x = np.array([1.0, 2.0, 3.0, np.nan, 9.0, 4.0])
    y = np.array([1.0, 2.0, 2.5, 1.0, -5.0, np.inf])
    cell = np.array([0, 0, 0, 0, -1, 0])
    found = pooled(pair_sums(x, y, cell, 1)[None])
    assert found.pairs[0] == 3
    assert found.value[0] == pytest.approx(np.corrcoef(x[:3], y[:3])[0, 1])
    constant = pooled(pair_sums(np.full(9, 1e6), np.arange(9.0), np.zeros(9, int), 1)[None])
    assert np.isnan(constant.value[0])
    nothing = pooled(np.zeros((2, 5, 8)))
    assert np.isnan(nothing.value).all()
    assert nothing.few.all()
