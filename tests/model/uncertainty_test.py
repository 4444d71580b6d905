from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, poisson

from ewaldite.model.uncertainty import (
    ONE_SIGMA,
    difference,
    garwood,
    weighted_counts,
    with_sigma,
)


def test_whole_counts_are_garwoods_formula() -> None:
    n = np.arange(50)
    lower, upper = garwood(n)
    tail = (1 - ONE_SIGMA) / 2
    assert lower[0] == 0
    np.testing.assert_allclose(lower[1:], chi2.ppf(tail, 2 * n[1:]) / 2, rtol=1e-10)
    np.testing.assert_allclose(upper, chi2.ppf(1 - tail, 2 * n + 2) / 2, rtol=1e-10)


def test_known_limits() -> None:
    # Gehrels, ApJ 303 (1986) 336, tables 1 and 2, confidence 0.8413
    lower, upper = garwood([0, 1, 2, 10])
    np.testing.assert_allclose(upper, [1.841, 3.300, 4.638, 14.27], rtol=3e-4)
    np.testing.assert_allclose(lower[1:], [0.173, 0.708, 6.891], rtol=3e-3)


def test_fractional_counts_lie_on_the_continuous_formula() -> None:
    n = np.linspace(0.3, 49.9, 997)
    lower, upper = garwood(n)
    tail = (1 - ONE_SIGMA) / 2
    np.testing.assert_allclose(lower, chi2.ppf(tail, 2 * n) / 2, atol=2e-4)
    np.testing.assert_allclose(upper, chi2.ppf(1 - tail, 2 * n + 2) / 2, atol=2e-4)


def test_many_counts_are_plus_or_minus_one_sigma() -> None:
    lower, upper = garwood([50.0, 400.0])
    np.testing.assert_allclose(lower, [50 - np.sqrt(50), 380])
    np.testing.assert_allclose(upper, [50 + np.sqrt(50), 420])


def test_no_mean_below_fifty_is_covered_less_often_than_nominal() -> None:
    n = np.arange(150)
    lower, upper = garwood(n)
    for mean in np.geomspace(0.01, 50, 800):
        covers = (lower <= mean) & (mean <= upper)
        assert poisson.pmf(n, mean)[covers].sum() >= ONE_SIGMA, mean


def test_from_fifty_to_a_thousand_coverage_is_nominal_on_average() -> None:
    n = np.arange(1400)
    lower, upper = garwood(n)
    means = np.geomspace(50, 1000, 400)
    covers = [poisson.pmf(n, m)[(lower <= m) & (m <= upper)].sum() for m in means]
    assert abs(np.mean(covers) - ONE_SIGMA) < 0.01


@pytest.mark.parametrize("tau", [0.1, 0.3, 1.0, 3.0])
@pytest.mark.parametrize("background_counts", [0.05, 0.5, 3.0, 30.0])
@pytest.mark.parametrize("signal", [0.0, 0.2, 1.0, 5.0, 20.0])
def test_difference_covers_with_an_uncertain_background(
    tau: float, background_counts: float, signal: float
) -> None:
    """Exact sum over both Poisson variables; a background image τ⁻¹ times as long."""
    mean = signal + tau * background_counts
    n = np.arange(int(mean + 12 * np.sqrt(mean) + 15))
    b = np.arange(int(background_counts + 12 * np.sqrt(background_counts) + 15))
    p = poisson.pmf(n, mean)[:, None] * poisson.pmf(b, background_counts)
    counts, dark = np.meshgrid(n.astype(float), tau * b, indexing="ij")
    below, above = difference(
        weighted_counts(counts, counts, np.ones_like(counts)),
        weighted_counts(dark, tau * dark, np.full_like(dark, tau)),
    )
    estimate = counts - dark
    covers = (estimate - below <= signal) & (signal <= estimate + above)
    assert p[covers].sum() >= 0.683


@settings(deadline=None)
@given(st.floats(0.01, 1e3), st.floats(0.01, 1e4))
def test_a_common_weight_only_scales(weight: float, counts: float) -> None:
    plain = weighted_counts([counts], [counts], [1.0])
    scaled = weighted_counts([weight * counts], [weight**2 * counts], [weight])
    for a, b in zip(plain, scaled, strict=True):
        np.testing.assert_allclose(weight * a, b, rtol=1e-3, atol=1e-3 * weight)


def test_zero_counts_take_the_given_unit_and_known_backgrounds_none() -> None:
    below, above = weighted_counts([0.0, 0.0, 7.0], [0.0, 0.0, 0.0], [2.0, 0.0, 3.0])
    np.testing.assert_allclose(below, 0.0)
    np.testing.assert_allclose(above, [2 * 1.8410, 0.0, 0.0], rtol=1e-4)


def test_symmetric_distances_add_in_quadrature() -> None:
    three, four = np.array([3.0]), np.array([4.0])
    below, above = difference((three, three), (four, four))
    assert below.tolist() == above.tolist() == [5.0]


@pytest.mark.parametrize(
    ("value", "sigma", "text"),
    [
        (23273.4, 1180.2, "23273 ± 1180"),
        (1.23456, 0.0321, "1.235 ± 0.032"),
        (-3.0, 12.0, "-3 ± 12"),
        (2.5e7, 3.1e5, "(2.500 ± 0.031)e+7"),
        (2.5e-6, 3.1e-8, "(2.500 ± 0.031)e-6"),
        (1.5, 0.0, "1.5 ± 0"),
        (1.5, np.nan, "1.5 ± nan"),
    ],
)
def test_a_number_and_its_uncertainty_have_the_same_decimals(
    value: float, sigma: float, text: str
) -> None:
    assert with_sigma(value, sigma) == text
