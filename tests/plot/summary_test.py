"""The page with three slices and a curve."""

from __future__ import annotations

import numpy as np
import pytest
import scipp as sc

from ewaldite.errors import UserError
from ewaldite.io.nexus import shell_means
from ewaldite.plot.style import figure_bytes
from ewaldite.plot.summary import summary_figure

CELL = (20.0, 25.0, 30.0, 80.0, 95.0, 105.0)


def volume() -> sc.DataArray:
    rng = np.random.default_rng(2)
    values = rng.random((7, 9, 11))
    values[0] = np.nan
    return sc.DataArray(
        sc.array(dims=["h", "k", "l"], values=values, variances=values, unit="counts"),
        coords={
            d: sc.arange(d, -(n // 2), n // 2 + 1.0)
            for d, n in zip("hkl", values.shape, strict=True)
        },
        name="intensity",
    )


def test_three_slices_one_scale_one_curve() -> None:
    array = volume()
    curve = shell_means(array, CELL, width=0.05)
    figure = summary_figure(array, CELL, curve, title="crystal 1", footnote="P 1", rings=(10,))
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[:3] == ["hk0", "h0l", "0kl"]
    meshes = [axes.collections[0] for axes in figure.axes[:3]]
    assert len({mesh.get_clim() for mesh in meshes}) == 1
    shapes = [mesh.get_coordinates().shape[:2] for mesh in meshes]
    assert shapes == [(8, 10), (8, 12), (10, 12)]
    assert figure.get_suptitle() == "crystal 1"
    assert figure.get_supxlabel() == "P 1"
    labels = {axes.get_ylabel() for axes in figure.axes}
    assert {"intensity (counts)", "mean intensity (counts)"} <= labels
    drawn = next(a for a in figure.axes if a.get_xlabel() == "|s| (1/Å)")
    np.testing.assert_allclose(drawn.containers[0].lines[0].get_ydata(), curve.values)
    assert figure_bytes(figure).startswith(b"\x89PNG")


def test_the_origin_must_be_inside() -> None:
    array = volume()["k", 5:]
    curve = shell_means(array, CELL, width=0.05)
    with pytest.raises(UserError, match="k = 0"):
        summary_figure(array, CELL, curve, title="")
