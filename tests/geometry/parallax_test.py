from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.geometry.detector import foot_of_normal, pixel_positions, ray_intersection
from ewaldite.geometry.parallax import (
    count_ratio,
    counting_pixel,
    entry_ratio,
    true_position,
)
from ewaldite.model.experiment import Panel
from geometry.setups import (
    SILICON,
    numbers,
    oracle,
    panel_of,
    panels,
    pilatus,
    rotations,
    turned,
)

CONVENTIONS = ["xds", "dials"]
conventions = st.sampled_from(CONVENTIONS)


def values(panel: Panel) -> dict[str, float]:
    assert panel.sensor is not None
    assert panel.sensor.attenuation is not None
    return {"mu": panel.sensor.attenuation, "thickness": panel.sensor.thickness}


def test_oracle_of_xds_shifts() -> None:
    case = pilatus()
    # The oracle's shifts are from the geometry of XDS.INP, not from the refined one
    inputs = {**oracle()["inputs"], "f": 229.87, "orgx": 1266, "orgy": 1244}
    panel = replace(panel_of(inputs, (2527, 2463), 1.0), parallax="xds")
    xyz = true_position(panel, case.slow, case.fast, mu=SILICON, thickness=1.0)
    fast, slow = ray_intersection(panel, xyz)
    golden = case.expected["parallax"]
    dx, dy = numbers(golden["dx_px"]), numbers(golden["dy_px"])
    known = np.isfinite(dx)
    assert known.sum() == 29
    np.testing.assert_allclose((fast - case.fast)[known], dx[known], rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose((slow - case.slow)[known], dy[known], rtol=1e-9, atol=1e-10)
    # where the reference is NaN, at the foot of the normal, nothing is shifted
    np.testing.assert_allclose(fast[~known], case.fast[~known], atol=1e-10)
    assert np.abs(np.hypot(dx, dy)[known]).max() > 1.2


def dxtbx_pixel(
    panel: Panel, xyz: np.ndarray, mu: float, thickness: float
) -> tuple[float, float]:
    """Return mm → px written out as dxtbx documents it, along the axes of the panel."""
    ray = xyz / np.linalg.norm(xyz)
    cosine = abs(ray @ np.cross(panel.fast, panel.slow))
    depth = 1 / mu - (thickness / cosine + 1 / mu) * np.exp(-mu * thickness / cosine)
    fast = (xyz - panel.origin) @ panel.fast + depth * (ray @ panel.fast)
    slow = (xyz - panel.origin) @ panel.slow + depth * (ray @ panel.slow)
    return fast / panel.pixel_size[0] - 0.5, slow / panel.pixel_size[1] - 0.5


@settings(deadline=None)
@given(panels("dials"), st.floats(-3.0, 10.0), st.floats(-3.0, 10.0))
def test_dials_position_is_counted_where_dxtbx_counts_it(
    panel: Panel, slow: float, fast: float
) -> None:
    xyz = true_position(panel, slow, fast, **values(panel))
    np.testing.assert_allclose(
        dxtbx_pixel(panel, xyz, **values(panel)), (fast, slow), atol=1e-9
    )


@settings(deadline=None)
@given(conventions.flatmap(panels), st.floats(-3.0, 10.0), st.floats(-3.0, 10.0))
def test_both_ways_invert_each_other(panel: Panel, slow: float, fast: float) -> None:
    xyz = true_position(panel, slow, fast, **values(panel))
    np.testing.assert_allclose(
        counting_pixel(panel, xyz, **values(panel)), (fast, slow), atol=1e-9
    )


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("distance", [200.0, 1.01])
@pytest.mark.parametrize("mu", [0.01, SILICON, 50.0])
def test_ratios_invert_each_other(convention: str, distance: float, mu: float) -> None:
    squared = np.linspace(0.0, 10.0, 40) * distance**2
    sensor = {"mu": mu, "thickness": 1.0, "convention": convention}
    entry = entry_ratio(squared, distance, **sensor)
    back = count_ratio(entry**2 * squared, distance, **sensor)
    np.testing.assert_allclose(entry * back, 1.0, rtol=1e-12)
    assert np.all(entry < 1.0)


@settings(deadline=None)
@given(conventions.flatmap(panels), rotations())
def test_turns_with_the_panel(panel: Panel, matrix: np.ndarray) -> None:
    xyz = true_position(panel, 2.0, 5.0, **values(panel))
    other = true_position(turned(panel, matrix), 2.0, 5.0, **values(panel))
    np.testing.assert_allclose(other, matrix @ xyz, atol=1e-9)


@settings(deadline=None)
@given(conventions.flatmap(panels), st.floats(-3.0, 10.0), st.floats(-3.0, 10.0))
def test_shift_points_to_the_foot_of_the_normal(panel: Panel, slow: float, fast: float) -> None:
    foot = foot_of_normal(panel)
    nominal = pixel_positions(panel, slow, fast)
    xyz = true_position(panel, slow, fast, **values(panel))
    assert abs((xyz - panel.origin) @ panel.normal) < 1e-9
    inward = np.linalg.norm(nominal - foot) - np.linalg.norm(xyz - foot)
    assert inward >= 0.0
    assert inward == pytest.approx(np.linalg.norm(xyz - nominal), abs=1e-9)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_zero_at_the_foot_and_without_parallax(convention: str) -> None:
    panel = pilatus().panel
    fast, slow = ray_intersection(panel, foot_of_normal(panel))
    xyz = true_position(panel, slow, fast, mu=SILICON, thickness=1.0, convention=convention)
    np.testing.assert_allclose(xyz, foot_of_normal(panel), atol=1e-9)
    plain = true_position(panel, [0, 9], [0, 7], mu=SILICON, thickness=1.0)
    np.testing.assert_array_equal(plain, pixel_positions(panel, [0, 9], [0, 7]))


def test_the_conventions_differ_for_a_sensor_that_lets_photons_pass() -> None:
    panel = pilatus().panel
    at = {
        (convention, mu): true_position(
            panel, 0.0, 0.0, mu=mu, thickness=0.45, convention=convention
        )
        for convention in CONVENTIONS
        for mu in (0.5, 200.0)
    }
    assert np.linalg.norm(at["xds", 0.5] - at["dials", 0.5]) > 0.5 * panel.pixel_size[0]
    assert np.linalg.norm(at["xds", 200.0] - at["dials", 200.0]) < 1e-5


def test_refuses_a_sensor_thicker_than_the_distance() -> None:
    for ratio in (entry_ratio, count_ratio):
        with pytest.raises(UserError, match="sensor_thickness"):
            ratio(1e4, 0.5, mu=0.001, thickness=1.0, convention="dials")
