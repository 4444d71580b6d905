"""Slices show the right voxels at the right places."""

from __future__ import annotations

import numpy as np
import pytest
import scipp as sc
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from ewaldite.errors import UserError
from ewaldite.plot.plane import Plane
from ewaldite.plot.slices import cut, draw_slice, edges, slice_figure
from ewaldite.plot.style import ABSENT

CELL = (27.3, 32.0, 34.3, 88.6, 108.6, 111.8)
SHAPE = {"h": 7, "k": 9, "l": 13}


def volume(n: int = 3, order: str = "hkl") -> sc.DataArray:
    """Value 10000 h + 100 k + l in units of 1/n, so that a voxel tells where it is."""
    axes = {d: np.arange(-(size // 2), size // 2 + 1) for d, size in SHAPE.items()}
    h, k, l = np.meshgrid(*axes.values(), indexing="ij")
    array = sc.DataArray(
        sc.array(
            dims=["h", "k", "l"],
            values=10000.0 * h + 100 * k + l,
            unit="counts/mrad**2/s",
        ),
        coords={d: sc.array(dims=[d], values=x / n) for d, x in axes.items()},
        name="intensity",
    )
    return array.transpose(list(order)).copy()


@settings(deadline=None)
@given(
    normal=st.sampled_from("hkl"),
    step=st.integers(-3, 3),
    order=st.permutations("hkl"),
    n=st.integers(1, 4),
)
def test_a_cut_holds_the_voxels_of_that_layer(
    normal: str, step: int, order: list[str], n: int
) -> None:
    layer = cut(volume(n, "".join(order)), normal, step / n)
    dims = [d for d in "hkl" if d != normal]
    assert list(layer.dims) == dims
    weight = {"h": 10000, "k": 100, "l": 1}
    u = np.arange(SHAPE[dims[0]]) - SHAPE[dims[0]] // 2
    v = np.arange(SHAPE[dims[1]]) - SHAPE[dims[1]] // 2
    expected = weight[normal] * step + weight[dims[0]] * u[:, None] + weight[dims[1]] * v
    np.testing.assert_array_equal(layer.values, expected)
    assert layer.coords[dims[0]].size == u.size + 1
    np.testing.assert_allclose(layer.coords[dims[0]].values[:-1], (u - 0.5) / n)


def test_any_value_within_a_voxel_is_that_voxel() -> None:
    one = cut(volume(), "l", 1 / 3)
    assert sc.identical(cut(volume(), "l", 1 / 3 + 0.16), one)
    assert sc.identical(cut(volume(), "l", 1 / 3 - 0.16), one)
    assert not sc.identical(cut(volume(), "l", 1 / 3 + 0.17), one)


def test_outside_is_said_with_the_range() -> None:
    with pytest.raises(UserError, match=r"from -1\.16667 to 1\.16667"):
        cut(volume(), "h", 2.0)


def test_a_table_is_no_map() -> None:
    with pytest.raises(UserError, match="dims and coordinates h, k, l"):
        cut(sc.DataArray(sc.arange("voxel", 3.0)), "h", 0.0)


def test_masked_voxels_are_absent() -> None:
    array = volume()
    array.masks["few"] = array.data < sc.scalar(0.0, unit=array.unit)
    array.masks["edge"] = array.coords["k"] > sc.scalar(1.0)
    layer = cut(array, "l", 0.0)
    plain = cut(volume(), "l", 0.0)
    hidden = np.isnan(layer.values)
    k = np.broadcast_to(array.coords["k"].values, plain.shape)
    np.testing.assert_array_equal(hidden, (plain.values < 0) | (k > 1.0))


def test_edges_of_centres_and_of_edges() -> None:
    array = volume()
    np.testing.assert_allclose(edges(array, "h"), (np.arange(8) - 3.5) / 3)
    array.coords["h"] = sc.array(dims=["h"], values=np.linspace(-2, 2, 8))
    np.testing.assert_array_equal(edges(array, "h"), np.linspace(-2, 2, 8))
    assert edges(volume()["h", 2:3], "h").tolist() == pytest.approx([-5 / 6, 1 / 6])


@pytest.mark.parametrize("normal", ["h", "k", "l"])
def test_the_mesh_lies_on_the_reciprocal_lattice(normal: str) -> None:
    axes = Figure().add_subplot()
    layer = cut(volume(), normal, 0.0)
    mesh = draw_slice(axes, layer, CELL)
    corners = mesh.get_coordinates()
    plane = Plane.of_cell(CELL, normal)
    u, v = (layer.coords[d].values for d in layer.dims)
    assert corners.shape == (u.size, v.size, 2)
    steps = np.diff(corners, axis=0), np.diff(corners, axis=1)
    np.testing.assert_allclose(steps[0], np.broadcast_to(plane.basis[0] / 3, steps[0].shape))
    np.testing.assert_allclose(steps[1], np.broadcast_to(plane.basis[1] / 3, steps[1].shape))
    np.testing.assert_allclose(corners[0, 0], plane.points(u[0], v[0]))
    # the voxel at the origin has the origin in its middle
    middle = corners[u.size // 2 - 1 : u.size // 2 + 1, v.size // 2 - 1 : v.size // 2 + 1]
    np.testing.assert_allclose(middle.mean(axis=(0, 1)), 0.0, atol=1e-12)
    assert mesh.get_array().reshape(layer.shape)[u.size // 2 - 1, v.size // 2 - 1] == 0.0
    assert axes.get_aspect() == 1.0


def test_limits_and_the_colour_of_absent_voxels() -> None:
    array = volume()
    array.values[0] = np.nan
    figure = slice_figure(array, CELL, limits=(-5.0, 7.0))
    assert len(figure.axes) == 2  # the slice and its colour bar
    (mesh,) = (c for c in figure.axes[0].collections if c.get_array() is not None)
    assert mesh.get_clim() == (-5.0, 7.0)
    assert mesh.get_array().mask.sum() == SHAPE["k"]
    assert tuple(mesh.get_cmap().get_bad()) == pytest.approx(to_rgba(ABSENT))
    assert figure.axes[1].get_ylabel() == "intensity (counts/mrad²/s)"
    assert figure.axes[0].get_title() == "hk0"


def test_limits_are_not_set_by_one_hot_voxel() -> None:
    array = volume()
    array.values[...] = np.random.default_rng(0).random(array.shape)
    array.values[3, 4, 6] = 1e9
    array.values[0, 0, 6] = np.nan
    mesh = draw_slice(Figure().add_subplot(), cut(array, "l", 0.0), CELL)
    low, high = mesh.get_clim()
    assert 0 <= low < 0.2
    # one voxel of 62 reaches into the quantile, but not by its height
    assert high < 1e9


def test_rings_lie_at_their_resolution_and_only_through_the_origin() -> None:
    figure = slice_figure(volume(), CELL, rings=(40.0, 30.0))
    radii = [patch.radius for patch in figure.axes[0].patches]
    assert radii == pytest.approx([1 / 40, 1 / 30])
    assert not slice_figure(volume(), CELL, rings=(40.0,), value=1.0).axes[0].patches
