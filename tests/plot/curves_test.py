"""Curves hold the numbers that they were given."""

from __future__ import annotations

import numpy as np
import pytest
import scipp as sc

from ewaldite.plot.curves import power_figure
from ewaldite.plot.radial import radial_figure

S = np.linspace(0.1, 0.6, 6)


def curve(edges: bool = False) -> sc.DataArray:
    s = np.linspace(0.05, 0.65, 7) if edges else S
    return sc.DataArray(
        sc.array(dims=["s"], values=S**2, variances=np.full(6, 0.04), unit="counts/mrad**2/s"),
        coords={"s": sc.array(dims=["s"], values=s, unit="1/angstrom")},
        name="intensity",
    )


@pytest.mark.parametrize("edges", [False, True])
def test_radial_means_with_error_bars(edges: bool) -> None:
    figure = radial_figure({"a": curve(edges), "b": curve(edges) * sc.scalar(2.0)})
    axes = figure.axes[0]
    first, second = axes.containers
    np.testing.assert_allclose(first.lines[0].get_xdata(), S)
    np.testing.assert_allclose(first.lines[0].get_ydata(), S**2)
    (bars,) = first.lines[2]
    lengths = [np.ptp(segment[:, 1]) for segment in bars.get_segments()]
    np.testing.assert_allclose(lengths, 2 * 0.2)
    np.testing.assert_allclose(second.lines[0].get_ydata(), 2 * S**2)
    assert axes.get_ylabel() == "mean intensity (counts/mrad²/s)"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]


def test_a_curve_without_variances_has_no_bars() -> None:
    bare = sc.DataArray(sc.values(curve().data), coords=curve().coords)
    figure = radial_figure({"": bare})
    assert not figure.axes[0].containers[0].has_yerr
    assert figure.axes[0].get_legend() is None


def test_the_power_curve_marks_the_threshold() -> None:
    figure = power_figure(np.arange(10.0), np.linspace(0, 1, 10))
    curve_line, threshold = figure.axes[0].lines
    np.testing.assert_allclose(curve_line.get_ydata(), np.linspace(0, 100, 10))
    assert set(threshold.get_xdata()) == {6.0}
    assert len(power_figure([0.0], [0.0], threshold=None).axes[0].lines) == 1
