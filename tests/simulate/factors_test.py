from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ewaldite.simulate.background import Background
from ewaldite.simulate.factors import Factors, module_gains, relative_position
from ewaldite.simulate.outliers import LEAST, MOST, plant
from ewaldite.simulate.presets import lysozyme_6m

AMPLITUDE = st.floats(-0.1, 0.1)


@given(
    absorption=st.tuples(AMPLITUDE, AMPLITUDE, AMPLITUDE, AMPLITUDE),
    radius=st.floats(0.0, 1.5),
    turned=st.floats(-400.0, 400.0),
)
def test_absorption_has_no_mean_over_a_circle(
    absorption: tuple[float, float, float, float], radius: float, turned: float
) -> None:
    angle = np.arange(36) * 2 * np.pi / 36
    a = Factors(absorption=absorption).a(
        radius * np.cos(angle), radius * np.sin(angle), np.full(36, turned)
    )
    assert np.log(a).mean() == pytest.approx(0.0, abs=1e-12)


def test_factors_are_one_and_offsets_zero_unless_told() -> None:
    t, s = np.linspace(0, 1, 5), np.linspace(0, 0.7, 5)
    plain = Factors()
    np.testing.assert_array_equal(plain.b(t), 1.0)
    np.testing.assert_array_equal(plain.a(t, s, 360 * t), 1.0)
    np.testing.assert_array_equal(plain.c(s, t), 0.0)
    np.testing.assert_array_equal(plain.damping(s, t), 1.0)


def test_factors_by_hand() -> None:
    factors = Factors(
        beam=0.6,
        decay=0.2,
        ripple=0.1,
        absorption=(0.0, 0.0, 0.0, 0.05),
        offset=0.5,
        offset_position=0.3,
        offset_width=0.1,
        offset_ripple=0.4,
        dose=2.0,
    )
    t = np.array([0.25])
    assert factors.b(t)[0] == pytest.approx(
        0.6 * np.exp(-0.05) * (1 + 0.1 * np.cos(np.pi / 2 + 1))
    )
    assert factors.a(np.array([0.5]), np.array([0.1]), np.array([90.0]))[0] == pytest.approx(
        np.exp(0.05 * np.cos(np.pi / 2 + 3) * 0.24)
    )
    assert factors.c(np.array([0.4]), t)[0] == pytest.approx(
        0.5 * (1 + 0.4 * np.cos(np.pi / 2 + 2)) * np.exp(-0.5)
    )
    # temperature factor of intensities, exp(-2 B sin²θ/λ²) with |s| = 2 sin θ / λ
    assert factors.damping(np.array([0.6]), t)[0] == pytest.approx(
        np.exp(-2 * (2.0 * 0.25) * (0.6 / 2) ** 2)
    )


def test_relative_position_is_zero_where_the_beam_hits() -> None:
    experiment = lysozyme_6m(1).experiment
    beam = np.array(experiment.beam)
    detector = experiment.detector
    hit = np.array(detector.origin) - 1 + beam[:2] / beam[2] * detector.distance / 0.172
    x, y = relative_position(detector, experiment.s0, hit[:1], hit[1:])
    assert abs(x[0]) < 1e-12
    assert abs(y[0]) < 1e-12
    x, _ = relative_position(detector, experiment.s0, hit[:1] + 2463 / 2, hit[1:])
    assert x[0] == pytest.approx(1.0)


def test_gains_have_mean_one() -> None:
    gain = module_gains(60, 0.02, 3)
    assert gain.mean() == pytest.approx(1.0, abs=1e-14)
    assert gain.std() == pytest.approx(0.02, rel=0.3)
    np.testing.assert_array_equal(gain, module_gains(60, 0.02, 3))
    np.testing.assert_array_equal(module_gains(4, 0.0, 0), 1.0)


def test_outliers_deviate_from_what_is_expected() -> None:
    rng = np.random.default_rng(5)
    expected = 10 ** rng.uniform(0, 5, 40000)
    variance = 0.1 * expected
    counts, sign = plant(rng.poisson(expected), expected, variance, 0.05, rng)
    z = (counts - expected) / np.sqrt(expected + variance)
    planted = sign != 0
    assert planted.mean() == pytest.approx(0.05, abs=0.004)
    assert np.all(np.abs(z[planted]) >= LEAST)
    assert np.all(np.abs(z[planted]) <= MOST + 1.0)
    np.testing.assert_array_equal(np.sign(z[planted]), sign[planted])
    assert np.all(counts >= 0)
    np.testing.assert_array_equal(counts, np.rint(counts))
    many = planted & (expected > 200)
    assert np.mean(sign[many] < 0) == pytest.approx(0.5, abs=0.06)
    assert np.all(sign[planted & (expected < 100)] == 1)
    assert np.mean(z[~planted] ** 2) == pytest.approx(1 / 1.1, abs=0.02)


def test_background_of_a_pixel_is_that_of_the_image() -> None:
    experiment = lysozyme_6m(1).experiment
    small = replace(experiment, detector=replace(experiment.detector, shape=(90, 80)))
    background = Background(0.1, 3.0, 30.0)
    image = background.rate(small)
    assert image.shape == (80, 90)
    np.testing.assert_array_equal(
        background.rate_at(small, [3, 89], [70, 0]), [image[70, 3], image[0, 89]]
    )
