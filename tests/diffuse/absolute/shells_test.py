from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffuse.absolute.mdx import CELL, ORACLE
from ewaldite.diffuse.absolute.shells import (
    ShellMeans,
    Shells,
    cumulative,
    interpolation,
    shell_means,
)
from ewaldite.diffuse.absolute.totals import lengths
from ewaldite.errors import UserError
from ewaldite.model.grid import Grid


def test_radial_statistics_of_mdx_lib() -> None:
    radial = ORACLE["StatisticsVsRadius"]
    n, origin = radial["grid_N"], radial["grid_origin_hkl"]
    l, k, h = (
        x.ravel()
        for x in np.meshgrid(*[np.arange(n[i]) + origin[i] for i in (2, 1, 0)], indexing="ij")
    )
    index = np.stack([h, k, l], axis=1)
    s = lengths(Grid((1, 1, 1)), index, CELL)
    shells = Shells(np.array(radial["edges"]))
    stats = radial["stats"]
    np.testing.assert_allclose(shells.centre, stats["r"], rtol=1e-12)
    np.testing.assert_allclose(shells.volume, stats["d3r"], rtol=1e-12)
    a, b = (np.array(radial[x], dtype=float) for x in ("A_column_major_h_fastest", "B"))
    # mdx-lib leaves out what is missing in either
    away = (s > 0) & np.isfinite(a) & np.isfinite(b)
    for values, mean in ((a, "av1"), (b, "av2")):
        found = shell_means(
            shells, s[away], np.ones(away.sum()), values[away], np.ones(away.sum())
        )
        np.testing.assert_allclose(found.mean, stats[mean], rtol=1e-12)
        np.testing.assert_array_equal(found.weight, stats["n"])


@given(st.floats(0.2, 2.0), st.integers(2, 400))
def test_shells_fill_the_ball(s_max: float, number: int) -> None:
    shells = Shells.of(s_max, number)
    assert shells.volume.sum() == pytest.approx(4 / 3 * np.pi * s_max**3)
    np.testing.assert_allclose(np.diff(shells.edges**2), s_max**2 / number, rtol=1e-6)
    assert shells.within(s_max) == number
    assert shells.within(0.0) == 0
    middle = number // 2
    assert shells.within(float(shells.edges[middle])) == middle
    assert np.all((shells.centre > shells.edges[:-1]) & (shells.centre < shells.edges[1:]))


def test_means_count_images_and_leave_out_what_is_not_a_number() -> None:
    shells = Shells(np.array([0.0, 0.5, 1.0, 1.5]))
    s = np.array([0.1, 0.2, 0.5, 0.9, 2.0, 0.3])
    weight = np.array([1.0, 3.0, 2.0, 2.0, 1.0, 5.0])
    values = np.array([4.0, 8.0, 1.0, 3.0, 99.0, np.nan])
    variances = np.array([1.0, 2.0, 1.0, 1.0, 1.0, 1.0])
    found = shell_means(shells, s, weight, values, variances)
    assert found.mean[:2].tolist() == [7.0, 2.0]
    assert found.variance[:2].tolist() == [(1 + 9 * 2) / 16, (4 + 4) / 16]
    assert found.weight.tolist() == [4.0, 4.0, 0.0]
    assert found.empty.tolist() == [False, False, True]
    assert np.isnan(found.mean[2])


@given(st.integers(0, 10**6))
def test_interpolation_is_that_of_numpy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shells = Shells.of(1.0, 30)
    known = rng.random(30) < 0.5
    known[rng.integers(30)] = True
    values = rng.normal(size=known.sum())
    weights = interpolation(shells.centre, known)
    expected = np.interp(shells.centre, shells.centre[known], values)
    np.testing.assert_allclose(weights @ values, expected, atol=1e-12)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    assert weights.min() >= 0


def test_nothing_to_interpolate_from() -> None:
    with pytest.raises(UserError, match="no shell holds a measured voxel"):
        interpolation(np.array([0.1, 0.2]), np.array([False, False]))


def test_variance_of_a_sum_knows_what_was_interpolated() -> None:
    # three shells of volume 1, the middle one empty: the sum is 1.5 a + 1.5 c
    means = ShellMeans(
        np.array([2.0, np.nan, 4.0]), np.array([1.0, np.nan, 9.0]), np.array([1.0, 0.0, 1.0])
    )
    weights = interpolation(np.array([1.0, 2.0, 3.0]), ~means.empty)
    total, variance = cumulative(np.ones(3), weights, means)
    np.testing.assert_allclose(total, [2.0, 5.0, 9.0])
    np.testing.assert_allclose(variance, [1.0, 1.5**2 + 0.25 * 9, 2.25 + 2.25 * 9])


def test_scatter_of_sums_is_what_the_variance_says() -> None:
    rng = np.random.default_rng(0)
    shells = Shells.of(1.0, 12)
    s = rng.random(200) ** (1 / 3)
    weight = rng.integers(1, 5, 200).astype(float)
    sigma = 0.1 + rng.random(200)
    found = []
    for _ in range(400):
        means = shell_means(shells, s, weight, 5 + sigma * rng.normal(size=200), sigma**2)
        weights = interpolation(shells.centre, ~means.empty)
        total, variance = cumulative(shells.volume, weights, means)
        found.append(total)
    np.testing.assert_allclose(np.std(found, axis=0), np.sqrt(variance), rtol=0.15)
    np.testing.assert_allclose(np.mean(found, axis=0), 5 * np.cumsum(shells.volume), rtol=0.1)
