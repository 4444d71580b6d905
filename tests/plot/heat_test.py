"""Colours hold the numbers, on the right axes."""

from __future__ import annotations

import numpy as np
import pytest
import scipp as sc

from ewaldite.plot.heat import heat_figure
from ewaldite.plot.style import figure_bytes


def array(values: np.ndarray, *, edges: bool = True) -> sc.DataArray:
    ny, nx = values.shape
    y, x = np.arange(ny + 1.0) * 10, np.arange(nx + 1.0) * 2
    if not edges:
        y, x = (y[1:] + y[:-1]) / 2, (x[1:] + x[:-1]) / 2
    return sc.DataArray(
        sc.array(dims=["slow", "fast"], values=values),
        coords={
            "slow": sc.array(dims=["slow"], values=y),
            "fast": sc.array(dims=["fast"], values=x),
        },
        masks={"empty": sc.array(dims=["slow", "fast"], values=values > 100)},
    )


@pytest.mark.parametrize("edges", [True, False])
def test_a_panel_lies_where_its_coordinates_say(edges: bool) -> None:
    values = np.arange(12.0).reshape(3, 4)
    values[1, 2] = 1000.0
    figure = heat_figure({"a": array(values, edges=edges)}, label="residual", downwards=True)
    panel = figure.axes[0]
    (mesh,) = panel.collections
    shown = np.ma.filled(mesh.get_array(), np.nan).reshape(3, 4)
    assert np.isnan(shown[1, 2])
    np.testing.assert_allclose(np.delete(shown, 6), np.delete(values, 6))
    corners = mesh.get_coordinates()
    np.testing.assert_allclose(corners[-1, -1], [8.0, 30.0])
    np.testing.assert_allclose(corners[0, 0], [0.0, 0.0])
    low, high = panel.get_ylim()
    assert low > high
    assert figure.axes[-1].get_ylabel() == "residual"
    assert figure_bytes(figure).startswith(b"\x89PNG")


def test_panels_share_one_symmetric_scale() -> None:
    panels = {"a": array(np.full((2, 2), -3.0)), "b": array(np.full((2, 2), 1.0))}
    figure = heat_figure(panels, label="z", symmetric=True, equal=True)
    limits = {axes.collections[0].get_clim() for axes in figure.axes[:2]}
    assert limits == {(-3.0, 3.0)}
    assert [axes.get_title(loc="left") for axes in figure.axes[:2]] == ["a", "b"]
    assert figure.axes[1].get_ylabel() == ""
