"""Reciprocal planes are drawn with the lengths and the angle of the reciprocal cell."""

from __future__ import annotations

import math

import gemmi
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from ewaldite.plot.plane import Plane, draw_frame, plane_name

lengths = st.floats(5, 100)
angles = st.floats(75, 105)
cells = st.tuples(lengths, lengths, lengths, angles, angles, angles)
SIDES = {"h": ("b", "c", "alpha"), "k": ("a", "c", "beta"), "l": ("a", "b", "gamma")}


@settings(deadline=None)
@given(cell=cells, normal=st.sampled_from("hkl"))
def test_the_axes_are_those_of_the_reciprocal_cell(
    cell: tuple[float, ...], normal: str
) -> None:
    """Oracle: gemmi's own reciprocal cell."""
    reciprocal = gemmi.UnitCell(*cell).reciprocal()
    plane = Plane.of_cell(cell, normal)
    first, second = plane.basis
    one, two, angle = (getattr(reciprocal, name) for name in SIDES[normal])
    assert np.linalg.norm(first) == pytest.approx(one, rel=1e-9)
    assert np.linalg.norm(second) == pytest.approx(two, rel=1e-9)
    assert first[1] == 0.0
    assert second[1] > 0.0
    assert math.degrees(math.atan2(second[1], second[0])) == pytest.approx(angle, abs=1e-6)


@settings(deadline=None)
@given(
    cell=cells,
    normal=st.sampled_from("hkl"),
    u=st.integers(-20, 20),
    v=st.integers(-20, 20),
)
def test_the_distance_on_paper_is_that_in_reciprocal_space(
    cell: tuple[float, ...], normal: str, u: int, v: int
) -> None:
    """Oracle: gemmi's 1/d²; only for the plane through the origin."""
    plane = Plane.of_cell(cell, normal)
    hkl = dict.fromkeys("hkl", 0) | {plane.across: u, plane.up: v}
    x, y = plane.points(u, v)
    square = gemmi.UnitCell(*cell).calculate_1_d2([hkl["h"], hkl["k"], hkl["l"]])
    assert float(x**2 + y**2) == pytest.approx(square, rel=1e-9, abs=1e-15)


def test_axes_are_named_in_order() -> None:
    cell = (10, 11, 12, 90, 95, 90)
    named = {n: (Plane.of_cell(cell, n).across, Plane.of_cell(cell, n).up) for n in "hkl"}
    assert named == {"h": ("k", "l"), "k": ("h", "l"), "l": ("h", "k")}


def test_the_frame_labels_lie_on_the_edges_of_the_region() -> None:
    plane = Plane.of_cell((27.3, 32.0, 34.3, 88.6, 108.6, 111.8), "l")
    axes = Figure().add_subplot()
    draw_frame(axes, plane, (-6, 6), (-9, 9))
    places = {text.get_text(): text.xy for text in axes.texts}
    np.testing.assert_allclose(places["h (r.l.u.)"], plane.points(0, -9), atol=1e-12)
    np.testing.assert_allclose(places["k (r.l.u.)"], plane.points(-6, 0), atol=1e-12)
    ticks = [text for text in axes.texts if text.get_text() == "−4"]
    np.testing.assert_allclose(ticks[0].xy, plane.points(-4, -9), atol=1e-12)
    # outside: below the lower edge and left of the left one
    assert all(text.xyann[1] < 0 for text in ticks)
    assert axes.get_aspect() == 1.0
    outline = axes.lines[0].get_xydata()
    np.testing.assert_allclose(outline[2], plane.points(6, 9), atol=1e-12)


@pytest.mark.parametrize(
    ("normal", "value", "name"),
    [
        ("l", 0.0, "hk0"),
        ("k", 0.0, "h0l"),
        ("h", 2.0, "2kl"),
        ("h", -1.0, "−1 k l"),
        ("l", 0.5, "h k 1/2"),
        ("k", 1 / 3, "h 1/3 l"),
        ("l", 0.1234, "h k 0.123"),
    ],
)
def test_names_of_planes(normal: str, value: float, name: str) -> None:
    assert plane_name(normal, value) == name


@pytest.mark.parametrize("turn", [-1e-13, 0.0, 1e-13])
def test_an_upright_axis_is_labelled_upwards(turn: float) -> None:
    """Whichever side of 90° rounding puts it."""
    plane = Plane("h", "l", np.array([[1.0, 0.0], [turn, 1.0]]))
    axes = Figure().add_subplot()
    draw_frame(axes, plane, (0.0, 1.0), (0.0, 1.0))
    (label,) = [text for text in axes.texts if text.get_text().startswith("l ")]
    assert label.get_rotation() == pytest.approx(90.0)
