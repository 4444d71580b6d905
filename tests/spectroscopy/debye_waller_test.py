from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import constants
from scipy.integrate import quad

from ewaldite.spectroscopy.debye_waller import debye_waller
from ewaldite.tables.vanadium import DEBYE_TEMPERATURE


def mean_square(temperature: float, mass: float, debye: float) -> float:
    """<u²> along one direction in Å², with the integral by scipy."""
    ratio = temperature / debye
    integral = quad(lambda x: x / np.expm1(x), 0, 1 / ratio)[0] if ratio else 0.0
    atom = mass * 1e-3 / constants.N_A
    scale = 3 * constants.hbar**2 / (atom * constants.k * debye)
    return float(scale * (0.25 + ratio**2 * integral) * 1e20)


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.floats(5, 900), st.floats(10, 200), st.floats(100, 600))
def test_the_integral_is_that_of_debye(temperature: float, mass: float, debye: float) -> None:
    q = np.array([[0.0, 0.7], [1.5, 3.0]])
    found = debye_waller(q, temperature, mass=mass, debye=debye)
    expected = np.exp(-(q**2) * mean_square(temperature, mass, debye))
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert found[0, 0] == 1.0


def test_limits_of_cold_and_hot() -> None:
    def exponent(temperature: float) -> float:
        return float(-np.log(debye_waller(1.0, temperature)))

    # the motion of the ground state; it grows with the square of the temperature at first
    assert exponent(1e-3) == pytest.approx(exponent(0.0), rel=1e-6)
    warmer = exponent(10.0) / exponent(0.0) - 1.0
    assert warmer == pytest.approx(4 * np.pi**2 / 6 * (10.0 / DEBYE_TEMPERATURE) ** 2, rel=1e-3)
    # and in proportion to it at last
    assert exponent(8000.0) / exponent(4000.0) == pytest.approx(2.0, rel=2e-3)
    values = [exponent(t) for t in np.linspace(0, 600, 40)]
    assert np.all(np.diff(values) > 0)
