from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ewaldite.geometry.lorentz import lorentz_factor
from ewaldite.geometry.rotation import rotation_matrix
from ewaldite.geometry.swept_volume import swept_volume
from geometry.setups import directions, rotations


@settings(deadline=None)
@given(st.floats(1.0, 179.0))
def test_is_one_over_sine_of_two_theta_across_the_spindle(two_theta: float) -> None:
    angle = np.deg2rad(two_theta)
    ray = np.array([np.sin(angle), 0.0, np.cos(angle)])
    factor = lorentz_factor(ray, [0.0, 0.0, 1.0], [0.0, 5.0, 0.0])
    assert float(factor) == pytest.approx(1.0 / np.sin(angle), rel=1e-10)


@settings(deadline=None)
@given(directions(), directions(), directions(), st.floats(0.3, 3.0))
def test_is_the_inverse_of_the_speed_through_the_sphere(
    ray: np.ndarray, beam: np.ndarray, axis: np.ndarray, wavelength: float
) -> None:
    s0, s1 = beam / wavelength, ray / wavelength
    factor = float(lorentz_factor(s1, s0, axis))
    assume(factor < 1e3)
    # radial distance to the Ewald sphere of a point that turns with the crystal
    step = 1e-4
    ahead, behind = (
        np.linalg.norm(s0 + rotation_matrix(axis, np.rad2deg(angle)) @ (s1 - s0))
        for angle in (step, -step)
    )
    speed = abs(ahead - behind) / (2.0 * step)
    assert speed * wavelength == pytest.approx(1.0 / factor, rel=1e-3, abs=1e-7)
    assert factor >= 1.0 - 1e-12


@settings(deadline=None)
@given(directions(), directions(), directions(), rotations())
def test_turning_changes_nothing(
    ray: np.ndarray, beam: np.ndarray, axis: np.ndarray, matrix: np.ndarray
) -> None:
    one = lorentz_factor(ray, beam, axis)
    other = lorentz_factor(matrix @ ray, matrix @ beam, matrix @ axis)
    np.testing.assert_allclose(1.0 / other, 1.0 / one, atol=1e-12)


@settings(deadline=None)
@given(directions(), directions(), directions(), st.floats(0.3, 3.0))
def test_times_swept_volume_does_not_depend_on_the_place(
    ray: np.ndarray, beam: np.ndarray, axis: np.ndarray, wavelength: float
) -> None:
    s0, s1 = beam / wavelength, ray / wavelength
    factor = float(lorentz_factor(s1, s0, axis))
    assume(factor < 1e6)
    volume = float(swept_volume(s1, s0, axis, 0.5, 1e6))
    assert volume * factor == pytest.approx(np.deg2rad(0.5) / wavelength**3, rel=1e-9)


def test_rays_in_the_plane_of_spindle_and_beam_never_cross() -> None:
    rays = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    factor = lorentz_factor(rays, [0.0, 0.0, 1.0], [0.0, 1.0, 0.0])
    np.testing.assert_array_equal(factor, [np.inf, np.inf, 1.0])
    assert float(lorentz_factor(rays[0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0])) == np.inf
