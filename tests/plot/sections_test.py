"""Planes are drawn where their points lie in space, in colours that say what is absent."""

from __future__ import annotations

import numpy as np
import pytest
import scipp as sc
from matplotlib.figure import Figure

from ewaldite.crystal.map_axes import MapAxes
from ewaldite.plot.plane import Plane
from ewaldite.plot.sections import SectionView, draw_section, section_figure
from ewaldite.plot.style import figure_bytes

CELL = (8.1, 9.3, 10.7, 82.0, 103.0, 97.0)


def world(dims: str = "hkl", name: str = "intensity", n: int = 3) -> sc.DataArray:
    """A sphere of radius 0.35/Å (or 9 Å) with a wave in it, holes at the nodes."""
    half = np.array([9, 10, 12]) if dims == "hkl" else np.array([27, 27, 27])
    axes = [np.arange(-a, a + 1) / n for a in half]
    array = sc.DataArray(
        sc.zeros(dims=list(dims), shape=[len(a) for a in axes], unit="counts/mrad**2/s"),
        coords={d: sc.array(dims=[d], values=a) for d, a in zip(dims, axes, strict=True)},
        name=name,
    )
    grid = MapAxes.of(array, CELL)
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    array.values = np.cos(points @ [1.0, 0.5, -0.7])
    holes = np.all(np.abs(points - np.rint(points)) < 1e-9, axis=-1)
    radius = 0.35 if dims == "hkl" else 9.0
    hidden = holes | (grid.length(points) > radius)
    array.masks["absent"] = sc.array(dims=list(dims), values=hidden)
    return array


def drawn(array: sc.DataArray, plane: str, **options: object) -> tuple[Figure, SectionView]:
    figure = Figure()
    view = SectionView.of(array, CELL, plane)
    draw_section(figure.add_subplot(), view, **options)  # type: ignore[arg-type]
    return figure, view


@pytest.mark.parametrize("plane", ["hk0", "0kl", "hhl", "h -h l", "hk1"])
def test_distances_in_the_paper_are_those_in_space(plane: str) -> None:
    figure, view = drawn(world(), plane)
    grey, mesh = figure.axes[0].collections[:2]
    corners = mesh.get_coordinates()
    assert corners.shape == grey.get_coordinates().shape
    centres = (corners[1:, 1:] + corners[:-1, :-1] + corners[1:, :-1] + corners[:-1, 1:]) / 4
    # each drawn sample lies as far from the foot of the origin as in space
    p, q, away = view.foot
    foot = np.array([float(x) for x in view.plane.points(p, q)])
    radius = np.linalg.norm(centres - foot, axis=-1)
    values = np.ma.filled(mesh.get_array().reshape(centres.shape[:2]), np.nan)
    place = np.isfinite(view.layer.values)
    rows, columns = np.flatnonzero(place.any(axis=1)), np.flatnonzero(place.any(axis=0))
    lengths = np.sort(np.round(view.lengths[place], 9))
    found = np.sort(np.round(np.hypot(radius, away)[np.isfinite(values)], 9))
    np.testing.assert_allclose(found, lengths, atol=1e-8)
    assert len(rows) <= values.shape[0]
    assert len(columns) <= values.shape[1]
    assert figure.axes[0].get_aspect() == 1.0


def test_the_angle_between_the_axes_is_the_reciprocal_one() -> None:
    view = SectionView.of(world(), CELL, "h0l")
    np.testing.assert_allclose(view.plane.basis, Plane.of_cell(CELL, "k").basis)
    assert view.plane.indices(*[float(x) for x in view.plane.points(1.3, -0.4)]) == (
        pytest.approx((1.3, -0.4))
    )


def test_holes_are_grey_and_beyond_the_sphere_is_nothing() -> None:
    figure, view = drawn(world(), "hk0")
    grey, mesh = figure.axes[0].collections[:2]
    hole = ~np.ma.getmaskarray(grey.get_array())
    shown = ~np.ma.getmaskarray(mesh.get_array())
    assert not (hole & shown).any()
    p, q = (view.layer.coords[x].values for x in "pq")
    nodes = (np.abs(p - np.rint(p)) < 1e-9)[:, None] & (np.abs(q - np.rint(q)) < 1e-9)
    reach = view.lengths[np.isfinite(view.layer.values)].max()
    assert hole.sum() == (nodes & (view.lengths <= reach)).sum()
    assert shown.sum() == np.isfinite(view.layer.values).sum()


