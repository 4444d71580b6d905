"""Planes and lines show what is there, with its error."""

from __future__ import annotations

import numpy as np
import pytest
import scipp as sc
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.crystal.map_axes import MapAxes
from ewaldite.diffuse.maps.plane_spec import PlaneSpec
from ewaldite.diffuse.maps.sections import ends_of_line, line_section, plane_section
from ewaldite.errors import UserError

CELL = (27.3, 32.0, 34.3, 88.6, 108.6, 111.8)


def volume(dims: str = "hkl", n: int = 3, half: int = 12) -> sc.DataArray:
    """Value 10000 j_h + 100 j_k + j_l at the voxel j, so that it tells where it is."""
    j = np.arange(-half, half + 1)
    h, k, l = np.meshgrid(j, j, j, indexing="ij")
    values = 10000.0 * h + 100 * k + l
    return sc.DataArray(
        sc.array(dims=list(dims), values=values, variances=1.0 + h**2, unit="counts"),
        coords={d: sc.array(dims=[d], values=j / n) for d in dims},
        name="intensity",
    )


def nearest(points: np.ndarray, n: int = 3) -> np.ndarray:
    return np.ceil(points * n - 0.5 - 1e-9)


@pytest.mark.parametrize("name", ["hk0", "h 1/3 l", "0kl", "hhl", "h -h l", "hk1.1"])
def test_a_plane_holds_the_voxels_that_it_meets(name: str) -> None:
    plane = PlaneSpec.parse(name)
    layer = plane_section(volume(), CELL, plane)
    p, q = layer.coords["p"].values, layer.coords["q"].values
    points = plane.origin + p[:, None, None] * plane.u + q[None, :, None] * plane.v
    j = nearest(points)
    inside = np.all(np.abs(j) <= 12, axis=-1)
    assert inside.all(axis=None)
    np.testing.assert_array_equal(layer.values, j @ [10000, 100, 1])
    np.testing.assert_array_equal(layer.variances, 1 + j[..., 0] ** 2)
    # no voxel of the plane is left out: samples reach the border and lie a voxel apart
    assert np.allclose(np.diff(p), 1 / 3)
    assert np.abs(points).max() > 4 - 1 / 3


def test_planes_off_the_voxels_keep_within_the_map() -> None:
    plane = PlaneSpec.of_vectors([1, 1, 0], [1, -1, 0], [0.2, 0, 0])
    layer = plane_section(volume(), CELL, plane)
    assert 0.4 < np.isfinite(layer.values).mean() < 0.6
    np.testing.assert_array_equal(layer.masks["absent"].values, np.isnan(layer.values))


def test_the_thickness_averages_along_the_normal() -> None:
    array = volume()
    axes = MapAxes.of(array, CELL)
    # the normal of hk0 is c; over l it moves by |c*|'s height 1/c
    layers = 5
    thickness = layers / 3 / CELL[2]
    layer = plane_section(array, CELL, "hk0", thickness=thickness)
    thin = plane_section(array, CELL, "hk0")
    middle = (slice(10, 15), slice(10, 15))
    np.testing.assert_allclose(layer.values[middle], thin.values[middle], rtol=0.02, atol=60)
    assert np.mean(layer.variances[middle]) < 0.45 * np.mean(thin.variances[middle])
    assert axes.length(np.array([0, 0, 1 / 3])) > 1 / 3 / CELL[2]


def test_the_mean_over_orthogonal_layers_is_exact() -> None:
    array, cell = volume(), (27.3, 32.0, 34.3, 90.0, 90.0, 90.0)
    layer = plane_section(array, cell, "h0l", thickness=3 / 3 / cell[1])
    three = array["k", 11:14].mean("k")
    np.testing.assert_allclose(layer.values, three.values, atol=1e-9)
    np.testing.assert_allclose(layer.variances, three.variances)
    # layers cut in part count in part
    layer = plane_section(array, cell, "h0l", thickness=2 / 3 / cell[1])
    parts = np.array([0.25, 0.5, 0.25])  # of the voxels at -1, 0 and 1
    expected = np.tensordot(parts**2, array.variances[:, 11:14], (0, 1))
    np.testing.assert_allclose(layer.variances, expected)


def test_absent_layers_do_not_count() -> None:
    array, cell = volume(), (27.3, 32.0, 34.3, 90.0, 90.0, 90.0)
    array.masks["absent"] = array.coords["k"] > sc.scalar(0.1)
    layer = plane_section(array, cell, "h0l", thickness=3 / 3 / cell[1])
    two = array["k", 11:13].mean("k")
    np.testing.assert_allclose(layer.values, two.values)
    np.testing.assert_allclose(layer.variances, two.variances)
    gone = plane_section(array, cell, "h 1 l")
    assert gone.masks["absent"].values.all()


