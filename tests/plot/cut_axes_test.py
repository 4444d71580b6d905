"""What axes of cuts are called, and how they lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ewaldite.plot.cut_axes import CutAxes

MEV = {"energy_transfer": "meV"}


@pytest.mark.parametrize(
    ("axes", "integrate", "axis", "label"),
    [
        (["h", "energy_transfer"], {}, "h", "h (r.l.u.)"),
        (["h", "energy_transfer"], {}, "energy_transfer", "energy transfer (meV)"),
        (["h"], {"k": (-0.1, 0.1), "l": (-1.1, -0.9)}, "h", "(h, 0, −1) (r.l.u.)"),
        (["h", "l"], {"k": (-0.1, 0.1)}, "h", "h (r.l.u.)"),
        (
            ["0.5h+0.5k", "energy_transfer"],
            {"0.5h-0.5k": (-0.1, 0.1), "l": (0.4, 0.6)},
            "0.5h+0.5k",
            "(ξ, ξ, 1/2) (r.l.u.)",
        ),
        (["2l"], {"h": (0.9, 1.1), "h-k": (1.9, 2.1)}, "2l", "(1, −1, 1/2ξ) (r.l.u.)"),
        (["h"], {"h-k": (-0.7, -0.3), "l": (0, 2)}, "h", "(h, 1/2+h, 1) (r.l.u.)"),
        (["h-energy_transfer"], {}, "h-energy_transfer", "h-energy_transfer"),
        (["Q"], {}, "Q", "|Q|"),
    ],
)
def test_labels(axes: Any, integrate: Any, axis: str, label: str) -> None:
    assert CutAxes(tuple(axes), integrate, MEV).label(axis) == label


def test_ranges_name_what_is_integrated() -> None:
    made = CutAxes(("h",), {"k": (-0.1, 0.1), "energy_transfer": (0.5, 1.0), "Q": (1, 2)})
    assert made.ranges == "−0.1 < k < 0.1, 0.5 < ΔE < 1 meV, 1 < |Q| < 2 1/Å"
    layer = CutAxes(("h", "k", "l")).within("l", 0.5, 0.75)
    assert layer.axes == ("h", "k")
    assert layer.ranges == "0.5 < l < 0.75"


def angle(axes: CutAxes, cell: Any) -> float:
    u, v = axes.plane(cell).basis
    return float(np.degrees(np.arccos(u @ v / np.linalg.norm(u) / np.linalg.norm(v))))


def test_plane_of_the_indices_is_that_of_the_reciprocal_lattice() -> None:
    hexagonal = (5, 5, 6, 90, 90, 120)
    assert angle(CutAxes(("h", "k")), hexagonal) == pytest.approx(60)
    made = CutAxes(("h", "k")).plane(hexagonal)
    # a* = 1 / (a sin 60°)
    assert np.linalg.norm(made.basis[0]) == pytest.approx(1 / (5 * np.sqrt(0.75)))
    monoclinic = (4, 5, 6, 90, 70, 90)
    assert angle(CutAxes(("h", "l")), monoclinic) == pytest.approx(110)


def test_sums_of_indices_span_their_own_axes() -> None:
    hexagonal = (5, 5, 6, 90, 90, 120)
    # along (1 1 0) and (1 -1 0): orthogonal in a hexagonal lattice, √3 apart in length
    made = CutAxes(("0.5h+0.5k", "0.5h-0.5k"), {"l": (-0.1, 0.1)})
    plane = made.plane(hexagonal)
    assert angle(made, hexagonal) == pytest.approx(90)
    assert np.linalg.norm(plane.basis[0]) == pytest.approx(
        np.sqrt(3) * np.linalg.norm(plane.basis[1])
    )
    assert (plane.across, plane.up) == ("[1 1 0]", "[1 −1 0]")


angles = st.tuples(*[st.floats(75, 105)] * 3)


@given(st.tuples(*[st.floats(3, 9)] * 3), angles)
def test_without_a_third_sum_the_plane_is_that_of_steepest_growth(
    lengths: Any, corners: Any
) -> None:
    cell = (*lengths, *corners)
    # across h and k with l = 0, the vectors are a* and b* whatever the cell
    given_l = CutAxes(("h", "k"), {"l": (-0.1, 0.1)}).plane(cell)
    free = CutAxes(("h", "k")).plane(cell)
    a, b = lengths[:2]
    gamma = np.deg2rad(corners[2])
    # dual to a and b in their own plane
    metric = np.array([[a * a, a * b * np.cos(gamma)], [a * b * np.cos(gamma), b * b]])
    found = free.basis @ free.basis.T
    np.testing.assert_allclose(found, np.linalg.inv(metric), rtol=1e-9, atol=1e-12)
    # and never longer than those with l held
    assert np.all(np.diag(found) <= np.diag(given_l.basis @ given_l.basis.T) * (1 + 1e-12))


def test_no_plane() -> None:
    with pytest.raises(ValueError, match="do not span"):
        CutAxes(("h", "energy_transfer")).plane((5, 5, 5, 90, 90, 90))
    with pytest.raises(ValueError, match="parallel"):
        CutAxes(("h", "2h")).plane((5, 5, 5, 90, 90, 90))
