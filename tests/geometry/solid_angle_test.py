from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.geometry.detector import distance_and_cosine, pixel_positions
from ewaldite.geometry.solid_angle import solid_angle
from ewaldite.model.experiment import Panel
from geometry.setups import Case, pilatus, tilted


@pytest.mark.parametrize("case", [pilatus(), tilted()])
def test_oracle(case: Case) -> None:
    xyz = pixel_positions(case.panel, case.slow, case.fast, shift=case.shift)
    omega = solid_angle(case.panel.pixel_size, *distance_and_cosine(case.panel, xyz))
    np.testing.assert_allclose(omega, case["solidAngle"], rtol=1e-9)


@pytest.mark.parametrize("distance", [30.0, 200.0])
def test_six_walls_of_a_cube_close_the_sphere(distance: float) -> None:
    pixels = 600
    pitch = 2.0 * distance / pixels
    wall = Panel(
        np.array([-distance, -distance, distance]),
        np.eye(3)[0],
        np.eye(3)[1],
        (pitch, pitch),
        (pixels, pixels),
    )
    xyz = pixel_positions(wall, np.arange(pixels)[:, None], np.arange(pixels))
    omega = solid_angle(wall.pixel_size, *distance_and_cosine(wall, xyz))
    assert 6.0 * omega.sum() * 1e-6 == pytest.approx(4.0 * np.pi, rel=1e-5)


@settings(deadline=None)
@given(st.floats(10.0, 1e3), st.floats(0.1, 1.0), st.floats(0.1, 10.0))
def test_scales_as_area_over_distance_squared(d: float, cosine: float, k: float) -> None:
    one = solid_angle((0.1, 0.2), d, cosine)
    assert float(solid_angle((0.1 * k, 0.2 * k), d * k, cosine)) == pytest.approx(float(one))
    assert float(one) == pytest.approx(1e6 * 0.02 * cosine / d**2)
