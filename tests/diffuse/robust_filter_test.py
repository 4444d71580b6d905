"""The robust filter: on noise that is not Poisson's, with gradients and few neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.diffuse.filter_options import FilterOptions
from ewaldite.diffuse.robust_filter import robust_filter


def cube(size=9):
    return np.stack(np.indices((size,) * 3), axis=-1).reshape(-1, 3).astype(np.int64)


def run(index, mean, pixels=None, variance=None, excluded=None, **options):
    n = len(index)
    return robust_filter(
        index,
        np.full(n, 50.0) if pixels is None else pixels,
        mean,
        np.zeros(n, dtype=bool) if excluded is None else excluded,
        FilterOptions(method="robust", **options),
        variance,
    )


@pytest.fixture
def noise():
    # a detector with a pedestal and gain: integrates, noise 3 units whatever the signal
    return 200 + np.random.default_rng(0).normal(0, 3, 9**3)


def test_noise_alone_and_planted_peaks(noise):
    index = cube()
    assert run(index, noise).outlier.mean() < 0.01
    peaks = np.random.default_rng(1).choice(len(index), 40, replace=False)
    noise[peaks] += 60
    found = run(index, noise).outlier
    assert found[peaks].all()
    assert np.delete(found, peaks).mean() < 0.01


def test_one_side_or_both(noise):
    noise[100] -= 100
    assert not run(cube(), noise).outlier[100]
    assert run(cube(), noise, robust_sides="both").outlier[100]


@settings(deadline=None, max_examples=20)
@given(st.floats(-500, 500), st.floats(0.1, 50), st.integers(0, 99))
def test_pedestal_and_gain_do_not_matter(pedestal, gain, seed):
    mean = np.random.default_rng(seed).normal(10, 1, 125)
    mean[62] += 30
    plain = run(cube(5), mean)
    other = run(cube(5), gain * mean + pedestal)
    np.testing.assert_array_equal(plain.outlier, other.outlier)
    np.testing.assert_allclose(other.significance, plain.significance, rtol=1e-5, atol=1e-6)


def test_sigma_is_the_one_of_the_definition():
    index = np.array([[0, 0, i] for i in range(5)])
    mean = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    found = run(index, mean, window=(0, 0, 4), rounds=1)
    assert found.level.tolist() == [4.0] * 5
    np.testing.assert_allclose(found.significance, (mean - 4) / (1.4826 * 3), rtol=1e-12)


def test_variance_lets_voxels_of_few_pixels_deviate():
    rng = np.random.default_rng(2)
    index = cube()
    pixels = np.exp(rng.uniform(np.log(3), np.log(1000), len(index)))
    mean = 100 + rng.normal(0, 10, len(index)) / np.sqrt(pixels)
    variance = np.full(len(index), 100.0)
    assert run(index, mean, pixels).outlier.mean() > 0.03
    assert run(index, mean, pixels, variance).outlier.mean() < 0.001
    # the variance of a peak's own voxel does not hide it
    mean[364] += 500
    variance[364] = 1e9
    assert run(index, mean, pixels, variance).outlier[364]


def test_too_few_neighbours_or_no_scatter_is_undecided():
    index = np.array([[0, 0, 0], [0, 0, 1], [50, 0, 0]])
    found = run(index, np.array([1.0, 100.0, 1e6]))
    assert not found.outlier.any()
    assert (found.significance == 0).all()
    equal = run(cube(3), np.full(27, 5.0))
    assert not equal.outlier.any()


def test_excluded_voxels_do_not_count(noise):
    excluded = np.zeros(noise.size, dtype=bool)
    excluded[::2] = True
    noise[::2] += 1000
    found = run(cube(), noise, excluded=excluded)
    assert not found.outlier[excluded].any()
    assert found.outlier[~excluded].mean() < 0.02
    assert np.nanmax(found.level) < 220


def test_rounds_uncover_what_bright_peaks_hide():
    index = cube()
    mean = 100 + np.random.default_rng(3).normal(0, 1, len(index))
    near = ((index - 4) ** 2).sum(axis=1)
    mean[near <= 2] += 300
    mean[(near > 2) & (near <= 4)] += 12
    one = run(index, mean, rounds=1).outlier.sum()
    assert run(index, mean, rounds=10).outlier.sum() > one
