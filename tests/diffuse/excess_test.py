"""Significance: tails against scipy's distributions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import nbinom, norm, poisson

from ewaldite.diffuse.excess import Counts, find_excess, significance
from ewaldite.kernels.neighbours import ball_offsets, neighbour_rows


def one(counts, mean, variance):
    return significance(*(np.array([float(x)]) for x in (counts, mean, variance)))[0]


@settings(deadline=None)
@given(st.floats(0.05, 500), st.floats(0, 5), st.floats(1e-5, 1))
def test_tail_is_the_negative_binomial_one(mean, sigma, variance):
    counts = np.ceil(mean + sigma * np.sqrt(mean + variance * mean**2)) + 1
    shape = 1 / variance
    tail = nbinom.sf(counts - 1, shape, shape / (shape + mean))
    expected = max(norm.isf(tail), 0.0)
    assert one(counts, mean, variance) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@settings(deadline=None)
@given(st.floats(0.05, 500), st.integers(1, 30))
def test_certain_mean_makes_it_poisson(mean, more):
    counts = np.ceil(mean) + more
    expected = max(norm.isf(poisson.sf(counts - 1, mean)), 0.0)
    assert one(counts, mean, 1e-9) == pytest.approx(expected, rel=1e-4, abs=1e-4)


@settings(deadline=None)
@given(st.floats(0.05, 100), st.integers(1, 60), st.floats(1e-4, 0.5))
def test_uncertain_mean_makes_an_excess_less_significant(mean, more, variance):
    counts = np.ceil(mean) + more + 1
    assert one(counts, mean, variance) <= one(counts, mean, variance / 10) + 1e-9 or more < 4


def test_nothing_above_the_mean_has_no_significance():
    assert one(3, 5, 0.01) == 0.0
    assert one(0, 1e-300, 2.0) == 0.0


def test_enormous_excess_stays_finite():
    assert 30 < one(1e7, 1.0, 0.001) <= 38


def cube(rate, pixels=100, size=9, seed=0):
    index = np.stack(np.indices((size,) * 3), axis=-1).reshape(-1, 3).astype(np.int64)
    rng = np.random.default_rng(seed)
    n = len(index)
    drawn = rng.poisson(np.broadcast_to(rate, n)[:, None], (n, pixels))
    offsets = ball_offsets(2.0)
    return Counts(
        pixels=np.full(n, float(pixels)),
        counts=drawn.sum(axis=1).astype(float),
        empty=(drawn == 0).sum(axis=1).astype(float),
        rows=neighbour_rows(index, offsets),
        offsets=offsets,
        excluded=np.zeros(n, dtype=bool),
    )


@pytest.mark.parametrize("rate", [0.002, 0.02, 0.2, 2.0, 20.0])
def test_levels_and_false_alarms(rate):
    found = find_excess(cube(rate), 3.0, 4)
    assert found.level.mean() == pytest.approx(rate, rel=0.15 if rate < 0.01 else 0.03)
    assert found.outlier.mean() < 0.006
    assert (found.rate > 0).all()


@pytest.mark.parametrize("rate", [0.002, 0.02, 0.2, 2.0])
def test_bright_peaks_do_not_lift_the_level(rate):
    data = cube(rate)
    peak = np.arange(data.counts.size) % 5 == 0
    data.counts[peak] += 500
    data.empty[peak] *= 0.5
    found = find_excess(data, 3.0, 4)
    assert found.outlier[peak].all()
    assert found.outlier[~peak].mean() < 0.006
    assert found.level.mean() == pytest.approx(rate, rel=0.2 if rate < 0.01 else 0.05)


def test_rough_background_is_allowed_for():
    rng = np.random.default_rng(4)
    rough = 20 * (1 + 0.1 * rng.standard_normal(9**3))  # 10 % where Poisson's is 2 %
    found = find_excess(cube(rough), 3.0, 4)
    assert found.outlier.mean() < 0.04  # a quarter if not allowed for
    plain = cube(20.0)
    assert find_excess(plain, 3.0, 4).outlier.mean() < 0.005


def test_excluded_voxels_are_outliers_and_say_nothing():
    data = cube(1.0)
    data.excluded[:40] = True
    data.counts[:40] = 1e6
    found = find_excess(data, 3.0, 4)
    assert found.outlier[:40].all()
    assert found.level.max() < 2.0
