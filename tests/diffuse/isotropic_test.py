"""The isotropic curve is the mean over directions, smooth, with an honest variance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.diffuse.isotropic import isotropic_curve, split
from ewaldite.errors import UserError


def lengths(number: int, seed: int = 0, top: float = 0.6) -> np.ndarray:
    """Lengths of points that fill a sphere evenly."""
    return top * np.random.default_rng(seed).random(number) ** (1 / 3)


@settings(deadline=None, max_examples=25)
@given(
    a=st.floats(-10, 10),
    b=st.floats(-10, 10),
    width=st.floats(0.003, 0.2),
    least=st.integers(1, 200),
)
def test_a_straight_line_is_its_own_isotropic_part(
    a: float, b: float, width: float, least: int
) -> None:
    s = lengths(4000)
    parts = split(s, a + b * s, width=width, least=least)
    np.testing.assert_allclose(parts.isotropic, a + b * s, atol=1e-10)
    np.testing.assert_allclose(parts.variational, 0.0, atol=1e-10)


def test_a_ring_is_followed_to_the_curvature_within_a_shell() -> None:
    s, width = lengths(200_000), 0.01
    ring = 5 * np.exp(-((s - 0.3) ** 2) / (2 * 0.03**2))
    parts = split(s, ring, width=width)
    inner = s > 0.1
    # f'' w² / 24 of the mean over a shell, and Hermite's error, some w² / 100 of f''
    curvature = 5 / 0.03**2
    assert np.abs(parts.variational[inner]).max() < curvature * width**2 / 20
    assert np.abs(parts.variational[inner]).max() > curvature * width**2 / 100


def test_the_curve_is_smooth() -> None:
    s = lengths(20_000)
    curve = isotropic_curve(s, np.sin(20 * s))
    x = np.linspace(0.1, 0.59, 200_001)
    value, _ = curve.at(x)
    jumps = np.diff(value, 2) / (x[1] - x[0])
    # the second difference over the step is the jump of the derivative: none to speak of
    assert np.abs(jumps).max() < 0.02
    assert np.abs(np.diff(np.interp(x, curve.s, curve.mean), 2)).max() / (x[1] - x[0]) > 0.5


def test_the_mean_is_weighted_and_so_is_its_variance() -> None:
    s = np.full(3, 0.2)
    curve = isotropic_curve(
        s, np.array([1.0, 2.0, 6.0]), np.array([1.0, 4.0, 9.0]), np.array([2, 1, 1]), least=1
    )
    assert curve.mean.tolist() == pytest.approx([10 / 4])
    assert curve.variance.tolist() == pytest.approx([(4 + 4 + 9) / 16])
    assert curve.number.tolist() == [3]
    assert curve.weight.tolist() == [4.0]
    value, variance = curve.at(np.array([[0.2, 0.199]]))
    assert value.shape == (1, 2)
    np.testing.assert_allclose(value, 2.5)
    np.testing.assert_allclose(variance, 17 / 16)


def test_a_row_that_stands_for_many_voxels_counts_as_many() -> None:
    rng = np.random.default_rng(1)
    s, intensity = lengths(3000), rng.normal(size=3000)
    images = rng.integers(1, 5, 3000)
    once = isotropic_curve(s, intensity, weight=images, least=1)
    again = isotropic_curve(np.repeat(s, images), np.repeat(intensity, images), least=1)
    np.testing.assert_allclose(once.mean, again.mean, atol=1e-12)
    np.testing.assert_allclose(once.s, again.s)


def test_the_variances_are_those_of_repeated_measurements() -> None:
    rng = np.random.default_rng(2)
    s = np.sort(lengths(300, seed=3))
    sigma, weight = 0.5 + rng.random(300), rng.integers(1, 5, 300)
    draws = rng.normal(size=(4000, 300)) * sigma
    many = [split(s, x, sigma**2, weight, width=0.02, least=8) for x in draws]
    for name in ("isotropic", "variational"):
        scatter = np.var([getattr(m, name) for m in many], axis=0)
        stated = getattr(many[0], f"{name}_variance")
        # sampling error of a variance from 4000 draws: 2.2 %
        np.testing.assert_allclose(scatter, stated, rtol=0.12)
        assert np.mean(scatter / stated) == pytest.approx(1.0, abs=0.02)


def test_small_shells_are_joined() -> None:
    s = np.concatenate([np.linspace(0.001, 0.05, 7), np.linspace(0.2, 0.3, 100), [0.35]])
    curve = isotropic_curve(s, np.ones(108), width=0.01, least=9)
    assert curve.number.min() >= 9
    assert curve.number.sum() == 108
    assert np.all(np.diff(curve.s) > 0)
    few = isotropic_curve(s[:3], np.arange(3.0), width=0.01, least=9)
    assert few.mean.tolist() == [1.0]


def test_outside_and_nan_there_is_no_curve() -> None:
    s = np.linspace(0.1, 0.3, 500)
    curve = isotropic_curve(s, s)
    value, variance = curve.at(np.array([0.35, np.nan, 0.3, 0.0]))
    assert np.isnan(value[:2]).all()
    assert np.isnan(variance[:2]).all()
    np.testing.assert_allclose(value[2:], [0.3, 0.0], atol=1e-12)


def test_rows_without_intensity_take_no_part_and_stay_without() -> None:
    s = np.linspace(0.1, 0.3, 500)
    intensity = 2 * s
    intensity[::7] = np.nan
    parts = split(s, intensity, np.ones(500))
    assert np.isnan(parts.variational[::7]).all()
    assert np.isfinite(parts.isotropic).all()
    np.testing.assert_allclose(np.nan_to_num(parts.variational), 0.0, atol=1e-12)


@pytest.mark.parametrize(
    ("intensity", "width", "said"),
    [(np.full(3, np.nan), 0.01, "no voxel"), (np.ones(3), 0.0, "width is 0")],
)
def test_nothing_to_average_is_said(intensity: np.ndarray, width: float, said: str) -> None:
    with pytest.raises(UserError, match=said):
        isotropic_curve(np.ones(3), intensity, width=width)
