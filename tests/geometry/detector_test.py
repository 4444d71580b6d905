from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.geometry.detector import (
    distance_and_cosine,
    foot_of_normal,
    panel_index,
    pixel_positions,
    ray_intersection,
    scattering_vector,
)
from ewaldite.model.experiment import Panel
from geometry.setups import (
    Case,
    directions,
    numbers,
    panels,
    pilatus,
    rotations,
    tilted,
    turned,
)

indices = st.floats(-5.0, 20.0)


def flat(offset: tuple[int, int] = (0, 0)) -> Panel:
    return Panel(
        np.array([-1.0, -2.0, 100.0]), np.eye(3)[0], np.eye(3)[1], (0.5, 0.25), (4, 6), offset
    )


def test_oracle_positions_with_shift() -> None:
    case = pilatus()
    expected = np.array(
        [[np.nan] * 3 if row[0] is None else row for row in case.expected["xyz_mm"]], np.float64
    )
    xyz = pixel_positions(case.panel, case.slow, case.fast, shift=case.shift)
    np.testing.assert_allclose(xyz, expected, rtol=1e-9, atol=1e-9)


def test_oracle_positions_of_a_tilted_panel() -> None:
    case = tilted()
    xyz = pixel_positions(case.panel, case.slow, case.fast)
    expected = np.column_stack([case["x"], case["y"], case["z"]])
    np.testing.assert_allclose(xyz, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("case", "name"), [(pilatus(), "d_mm"), (tilted(), "d")])
def test_oracle_distances_and_cosines(case: Case, name: str) -> None:
    xyz = pixel_positions(case.panel, case.slow, case.fast, shift=case.shift)
    distance, cosine = distance_and_cosine(case.panel, xyz)
    np.testing.assert_allclose(distance, case[name], rtol=1e-9)
    np.testing.assert_allclose(cosine, case["cosw"], rtol=1e-9)


def test_integers_are_centres() -> None:
    panel = flat()
    np.testing.assert_allclose(pixel_positions(panel, -0.5, -0.5), panel.origin)
    np.testing.assert_allclose(pixel_positions(panel, 0, 0), [-0.75, -1.875, 100.0])
    np.testing.assert_allclose(
        pixel_positions(panel, 3, 0) - pixel_positions(panel, 0, 0), [0, 0.75, 0]
    )


def test_grid_broadcasts() -> None:
    xyz = pixel_positions(flat(), np.arange(4)[:, None], np.arange(6))
    assert xyz.shape == (4, 6, 3)
    np.testing.assert_array_equal(xyz[3, 5], pixel_positions(flat(), 3, 5))


@settings(deadline=None)
@given(panels(), indices, indices)
def test_ray_to_a_pixel_meets_that_pixel(panel: Panel, slow: float, fast: float) -> None:
    xyz = pixel_positions(panel, slow, fast)
    found = ray_intersection(panel, 0.37 * xyz)
    np.testing.assert_allclose(found, (fast, slow), atol=1e-8)


@settings(deadline=None)
@given(panels(), directions())
def test_backward_rays_meet_nothing(panel: Panel, ray: np.ndarray) -> None:
    cosine = np.dot(ray, panel.normal) * np.sign(np.dot(panel.origin, panel.normal))
    forward = cosine > 1e-9
    fast, slow = ray_intersection(panel, ray)
    assert np.isfinite(fast) == forward
    assert np.isfinite(slow) == forward


def test_rays_keep_their_shape_and_skewed_axes_are_solved() -> None:
    panel = flat()
    skewed = Panel(
        panel.origin, panel.fast, np.array([0.6, 0.8, 0.0]), panel.pixel_size, panel.shape
    )
    slow, fast = np.meshgrid(np.arange(4.0), np.arange(6.0), indexing="ij")
    found = ray_intersection(skewed, pixel_positions(skewed, slow, fast))
    np.testing.assert_allclose(found, (fast, slow), atol=1e-12)


@settings(deadline=None)
@given(panels(), rotations())
def test_distance_and_cosine_do_not_change_on_turning(panel: Panel, matrix: np.ndarray) -> None:
    one = distance_and_cosine(panel, pixel_positions(panel, 1.0, 2.0))
    other = distance_and_cosine(
        turned(panel, matrix), pixel_positions(turned(panel, matrix), 1.0, 2.0)
    )
    np.testing.assert_allclose(one, other, rtol=1e-12)


@settings(deadline=None)
@given(panels())
def test_foot_is_the_nearest_point(panel: Panel) -> None:
    foot = foot_of_normal(panel)
    distance, cosine = distance_and_cosine(panel, foot)
    assert distance == pytest.approx(panel.distance)
    assert cosine == pytest.approx(1.0)
    np.testing.assert_allclose((foot - panel.origin) @ panel.normal, 0.0, atol=1e-9)


@settings(deadline=None)
@given(directions(), directions(), st.floats(0.3, 3.0), st.floats(1.0, 1e3))
def test_length_of_s_follows_bragg(
    ray: np.ndarray, beam: np.ndarray, wavelength: float, distance: float
) -> None:
    s = scattering_vector(distance * ray, beam / wavelength)
    theta = 0.5 * np.arctan2(np.linalg.norm(np.cross(ray, beam)), np.dot(ray, beam))
    assert np.linalg.norm(s) == pytest.approx(2.0 * np.sin(theta) / wavelength, abs=1e-12)
    assert np.linalg.norm(s + beam / wavelength) == pytest.approx(1.0 / wavelength)


def test_panels_of_an_image() -> None:
    pair = (flat(), flat((0, 8)))
    slow = numbers([0, 3, 4, 0, 0, 0, 2.4, -0.6])
    fast = numbers([0, 5, 0, 6, 8, 13.4, 7.6, 0])
    assert panel_index(pair, slow, fast).tolist() == [0, 0, -1, -1, 1, 1, 1, -1]
    assert panel_index(pair, np.arange(4)[:, None], np.arange(14)).shape == (4, 14)
