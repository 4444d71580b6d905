from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.geometry.detector import (
    distance_and_cosine,
    pixel_positions,
    scattering_vector,
)
from ewaldite.geometry.rotation import rotation_matrix
from ewaldite.geometry.solid_angle import solid_angle
from ewaldite.geometry.swept_volume import swept_volume
from geometry.setups import Case, directions, pilatus, rotations, tilted


@pytest.mark.parametrize("case", [pilatus(), tilted()])
def test_oracle(case: Case) -> None:
    xyz = pixel_positions(case.panel, case.slow, case.fast, shift=case.shift)
    omega = solid_angle(case.panel.pixel_size, *distance_and_cosine(case.panel, xyz))
    volume = swept_volume(xyz, case.beam.s0, case.axis, case.width, omega)
    # mdx-lib does not normalise the axis
    expected = case["d3s"] / np.linalg.norm(case.axis)
    np.testing.assert_allclose(volume, expected, rtol=1e-9, atol=1e-21)


def test_is_the_volume_between_the_positions_of_a_pixel() -> None:
    case = tilted()
    slow, fast, half = 3.0, 6.0, 0.5
    # the pixel's four corners at the beginning and the end of the frame, in the crystal
    corners = np.array([[-half, -half], [-half, half], [half, half], [half, -half]])
    xyz = pixel_positions(case.panel, slow + corners[:, 0], fast + corners[:, 1])
    s = scattering_vector(xyz, case.beam.s0)
    ends = [s @ rotation_matrix(case.axis, angle) for angle in (-0.25, 0.25)]
    edges = 0.5 * sum(
        np.array([e[1] - e[0] + e[2] - e[3], e[3] - e[0] + e[2] - e[1]]) for e in ends
    )
    travel = (ends[1] - ends[0]).mean(axis=0)
    box = abs(np.linalg.det(np.vstack([0.5 * edges, travel])))
    centre = pixel_positions(case.panel, slow, fast)
    omega = solid_angle(case.panel.pixel_size, *distance_and_cosine(case.panel, centre))
    volume = swept_volume(centre, case.beam.s0, case.axis, 0.5, omega)
    assert float(volume) == pytest.approx(box, rel=1e-3)


@settings(deadline=None)
@given(directions(), directions(), directions(), rotations(), st.floats(0.01, 5.0))
def test_turning_and_lengths_change_nothing(
    ray: np.ndarray, beam: np.ndarray, axis: np.ndarray, matrix: np.ndarray, length: float
) -> None:
    one = swept_volume(ray, beam, axis, 1.0, 1.0)
    other = swept_volume(length * matrix @ ray, matrix @ beam, length * matrix @ axis, 1.0, 1.0)
    np.testing.assert_allclose(other, one, atol=1e-20, rtol=1e-9)


@settings(deadline=None)
@given(directions(), directions(), st.floats(0.0, 5.0), st.floats(0.0, 5.0))
def test_widths_and_solid_angles_add(
    ray: np.ndarray, axis: np.ndarray, width: float, omega: float
) -> None:
    unit = swept_volume(ray, [0.0, 0.0, 1.0], axis, 1.0, 1.0)
    scaled = swept_volume(ray, [0.0, 0.0, 1.0], axis, width, omega)
    np.testing.assert_allclose(scaled, unit * width * omega, rtol=1e-12, atol=1e-22)
    np.testing.assert_allclose(swept_volume(ray, [0.0, 0.0, 1.0], [0, 0, 1], 1.0, 1.0), 0.0)