@settings(deadline=None, max_examples=40)
@given(
    start=st.tuples(*[st.floats(-3.9, 3.9)] * 3),
    end=st.tuples(*[st.floats(-3.9, 3.9)] * 3),
)
def test_a_line_meets_its_voxels_in_order(
    start: tuple[float, float, float], end: tuple[float, float, float]
) -> None:
    if np.abs(np.subtract(start, end)).max() < 0.05:
        return
    line = line_section(volume(), CELL, start, end)
    points = np.stack([line.coords[x].values for x in "hkl"], axis=-1)
    np.testing.assert_allclose(points[0], start, atol=1e-12)
    np.testing.assert_allclose(points[-1], end, atol=1e-12)
    np.testing.assert_array_equal(line.values, nearest(points) @ [10000, 100, 1])
    assert np.abs(np.diff(nearest(points), axis=0)).max() <= 1
    axes = MapAxes.of(volume(), CELL)
    np.testing.assert_allclose(
        line.coords["distance"].values[-1], axes.length(np.subtract(end, start))
    )
    np.testing.assert_allclose(line.coords["length"].values, axes.length(points))
    assert str(line.coords["distance"].unit) == "1/Å"


def test_a_thick_line_averages_and_its_error_falls() -> None:
    rng = np.random.default_rng(0)
    array = volume()
    array.variances = np.full(array.shape, 4.0)
    scatter, stated = [], 0.0
    for _ in range(200):
        array.values = rng.normal(scale=2.0, size=array.shape)
        line = line_section(array, CELL, (-3, 0, 0), (3, 0, 0), radius=0.03)
        scatter.append(line.values)
        stated = float(np.mean(line.variances))
    assert np.var(scatter) == pytest.approx(stated, rel=0.05)
    assert stated < 4 / 8


def test_a_direction_is_followed_to_the_borders() -> None:
    start, end = ends_of_line(volume(), CELL, (1, 1, 0))
    np.testing.assert_allclose([start, end], [[-4, -4, 0], [4, 4, 0]])
    start, end = ends_of_line(volume(), CELL, (0, 0, -2), (1, 0.5, 0))
    np.testing.assert_allclose([start, end], [[1, 0.5, 4], [1, 0.5, -4]])
    start, end = ends_of_line(volume(), CELL, (2, 1, 0), (0, 2, 0))
    np.testing.assert_allclose([start, end], [[-4, 0, 0], [4, 4, 0]])


def test_real_space_is_in_angstrom() -> None:
    layer = plane_section(volume("uvw"), CELL, "u 0 w", thickness=1.0)
    assert layer.coords["p"].values[-1] == pytest.approx(4.0)
    line = line_section(volume("uvw"), CELL, (0, 0, 0), (0, 0, 3))
    assert line.coords["distance"].values[-1] == pytest.approx(3.0)
    assert str(line.coords["distance"].unit) == "Å"


def test_without_variances_there_are_none() -> None:
    array = sc.DataArray(sc.values(volume().data), coords=dict(volume().coords.items()))
    assert plane_section(array, CELL, "hk0").variances is None
    assert line_section(array, CELL, (0, 0, 0), (1, 1, 1)).variances is None


def test_mistakes_are_said() -> None:
    array = volume()
    for plane, said in (
        ("hk9", "misses the map.*from -4 to 4 along h"),
        ("hkx", "three terms"),
    ):
        with pytest.raises(UserError, match=said):
            plane_section(array, CELL, plane)
    with pytest.raises(UserError, match=r"radius is 100\. .* the diagonal of the map"):
        plane_section(array, CELL, "hk0", thickness=100)
    with pytest.raises(UserError, match="the diagonal"):
        line_section(array, CELL, (0, 0, 0), (1, 0, 0), radius=9)
    with pytest.raises(UserError, match="thickness or radius is -1"):
        plane_section(array, CELL, "hk0", thickness=-1)
    with pytest.raises(UserError, match="no two points"):
        line_section(array, CELL, (1, 1, 1), (1, 1, 1))
    with pytest.raises(UserError, match="it misses the map"):
        line_section(array, CELL, (9, 9, 9), (8, 9, 9))
    with pytest.raises(UserError, match="no direction"):
        ends_of_line(array, CELL, (0, 0, 0))
    with pytest.raises(UserError, match="line misses the map"):
        ends_of_line(array, CELL, (1, 0, 0), (0, 9, 0))
    with pytest.raises(UserError, match="dims and coordinates"):
        plane_section(sc.DataArray(sc.arange("voxel", 3.0)), CELL, "hk0")
