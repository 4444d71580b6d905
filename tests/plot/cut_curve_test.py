"""Cuts of one dimension."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipp as sc

from ewaldite.plot.cut_curve import curve_figure
from plot.cuts import stored

EVENTS = [40, 9, 0, 7, 0, 25]
COVERAGE = [10, 10, 10, 0, 0, 5]
EDGES = np.linspace(0.0, 3.0, 7)


@pytest.fixture
def cut() -> sc.DataGroup[Any]:
    return stored(EVENTS, COVERAGE, {"energy_transfer": EDGES}, {"h": [0.9, 1.1]})


def bars(axes: Any) -> dict[float, tuple[float, float, float]]:
    """Value and ends of the vertical bars by the middle of the bin."""
    found = {}
    for container in axes.containers:
        points, _, (_, vertical) = container.lines
        for x, y, line in zip(*points.get_data(), vertical.get_segments(), strict=True):
            found[round(float(x), 6)] = (float(y), float(line[0, 1]), float(line[1, 1]))
    return found


def test_bars_are_those_of_the_intervals(cut: sc.DataGroup[Any]) -> None:
    drawn = bars(curve_figure(cut, "title").axes[0])
    assert set(drawn) == {0.25, 0.75, 1.25, 2.75}
    for n, x in enumerate((0.25, 0.75, 1.25)):
        value, low, high = drawn[x]
        assert value == pytest.approx(EVENTS[n] / 10)
        assert low == pytest.approx(cut["lower"].values[n])
        assert high == pytest.approx(cut["upper"].values[n])
    # without an event: a bar upwards alone
    assert drawn[1.25][:2] == (0.0, 0.0)
    assert drawn[1.25][2] == pytest.approx(0.18)


def test_a_bin_without_events_is_hollow_and_one_without_coverage_a_band(
    cut: sc.DataGroup[Any],
) -> None:
    axes = curve_figure(cut).axes[0]
    full, hollow = (c.lines[0] for c in axes.containers)
    assert hollow.get_xdata().tolist() == [1.25]
    assert hollow.get_markerfacecolor() == "white" != full.get_markerfacecolor()
    (band,) = axes.patches
    assert band.get_extents().width > 0
    corners = band.get_xy()
    assert (corners[0], corners[0] + band.get_width()) == pytest.approx((1.5, 2.5))


def test_coverage_below_and_ranges_above(cut: sc.DataGroup[Any]) -> None:
    upper, lower = curve_figure(cut, "title").axes
    assert upper.get_title(loc="left") == "title"
    assert upper.get_title(loc="right") == "0.9 < h < 1.1"
    assert lower.get_xlabel() == "energy transfer (meV)"
    assert upper.get_ylabel() == "S(Q, ω) (cm²/meV/sr)"
    (steps,) = lower.patches
    np.testing.assert_allclose(steps.get_data().values, COVERAGE)
    np.testing.assert_allclose(steps.get_data().edges, EDGES)


def test_a_bin_of_next_to_no_coverage_does_not_press_the_rest_flat() -> None:
    many = stored([50] * 9 + [0], [10.0] * 9 + [1e-4], {"h": np.arange(11.0)})
    low, high = curve_figure(many).axes[0].get_ylim()
    assert 5 < high < 10
    assert -1 < low < 0


def test_s_alone_has_symmetric_bars(cut: sc.DataGroup[Any]) -> None:
    figure = curve_figure(cut["S"])
    (axes,) = figure.axes
    value, low, high = bars(axes)[0.75]
    assert value - low == pytest.approx(high - value) == pytest.approx(np.sqrt(10) / 10)
    assert low < value


def test_nothing_covered_is_drawn_as_absent() -> None:
    (upper, _) = curve_figure(stored([0, 0], [0, 0], {"h": [0, 1, 2]})).axes
    assert not upper.containers
    assert len(upper.patches) == 1
