"""Curves and their labels."""

from __future__ import annotations

import numpy as np
import scipp as sc

from ewaldite.plot.lines import centres, line_figure
from ewaldite.plot.style import figure_bytes


def curve(values: np.ndarray, dim: str, x: np.ndarray, unit: str, spread: float = 0.0):
    variances = np.full(len(values), spread**2) if spread else None
    return sc.DataArray(
        sc.array(dims=[dim], values=values, variances=variances, unit="one"),
        coords={dim: sc.array(dims=[dim], values=x, unit=unit)},
    )


def test_every_panel_holds_its_curves() -> None:
    x = np.linspace(0, 60, 7)
    b = {
        "a": curve(1 - x / 100, "phi", x, "deg", 0.02),
        "b": curve(1 + x / 100, "phi", x, "deg"),
    }
    c = {"": curve(np.ones(3), "s", np.linspace(0, 0.6, 4), "1/angstrom")}
    figure = line_figure({"scale b": b, "offset": c}, level=1.0)
    top, bottom = figure.axes
    first, second = top.containers
    np.testing.assert_allclose(first.lines[0].get_ydata(), 1 - x / 100)
    assert first.has_yerr
    assert not second.has_yerr
    assert [t.get_text() for t in top.get_legend().get_texts()] == ["a", "b"]
    assert (top.get_xlabel(), top.get_ylabel()) == ("rotation (°)", "scale b")
    np.testing.assert_allclose(bottom.containers[0].lines[0].get_xdata(), [0.1, 0.3, 0.5])
    assert bottom.get_xlabel() == "|s| (1/Å)"
    assert bottom.get_legend() is None
    assert any(np.all(np.asarray(line.get_ydata()) == 1.0) for line in top.lines)
    assert figure_bytes(figure).startswith(b"\x89PNG")


def test_centres_come_from_edges_or_centres() -> None:
    edges = sc.array(dims=["s"], values=[0.0, 1.0, 3.0])
    np.testing.assert_allclose(centres(edges, 2), [0.5, 2.0])
    np.testing.assert_allclose(centres(edges, 3), [0.0, 1.0, 3.0])
