"""One branch in five arcs."""

from __future__ import annotations

import numpy as np
import scipp as sc

from ewaldite.plot.arcs import arcs_figure
from plot.cuts import stored


def ratio(*values: float) -> sc.DataArray:
    size = len(values)
    return sc.DataArray(
        sc.array(dims=["final_energy"], values=values, variances=np.full(size, 1e-4)),
        coords={
            "final_energy": sc.linspace("final_energy", 2.7, 5.0, size, unit="meV"),
        },
    )


def test_maps_share_their_colours_and_ratios_their_errors() -> None:
    edges = {"h": np.arange(4.0), "energy_transfer": np.arange(5.0)}
    maps = {f"{n} meV": stored(np.full((3, 4), n), np.ones((3, 4)), edges) for n in (1, 7)}
    h = np.linspace(0, 3, 9)
    branch = sc.DataArray(
        sc.array(dims=["h"], values=h**2 / 3, unit="meV"),
        coords={"h": sc.array(dims=["h"], values=h)},
    )
    names = {"all": ratio(1.0, 1.01), "one less": ratio(0.9, 0.95), "far": ratio(0.3, 2.0)}
    figure = arcs_figure(maps, names, branch)
    panels = [a for a in figure.axes if a.get_title().endswith("meV")]
    assert [a.get_title() for a in panels] == ["1 meV", "7 meV"]
    assert len({a.collections[0].get_clim() for a in panels}) == 1
    np.testing.assert_allclose(panels[1].collections[0].get_array(), 7.0)
    for axes in panels:
        np.testing.assert_allclose(axes.lines[0].get_ydata(), h**2 / 3)
    near, far = (a for a in figure.axes if a.get_ylabel() == "S found / S true")
    assert len(near.containers) == 2
    assert [c.get_label() for c in far.containers] == list(names)
    assert far.get_yscale() == "log"
    points, _, (bars,) = far.containers[2].lines
    assert points.get_ydata().tolist() == [0.3, 2.0]
    ends = np.array(bars.get_segments())[:, :, 1]
    np.testing.assert_allclose(ends, [[0.29, 0.31], [1.99, 2.01]])