@pytest.mark.parametrize(
    ("name", "colours", "symmetric"),
    [("intensity", "viridis", False), ("variational intensity", "RdBu_r", True)],
)
def test_colours_fit_what_is_shown(name: str, colours: str, symmetric: bool) -> None:
    figure, _ = drawn(world(name=name), "hk0")
    mesh = figure.axes[0].collections[1]
    assert mesh.get_cmap().name == colours
    low, high = mesh.get_clim()
    assert (low == -high) == symmetric
    figure, _ = drawn(world(name=name), "hk0", limits=(-2.0, 3.0), colours="magma")
    mesh = figure.axes[0].collections[1]
    assert mesh.get_clim() == (-2.0, 3.0)
    assert mesh.get_cmap().name == "magma"


def test_rings_are_at_their_spacing_around_the_foot_of_the_origin() -> None:
    figure, view = drawn(world(), "hk1", rings=[4.0, 3.0, 1000.0])
    circles = figure.axes[0].patches
    p, q, away = view.foot
    assert [c.radius for c in circles] == pytest.approx(
        [np.sqrt(1 / d**2 - away**2) for d in (4.0, 3.0)]
    )
    assert circles[0].center == pytest.approx([float(x) for x in view.plane.points(p, q)])
    # the foot is the point of the plane that is nearest to the origin
    around = [
        np.linalg.norm((view.spec.origin + a * view.spec.u + b * view.spec.v) @ view.basis)
        for a, b in ((p, q), (p + 0.01, q), (p - 0.01, q), (p, q + 0.01), (p, q - 0.01))
    ]
    assert around[0] == pytest.approx(away)
    assert around[0] == min(around)


def test_rings_of_its_own_choice_are_round_and_inside() -> None:
    figure, view = drawn(world(), "hk0")
    radii = [c.radius for c in figure.axes[0].patches]
    assert 2 <= len(radii) <= 3
    assert max(radii) < 0.35
    none, _ = drawn(world(), "hk0", rings=())
    assert not none.axes[0].patches
    real, _ = drawn(world("uvw", "3D-ΔPDF"), "uv0")
    assert not real.axes[0].patches
    real, _ = drawn(world("uvw", "3D-ΔPDF"), "uv0", rings=[5.0])
    assert real.axes[0].patches[0].radius == 5.0
    assert not view.real


def test_the_cursor_reads_indices() -> None:
    figure, view = drawn(world(), "hhl")
    x, y = (float(v) for v in view.plane.points(0.5, 2.0))
    length = np.linalg.norm(np.array([0.5, 0.5, 2.0]) @ view.basis)
    text = figure.axes[0].format_coord(x, y)
    assert text == f"h = 0.50  k = 0.50  l = 2.00  |s| = {length:.4f} 1/Å"
    real, other = drawn(world("uvw"), "uv0")
    x, y = (float(v) for v in other.plane.points(3.0, 4.0))
    assert real.axes[0].format_coord(x, y).startswith("u = 3.00  v = 4.00  w = 0.00  |r| = ")


def test_a_figure_names_plane_axes_thickness_and_unit() -> None:
    figure = section_figure(world(), CELL, "hhl", thickness=0.02)
    axes, bar = figure.axes
    assert axes.get_title() == "hhl   0.02 1/Å thick"
    texts = [t.get_text() for t in axes.texts]
    assert "(h, h, 0) (r.l.u.)" in texts
    assert "l (r.l.u.)" in texts
    assert bar.get_ylabel() == "intensity (counts/mrad²/s)"
    pdf = section_figure(world("uvw", "3D-ΔPDF"), CELL, "u0w")
    assert pdf.axes[0].get_title() == "u0w"
    assert "w (Å)" in [t.get_text() for t in pdf.axes[0].texts]


def test_the_absolute_scale_is_named() -> None:
    array = world()
    array.unit = "one"
    array.coords["intensity_unit"] = sc.scalar("electrons² per unit cell")
    figure = section_figure(array, CELL)
    assert figure.axes[1].get_ylabel() == "intensity (electrons² per unit cell)"


@pytest.mark.parametrize("fmt", ["png", "svg", "pdf"])
def test_every_format_is_made_the_same_twice(fmt: str) -> None:
    made = [figure_bytes(section_figure(world(), CELL, "h0l"), fmt) for _ in range(2)]  # type: ignore[arg-type]
    assert made[0] == made[1]
    assert len(made[0]) > 5000


def test_a_plane_without_a_value_is_drawn_all_the_same() -> None:
    array = world()
    array.masks["absent"].values[...] = True
    figure, _ = drawn(array, "hk0")
    assert figure_bytes(figure)
