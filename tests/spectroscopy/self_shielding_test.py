from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.spectroscopy.self_shielding import (
    VANADIUM,
    cylinder_shielding,
    plate_shielding,
)

N = 60_000


def traced(angle: float, mu_in: float, mu_out: float, shape: str, *size: float) -> float:
    """Mean transmission of neutrons that scatter at random places.

    The way to the surface is found by bisection from an inside test alone.
    """
    rng = np.random.default_rng(int(1000 * angle) % 2**31)
    if shape == "cylinder":
        (radius,) = size
        points = rng.uniform(-radius, radius, (2 * N, 2))
        points = points[np.hypot(*points.T) < radius]

        def inside(p: np.ndarray) -> np.ndarray:
            return np.asarray(np.hypot(p[:, 0], p[:, 1]) < radius)
    else:
        thickness, normal = size
        n = np.array([np.sin(np.deg2rad(normal)), np.cos(np.deg2rad(normal))])
        points = rng.uniform(-thickness / 2, thickness / 2, (N, 1)) * n

        def inside(p: np.ndarray) -> np.ndarray:
            return np.asarray(np.abs(p @ n) < thickness / 2)

    def way(direction: np.ndarray) -> np.ndarray:
        low, high = np.zeros(len(points)), np.full(len(points), 200.0)
        for _ in range(22):
            middle = (low + high) / 2
            within = inside(points + middle[:, None] * direction)
            low, high = np.where(within, middle, low), np.where(within, high, middle)
        return low

    t = np.deg2rad(angle)
    there, back = way(np.array([np.sin(t), np.cos(t)])), way(np.array([0.0, -1.0]))
    return float(np.exp(-mu_in * back - mu_out * there).mean())


@pytest.mark.parametrize("angle", [-95.0, -20.0, 3.0, 60.0, 130.0])
@pytest.mark.parametrize(("radius", "energy"), [(5.0, 2.7), (2.0, 5.0)])
def test_cylinder_against_a_monte_carlo(angle: float, radius: float, energy: float) -> None:
    mu = float(VANADIUM.attenuation(energy))
    made = cylinder_shielding(radius, np.array([angle]), mu, 1.3 * mu)[0]
    assert made == pytest.approx(traced(angle, mu, 1.3 * mu, "cylinder", radius), rel=0.008)


@pytest.mark.parametrize("angle", [-95.0, -20.0, 3.0, 60.0, 130.0])
@pytest.mark.parametrize("normal", [0.0, 45.0, 160.0])
def test_plate_against_a_monte_carlo(angle: float, normal: float) -> None:
    mu = float(VANADIUM.attenuation(3.8))
    made = plate_shielding(2.0, normal, np.array([angle]), mu, 0.7 * mu)[0]
    expected = traced(angle, mu, 0.7 * mu, "plate", 2.0, normal)
    assert made == pytest.approx(expected, rel=0.008)


def test_transmission_of_a_centimetre_of_vanadium() -> None:
    passed = np.exp(-10 * VANADIUM.attenuation(np.array([2.7, 5.0])))
    np.testing.assert_allclose(passed, [0.23, 0.30], atol=0.005)


@settings(deadline=None)
@given(st.floats(0.1, 10), st.floats(-170, 170), st.floats(0, 0.3))
def test_a_thin_sample_shields_nothing_and_a_thick_one_more(
    radius: float, angle: float, mu: float
) -> None:
    a = np.array([angle])
    thin, thick = (cylinder_shielding(radius, a, m, m)[0] for m in (mu, 2 * mu + 1e-3))
    assert 0 < thick < thin <= 1 + 1e-12
    # weak attenuation: 1 - mu (l_in + l_out), both mean chords 8 R / 3 pi
    weak = cylinder_shielding(radius, a, 1e-6, 1e-6)[0]
    assert (1 - weak) / 2e-6 == pytest.approx(8 * radius / (3 * np.pi), rel=1e-3)


def test_pixels_may_have_their_own_attenuation() -> None:
    angles, mu = np.linspace(10, 90, 7), np.linspace(0.1, 0.2, 7)
    many = cylinder_shielding(4.0, angles, mu, mu)
    one = [cylinder_shielding(4.0, a, m, m) for a, m in zip(angles, mu, strict=True)]
    np.testing.assert_allclose(many, one, rtol=1e-12)


def test_impossible_shapes() -> None:
    with pytest.raises(UserError, match="radius = 0"):
        cylinder_shielding(0.0, np.array([1.0]), 0.1, 0.1)
    with pytest.raises(UserError, match="normal = 90"):
        plate_shielding(1.0, 90.0, np.array([1.0]), 0.1, 0.1)
