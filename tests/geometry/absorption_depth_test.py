from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from ewaldite.errors import UserError
from ewaldite.geometry.absorption_depth import absorption_depth

coefficients = st.floats(1e-6, 100.0)
thicknesses = st.floats(0.05, 2.0)
cosines = st.floats(0.2, 1.0)


@settings(deadline=None)
@given(coefficients, thicknesses, cosines)
def test_xds_depth_is_the_mean_depth_of_the_absorbed_photons(
    mu: float, thickness: float, cosine: float
) -> None:
    length = thickness / cosine
    # substituting x = μ t keeps the integrands smooth for any coefficient
    end = mu * length
    norm = -np.expm1(-end)
    moment = quad(lambda x: x * np.exp(-x), 0.0, min(end, 60.0), epsabs=0, epsrel=1e-11)[0]
    depth = absorption_depth(cosine, mu=mu, thickness=thickness, convention="xds")
    assert float(depth) == pytest.approx(moment / norm / mu, rel=1e-9)
    dials = absorption_depth(cosine, mu=mu, thickness=thickness, convention="dials")
    assert float(dials) == pytest.approx(moment / mu, rel=1e-9, abs=1e-14)


def test_limits() -> None:
    thin = absorption_depth([1.0, 0.5], mu=1e-9, thickness=1.0, convention="xds")
    np.testing.assert_allclose(thin, [0.5, 1.0], rtol=1e-8)
    thick = absorption_depth(1.0, mu=1e4, thickness=1.0, convention="xds")
    np.testing.assert_allclose(thick, 1e-4)
    none = absorption_depth([1.0, 0.5], mu=1.0, thickness=1.0, convention="none")
    np.testing.assert_array_equal(none, [0.0, 0.0])


def test_series_joins_the_formula() -> None:
    mu = 1e-2 * np.array([1.0 - 1e-9, 1.0 + 1e-9])
    below, above = (absorption_depth(1.0, mu=m, thickness=1.0, convention="xds") for m in mu)
    assert float(below) == pytest.approx(float(above), rel=1e-10)


@pytest.mark.parametrize(("mu", "thickness"), [(0.0, 1.0), (1.0, -0.1), (np.nan, 1.0)])
def test_refuses_impossible_sensors(mu: float, thickness: float) -> None:
    with pytest.raises(UserError, match="sensor_thickness"):
        absorption_depth(1.0, mu=mu, thickness=thickness, convention="xds")
