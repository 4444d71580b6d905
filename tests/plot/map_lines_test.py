"""Lines are drawn against what varies, with their errors."""

from __future__ import annotations

import numpy as np
import pytest
import scipp as sc
from matplotlib.figure import Figure

from ewaldite.diffuse.maps.sections import line_section
from ewaldite.plot.map_lines import abscissa, draw_line, ends_text, line_figure
from ewaldite.plot.style import figure_bytes

CELL = (8.1, 9.3, 10.7, 82.0, 103.0, 97.0)


def world(dims: str = "hkl", name: str = "intensity") -> sc.DataArray:
    axis = np.arange(-9, 10) / 3
    shape = (19, 19, 19)
    rng = np.random.default_rng(0)
    return sc.DataArray(
        sc.array(
            dims=list(dims),
            values=rng.random(shape),
            variances=rng.random(shape),
            unit="counts/mrad**2/s",
        ),
        coords={d: sc.array(dims=[d], values=axis) for d in dims},
        name=name,
    )


def test_the_band_is_one_sigma() -> None:
    line = line_section(world(), CELL, (-2, 0, 0), (2, 0, 0))
    axes = Figure().add_subplot()
    draw_line(axes, line)
    (curve,) = axes.lines
    np.testing.assert_allclose(curve.get_xdata(), line.coords["h"].values)
    np.testing.assert_allclose(curve.get_ydata(), line.values)
    (band,) = axes.collections
    outline = band.get_paths()[0].vertices
    high = line.values + np.sqrt(line.variances)
    assert outline[:, 1].max() == pytest.approx(high.max())
    assert axes.get_xlabel() == "h (r.l.u.)"
    assert axes.get_ylabel() == "intensity (counts/mrad²/s)"


def test_a_slanted_line_is_drawn_against_the_distance() -> None:
    line = line_section(world(), CELL, (-2, 0, 1), (2, 1, 0))
    assert abscissa(line) == "distance"
    figure = line_figure({"a": line})
    assert figure.axes[0].get_xlabel() == "distance (1/Å)"
    assert figure.axes[0].get_title(loc="left") == "(−2, 0, 1) to (2, 1, 0)"
    assert ends_text(line) == "(−2, 0, 1) to (2, 1, 0)"


def test_several_lines_have_a_legend_and_real_space_angstroms() -> None:
    pdf = world("uvw", "3D-ΔPDF")
    lines = {str(r): line_section(pdf, CELL, (0, -2, 0), (0, 2, 0), radius=r) for r in (0, 1)}
    figure = line_figure(lines, "through the origin")
    axes = figure.axes[0]
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["0", "1"]
    assert axes.get_xlabel() == "v (Å)"
    assert axes.get_title(loc="left") == "through the origin"
    assert figure_bytes(figure)
    # what varies about zero has a line there
    assert any(np.all(np.asarray(curve.get_ydata()) == 0) for curve in axes.lines)


def test_absent_points_are_gaps() -> None:
    array = world()
    array.masks["absent"] = array.coords["h"] > sc.scalar(0.1)
    line = line_section(array, CELL, (-2, 0, 0), (2, 0, 0))
    axes = Figure().add_subplot()
    draw_line(axes, line)
    drawn = np.asarray(axes.lines[0].get_ydata(), dtype=float)
    assert np.isnan(drawn[line.coords["h"].values > 0.1]).all()
    line.variances = None
    draw_line(axes, line, colour=1)
    assert len(axes.collections) == 1
