"""The Poisson filter: symmetries, thin wedges, and how its two criteria share the work."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffuse.filter_world import counted, make_world
from ewaldite.diffuse.filter_options import FilterOptions
from ewaldite.diffuse.histograms import Histograms
from ewaldite.diffuse.poisson_filter import poisson_filter

# Sharper than the defaults, which allow for a rougher diffuse signal
SHARP = {"threshold": 3.0, "divergence_threshold": 2.75}


def box(*shape):
    return np.stack(np.indices(shape), axis=-1).reshape(-1, 3).astype(np.int64)


def run(index, histogram, overflow=None, **options):
    over = np.zeros(len(index), np.int64) if overflow is None else overflow
    chosen = FilterOptions(**{**SHARP, **options})
    sparse = Histograms.of(histogram)
    return poisson_filter(index, sparse, over, 61 * over, over > 0, chosen)


def drawn(index, rate, pixels, seed=0):
    n = len(index)
    rate = np.broadcast_to(np.asarray(rate, float), n)
    histogram, over = counted(np.random.default_rng(seed), np.full(n, pixels), rate)
    return histogram.astype(np.uint32), over


def masked(result):
    return result.significant | result.divergent


@pytest.fixture(scope="module")
def world():
    return make_world(
        6,
        cells=(10, 6, 5),
        node_sigma=lambda rng, n: np.exp(rng.uniform(np.log(0.5), np.log(100), n)),
    )


def test_where_the_lattice_lies_does_not_matter(world):
    here = run(world.index, world.histogram, world.overflow)
    there = run(world.index + np.array([300, -5000, 77]), world.histogram, world.overflow)
    np.testing.assert_array_equal(masked(here), masked(there))
    np.testing.assert_array_equal(here.level, there.level)


@pytest.mark.parametrize("turned", [lambda i: -i, lambda i: i[:, [2, 0, 1]]])
def test_turning_the_lattice_does_not_matter(world, turned):
    here = run(world.index, world.histogram, world.overflow)
    there = run(np.ascontiguousarray(turned(world.index)), world.histogram, world.overflow)
    np.testing.assert_array_equal(here.significant, there.significant)
    np.testing.assert_allclose(here.level, there.level, rtol=1e-9)
    np.testing.assert_allclose(here.divergence, there.divergence, rtol=1e-6, atol=1e-9)


def test_twice_is_the_same(world):
    one, two = (run(world.index, world.histogram, world.overflow) for _ in range(2))
    for a, b in zip(vars(one).values(), vars(two).values(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_nothing_given_is_changed(world):
    before = world.histogram.copy(), world.index.copy()
    run(world.index, world.histogram, world.overflow)
    np.testing.assert_array_equal(before[0], world.histogram)
    np.testing.assert_array_equal(before[1], world.index)


def test_higher_thresholds_mask_less(world):
    data = world.index, world.histogram, world.overflow
    numbers = [
        masked(run(*data, threshold=t, divergence_threshold=t)).sum()
        for t in (2.0, 3.0, 4.0, 6.0, 10.0)
    ]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[0] > 1.5 * numbers[-1]


def test_divergence_decides_between_the_two_thresholds(world):
    data = world.index, world.histogram, world.overflow
    result = run(*data, threshold=4.0, divergence_threshold=2.0)
    between = (result.significance >= 2.0) & (result.significance < 4.0)
    looked_at = np.isfinite(result.divergence_change)
    np.testing.assert_array_equal(looked_at, between & (world.overflow == 0))
    assert result.divergent.any()
    assert (result.divergence_change[result.divergent] < 0).all()
    assert not (result.divergent & result.significant).any()


@pytest.mark.parametrize("window", [1.0, 2.0, (1, 1, 1), (2, 2, 2)])
def test_any_window_finds_a_plain_peak(window):
    index = box(9, 9, 9)
    histogram, over = drawn(index, 2.0, 100)
    histogram[364] = drawn(index[:1], 6.0, 100)[0]
    result = run(index, histogram, over, window=window)
    assert result.significant[364]
    assert masked(result).mean() < 0.02


@pytest.mark.parametrize("steep", [0.0, 0.05, 0.1])
def test_thin_wedge_in_a_gradient(steep):
    # a slab two voxels thick, whose neighbourhoods are all one-sided
    index = box(60, 60, 2)
    rate = np.clip(2 * np.exp(steep * (index[:, 0] - 30 + index[:, 2] / 2)), 0.02, 20)
    histogram, over = drawn(index, rate, 200, seed=3)
    result = run(index, histogram, over)
    assert masked(result).mean() < 0.006
    assert np.mean(result.level / rate) == pytest.approx(1.0, abs=0.01)


@settings(deadline=None, max_examples=15)
@given(st.floats(0.01, 15), st.integers(2, 300), st.integers(0, 999))
def test_flat_background_gives_finite_diagnostics_and_few_alarms(rate, pixels, seed):
    index = box(8, 8, 8)
    result = run(index, *drawn(index, rate, pixels, seed))
    for values in (result.rate, result.level, result.significance, result.divergence):
        assert np.isfinite(values).all()
    assert (result.rate > 0).all()
    assert (result.level > 0).all()
    assert masked(result).sum() <= 9  # 512 voxels at 0.3 %, and five standard deviations


def test_excluded_neighbours_do_not_lift_the_level():
    index = box(9, 9, 9)
    histogram, _ = drawn(index, 1.0, 100)
    over = np.zeros(len(index), np.int64)
    over[::3] = 50
    result = run(index, histogram, over)
    assert result.level.max() < 1.5
    assert not (result.significant & (over > 0)).any()
