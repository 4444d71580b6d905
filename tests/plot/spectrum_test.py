from __future__ import annotations

import numpy as np
import pytest
import scipp as sc

from ewaldite.plot.spectrum import cut_figure
from ewaldite.plot.style import figure_bytes

UNITS = {"h": "one", "l": "one", "Q": "1/angstrom", "energy_transfer": "meV"}


def cut(**sizes: int) -> sc.DataArray:
    rng = np.random.default_rng(1)
    values = rng.random(tuple(sizes.values()))
    values.flat[0] = np.nan
    return sc.DataArray(
        sc.array(dims=list(sizes), values=values, variances=values**2, unit="barn/meV/sr"),
        coords={d: sc.linspace(d, 0.0, 1.0, n + 1, unit=UNITS[d]) for d, n in sizes.items()},
    )


def test_a_curve_has_error_bars_and_units() -> None:
    figure = cut_figure(cut(energy_transfer=6), "title")
    (axes,) = figure.axes
    assert axes.get_xlabel() == "energy transfer (meV)"
    assert "barn" in axes.get_ylabel()
    (bars,) = axes.containers
    assert len(bars.lines[2]) == 2


def test_a_map_has_its_first_axis_across() -> None:
    figure = cut_figure(cut(h=3, energy_transfer=5))
    axes, bar = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("h (r.l.u.)", "energy transfer (meV)")
    (mesh,) = axes.collections
    shown = np.ma.getmaskarray(mesh.get_array())
    assert shown.shape == (5, 3)
    assert shown.sum() == 1
    assert "S(Q, ω)" in bar.get_ylabel()


@pytest.mark.parametrize(
    ("sizes", "panels"),
    [
        ({"h": 3, "l": 4, "energy_transfer": 9}, 6),
        ({"h": 3, "energy_transfer": 4, "Q": 2}, 2),
        ({"h": 3, "l": 4, "Q": 3, "energy_transfer": 5}, 3),
    ],
)
def test_more_dimensions_are_layers(sizes: dict[str, int], panels: int) -> None:
    figure = cut_figure(cut(**sizes), cell=(5, 5, 6, 90, 90, 120))
    titled = [a for a in figure.axes if " to " in a.get_title()]
    assert len(titled) == panels


def test_two_indices_are_drawn_at_their_angle() -> None:
    data = cut(l=4, h=3)
    mesh = cut_figure(data, cell=(5, 5, 6, 90, 60, 90)).axes[0].collections[0]
    corners = mesh.get_coordinates()
    along_h = corners[-1, 0] - corners[0, 0]
    along_l = corners[0, -1] - corners[0, 0]
    angle = np.degrees(np.arccos(along_h @ along_l / np.hypot(*along_h) / np.hypot(*along_l)))
    # reciprocal axes: 180 - beta
    assert angle == pytest.approx(120, abs=0.1)
    assert figure_bytes(cut_figure(data)).startswith(b"\x89PNG")
