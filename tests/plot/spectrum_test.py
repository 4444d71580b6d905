from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipp as sc
from matplotlib.colors import LogNorm

from ewaldite.plot.spectrum import cut_figure
from ewaldite.plot.style import figure_bytes
from plot.cuts import stored

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
    assert shown.shape == (3, 5)
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
    titled = [a for a in figure.axes if " < " in a.get_title()]
    assert len(titled) == panels


def test_layers_of_four_axes_say_where_on_the_last_they_lie() -> None:
    figure = cut_figure(cut(h=3, l=4, Q=4, energy_transfer=5), "four")
    assert figure.get_suptitle() == "four · 0.4 < ΔE < 0.6 meV"
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles[0] == "0 < |Q| < 0.25 1/Å"
    # two rows of two
    first, last = figure.axes[0].get_position(), figure.axes[3].get_position()
    assert last.x0 > first.x1 - 1e-6
    assert last.y1 < first.y0 + 1e-6
    assert cut_figure(cut(h=3, l=4, Q=4)).get_suptitle() == ""


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


EVENTS = np.arange(12.0).reshape(4, 3) ** 2
COVERAGE = np.where(EVENTS == 1, 0.0, 10.0)


def stored_map(first: str, second: str, **integrate: list[float]) -> sc.DataGroup[Any]:
    edges = {first: np.linspace(-1, 1, 5), second: np.linspace(0, 3, 4)}
    return stored(EVENTS, COVERAGE, edges, integrate)


def test_coverage_stands_beside_and_absent_bins_are_absent_in_both() -> None:
    figure = cut_figure(stored_map("h", "energy_transfer", k=[-0.1, 0.1], l=[0.9, 1.1]), "a")
    left, right = figure.axes[:2]
    for axes, values in ((left, EVENTS / 10), (right, COVERAGE)):
        (mesh,) = axes.collections
        shown = mesh.get_array()
        absent = np.ma.getmaskarray(shown)
        np.testing.assert_array_equal(absent, COVERAGE == 0)
        np.testing.assert_allclose(shown[~absent], values[~absent])
        np.testing.assert_allclose(mesh.get_coordinates()[:, 0, 0], np.linspace(-1, 1, 5))
    assert left.get_xlabel() == right.get_xlabel() == "(h, 0, 1) (r.l.u.)"
    assert left.get_title(loc="right") == "−0.1 < k < 0.1, 0.9 < l < 1.1"
    assert figure.axes[3].get_ylabel() == "S(Q, ω) (cm²/meV/sr)"
    assert "coverage" in figure.axes[2].get_ylabel()


def test_bins_that_are_hardly_covered_do_not_set_the_colours() -> None:
    events, covered = np.full((10, 10), 4.0), np.full((10, 10), 100.0)
    covered[:, 0] = 0.1
    edges = {"h": np.arange(11.0), "energy_transfer": np.arange(11.0)}
    (mesh,) = cut_figure(stored(events, covered, edges)).axes[0].collections
    assert mesh.norm.vmax < 0.05
    # they are drawn all the same
    assert np.ma.getmaskarray(mesh.get_array()).sum() == 0
    assert mesh.get_array()[0, 0] == pytest.approx(40)


def test_logarithmic_colours_keep_what_is_zero() -> None:
    figure = cut_figure(stored_map("h", "energy_transfer"), scale="log")
    (mesh,) = figure.axes[0].collections
    norm = mesh.norm
    assert isinstance(norm, LogNorm)
    assert np.ma.getmaskarray(mesh.get_array()).sum() == 1
    # the bin without events has the lowest colour, not that of an absent one
    assert mesh.get_array()[0, 0] < norm.vmin
    np.testing.assert_allclose(mesh.cmap(norm(mesh.get_array()[0, 0])), mesh.cmap(0.0))
    assert norm.vmax / norm.vmin <= 1001


def test_a_map_of_two_axes_of_the_lattice_has_its_angle_in_both_panels() -> None:
    figure = cut_figure(stored_map("h", "k", l=[-0.1, 0.1]), cell=(5, 5, 6, 90, 90, 120))
    for axes in figure.axes[:2]:
        corners = axes.collections[0].get_coordinates()
        along, aside = corners[-1, 0] - corners[0, 0], corners[0, -1] - corners[0, 0]
        cosine = along @ aside / np.linalg.norm(along) / np.linalg.norm(aside)
        assert cosine == pytest.approx(0.5)
        assert axes.get_aspect() == 1
    texts = {t.get_text() for t in figure.axes[0].texts}
    assert {"h (r.l.u.)", "k (r.l.u.)"} <= texts


def test_a_flat_plane_has_its_coverage_below() -> None:
    edges = {"h": np.linspace(-1, 1, 5), "l": np.linspace(0, 0.3, 4)}
    left, right = cut_figure(
        stored(EVENTS, COVERAGE, edges, {}), cell=(5, 5, 5, 90, 90, 90)
    ).axes[:2]
    assert right.get_title(loc="left") == "coverage"
    assert right.get_position().y1 <= left.get_position().y0
    beside = cut_figure(stored_map("h", "l"), cell=(5, 5, 5, 90, 90, 90)).axes[:2]
    assert beside[0].get_position().x1 <= beside[1].get_position().x0


def test_the_record_of_a_cut_says_its_colours() -> None:
    data = stored_map("h", "energy_transfer")
    assert not isinstance(colours_of(data), LogNorm)
    record = data["cut"]
    record["scale"] = "log"
    data["cut"] = record
    assert isinstance(colours_of(data), LogNorm)
    figure = cut_figure(data, scale="linear")
    assert not isinstance(figure.axes[0].collections[0].norm, LogNorm)


def colours_of(data: sc.DataGroup[Any]) -> object:
    return cut_figure(data).axes[0].collections[0].norm


def test_pictures_say_by_which_group_the_data_are_folded() -> None:
    data = stored_map("h", "energy_transfer", k=[-0.1, 0.1])
    data["folded_by"] = "4/mmm"
    shown = cut_figure(data).axes[0].get_title(loc="right")
    assert shown == "−0.1 < k < 0.1, folded by 4/mmm"
    curve = stored(EVENTS[:, 0], COVERAGE[:, 0] + 1, {"h": np.linspace(-1, 1, 5)}, {})
    curve["folded_by"] = "mmm"
    assert cut_figure(curve).axes[0].get_title(loc="right") == "folded by mmm"
