from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.geometry.absorption import PathSegment, path_transmission, sensor_efficiency
from ewaldite.geometry.detector import distance_and_cosine, pixel_positions
from geometry.setups import Case, pilatus, tilted

lengths = st.floats(0.1, 100.0)
coefficients = st.floats(0.0, 0.05)


@pytest.mark.parametrize("case", [pilatus(), tilted()])
def test_oracle(case: Case) -> None:
    xyz = pixel_positions(case.panel, case.slow, case.fast, shift=case.shift)
    distance, cosine = distance_and_cosine(case.panel, xyz)
    sensor = case.panel.sensor
    assert sensor is not None
    efficiency = sensor_efficiency(cosine, mu=case.silicon, thickness=sensor.thickness)
    np.testing.assert_allclose(efficiency, case["efficiency"], rtol=1e-9)
    air = path_transmission(distance, cosine, [PathSegment(case.air)])
    np.testing.assert_allclose(air, case["attenuation"], rtol=1e-9)


@settings(deadline=None)
@given(st.floats(0.01, 50.0), st.floats(0.01, 2.0), st.floats(0.1, 1.0))
def test_layers_of_a_sensor_share_the_photons(
    mu: float, thickness: float, cosine: float
) -> None:
    whole = sensor_efficiency(cosine, mu=mu, thickness=thickness)
    half = sensor_efficiency(cosine, mu=mu, thickness=0.5 * thickness)
    assert float(whole) == pytest.approx(float(half + (1.0 - half) * half), rel=1e-12)
    assert float(whole) >= float(sensor_efficiency(1.0, mu=mu, thickness=thickness))


def test_a_thin_sensor_keeps_its_digits() -> None:
    thin = sensor_efficiency(0.5, mu=1e-9, thickness=1e-3)
    assert float(thin) == pytest.approx(2e-12, rel=1e-9)


@settings(deadline=None)
@given(lengths, lengths, coefficients, coefficients)
def test_segments_multiply(first: float, second: float, one: float, other: float) -> None:
    distance = np.array([first + second, first + 2.0 * second])
    cosine = np.array([1.0, 0.8])
    both = path_transmission(distance, cosine, [PathSegment(one, first), PathSegment(other)])
    expected = np.exp(-one * first) * np.exp(-other * (distance - first))
    np.testing.assert_allclose(both, expected, rtol=1e-12)
    same = path_transmission(distance, cosine, [PathSegment(one), PathSegment(one, first)])
    np.testing.assert_allclose(same, np.exp(-one * distance), rtol=1e-12)


def test_windows_are_crossed_obliquely_and_no_medium_is_vacuum() -> None:
    window = [PathSegment(2.0, 0.1, "plane")]
    np.testing.assert_allclose(
        path_transmission(100.0, [1.0, 0.5], window), np.exp([-0.2, -0.4])
    )
    np.testing.assert_array_equal(path_transmission([100.0, 7.0], [1.0, 0.5], []), [1.0, 1.0])


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        ([PathSegment(0.1), PathSegment(0.2)], "more than one medium"),
        ([PathSegment(-0.1)], "negative"),
        ([PathSegment(0.1, -5.0)], "negative"),
        ([PathSegment(0.1, 60.0), PathSegment(0.0, 50.0)], "10 mm longer"),
    ],
)
def test_mistakes_are_named(segments: list[PathSegment], message: str) -> None:
    with pytest.raises(UserError, match=message):
        path_transmission(np.array([100.0, 110.0]), np.ones(2), segments)
