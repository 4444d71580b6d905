"""Other targets show the same intensity at the same place in space."""

from __future__ import annotations

import numpy as np
import pytest
import scipp as sc
from hypothesis import given, settings
from hypothesis import strategies as st

from diffuse.maps.worlds import CELL, D_MIN, metric_of, sphere
from ewaldite.crystal.cell import orthogonalization, volume
from ewaldite.crystal.symmetry import space_group
from ewaldite.diffuse.maps.expand import expand
from ewaldite.diffuse.maps.target_grid import check_fraction, supercell_matrix
from ewaldite.diffuse.maps.targets import (
    fractional_map,
    resample,
    supercell_cell,
    supercell_map,
)
from ewaldite.diffuse.observations import grid_of
from ewaldite.errors import UserError
from ewaldite.model.grid import Grid


def field(hkl: np.ndarray) -> np.ndarray:
    """A function without symmetry but Friedel's."""
    return 5 + np.cos(hkl @ [0.9, -0.4, 0.3]) + np.cos(hkl @ [0.2, 0.7, -1.1])


def world(
    name: str = "P 1", n: tuple[int, int, int] = (2, 2, 2), mode: str = "node"
) -> sc.DataArray:
    grid = Grid(n, "split" if mode == "split" else "node")
    table = sphere(name, grid, lambda hkl, s: field(hkl))
    return expand(table, space_group(name), metric_of(CELL[name]), D_MIN)


def centres(array: sc.DataArray) -> np.ndarray:
    return np.stack(
        np.meshgrid(*[array.coords[x].values for x in "hkl"], indexing="ij"), axis=-1
    )


MATRICES = [
    [2, 2, 1],
    [2, 1, 2],
    [[1, 1, 0], [-1, 1, 0], [0, 0, 1]],
    [[0, 1, 1], [1, 0, 1], [-1, -1, 0]],
    [[1, 0, 0], [1, 2, 0], [0, 0, 1]],
]


@pytest.mark.parametrize("matrix", MATRICES[:3] + MATRICES[4:], ids=str)
def test_a_node_of_the_supercell_is_the_voxel_at_its_place_in_space(matrix: list[int]) -> None:
    array = world()
    m = supercell_matrix(matrix)
    other = supercell_map(array, matrix)
    new = supercell_cell(CELL["P 1"], matrix)
    assert volume(new) == pytest.approx(volume(CELL["P 1"]) * np.linalg.det(m))
    nodes = centres(other)
    assert np.array_equal(nodes, np.rint(nodes))
    there = ~other.masks["absent"].values
    old = nodes @ np.linalg.inv(m).T
    np.testing.assert_allclose(other.values[there], field(old[there]), rtol=1e-12)
    # lengths of s are those of the same points in the crystal's own axes
    metrics = [metric_of(c) for c in (new, CELL["P 1"])]
    s = [
        np.sqrt(np.einsum("...i,ij,...j->...", x, g, x))
        for x, g in zip((nodes, old), metrics, strict=True)
    ]
    np.testing.assert_allclose(s[0], s[1], rtol=1e-9)
    # no node within the sphere is missing
    np.testing.assert_array_equal(there, s[0] <= 1 / D_MIN + 1e-12)
    assert np.isfinite(other.variances[there]).all()


def test_axes_of_the_supercell_are_sums_of_axes() -> None:
    matrix = np.array([[1, 1, 0], [-1, 1, 0], [0, 0, 1]])
    axes = orthogonalization(CELL["P 1"])
    first = axes[:, 0] + axes[:, 1]
    assert supercell_cell(CELL["P 1"], matrix)[0] == pytest.approx(np.linalg.norm(first))


def test_the_supercell_of_the_grid_keeps_every_voxel() -> None:
    array = world(n=(3, 2, 1))
    other = supercell_map(array, [3, 2, 1])
    assert other.shape == array.shape
    np.testing.assert_array_equal(other.values, array.values)
    np.testing.assert_array_equal(other.variances, array.variances)


def test_a_grid_without_voxels_at_the_nodes_names_one_that_has() -> None:
    with pytest.raises(UserError, match=r"subdivide = \[3, 1, 2\]"):
        supercell_map(world(), [3, 1, 2])
    with pytest.raises(UserError, match=r"subdivide = \[2, 2, 1\]"):
        supercell_map(world(mode="split"), [2, 2, 1])
    with pytest.raises(UserError, match=r"subdivide = \[2, 2, 1\]"):
        supercell_map(world(n=(1, 1, 1)), [[1, 1, 0], [-1, 1, 0], [0, 0, 1]])


@pytest.mark.parametrize(
    ("matrix", "said"),
    [
        ([2, 2], "three whole numbers"),
        ([1.5, 1, 1], "three whole numbers"),
        ([[1, 0, 0], [0, 1, 0], [1, 1, 0]], "determinant is 0"),
        ([1, 1, -1], "determinant is -1"),
    ],
)
def test_no_supercell_is_said(matrix: list[float], said: str) -> None:
    with pytest.raises(UserError, match=said):
        supercell_matrix(matrix)


@pytest.mark.parametrize("fraction", [(0.5, 0.5, 0), (0, 0.5, -0.5), (0, 0, 0), (1.5, 0, 0)])
def test_a_fraction_holds_its_voxels_and_no_others(fraction: tuple[float, ...]) -> None:
    array = world()
    part = fractional_map(array, fraction)
    hkl = centres(part)
    away = hkl - fraction
    np.testing.assert_allclose(away, np.rint(away), atol=1e-9)
    there = ~part.masks["absent"].values
    np.testing.assert_allclose(part.values[there], field(hkl[there]), rtol=1e-12)
    every = centres(array)
    wanted = np.all(np.abs((every - fraction) - np.rint(every - fraction)) < 1e-9, axis=-1)
    assert there.sum() == (wanted & ~array.masks["absent"].values).sum()


def test_fractions_may_be_written_with_few_digits() -> None:
    array = world(n=(3, 3, 3))
    part = fractional_map(array, (0.3333, 0.667, 0))
    exact = fractional_map(array, (1 / 3, 2 / 3, 0))
    assert sc.identical(part, exact, equal_nan=True)


@pytest.mark.parametrize("n", [(3, 2, 5), (2, 2, 2)])
@pytest.mark.parametrize("mode", ["node", "split"])
def test_options_are_checked_as_the_map_will_be(n: tuple[int, int, int], mode: str) -> None:
    array = world(n=n, mode=mode)
    for fraction in ((0, 0, 0), (0.5, 0.5, 0.5), (1 / 3, 0, 0.2), (0.25, -0.25, 1.75)):
        outcomes = []
        for look in (
            lambda f: check_fraction(grid_of(array), f),
            lambda f: fractional_map(array, f),
        ):
            try:
                look(fraction)
            except UserError as error:
                outcomes.append(str(error))
            else:
                outcomes.append("there")
        assert outcomes[0] == outcomes[1]


def test_a_fraction_between_the_voxels_names_those_there_are() -> None:
    with pytest.raises(UserError, match=r"along k the map has voxels at \[0\.0, 0\.5\]"):
        fractional_map(world(), (0.5, 0.25, 0))
    with pytest.raises(UserError, match="no triple"):
        fractional_map(world(), (0.5, 0.5))


@settings(deadline=None, max_examples=20)
@given(
    slope=st.tuples(*[st.floats(-3, 3)] * 3),
    step=st.floats(0.1, 0.7),
    start=st.floats(-0.9, -0.1),
)
def test_a_plane_field_is_interpolated_exactly(
    slope: tuple[float, float, float], step: float, start: float
) -> None:
    array = world()
    array.values[...] = centres(array) @ slope
    array.masks["absent"].values[...] = False
    new = {"h": start + step * np.arange(4), "l": np.array([0.21])}
    out = resample(array, new)
    assert out.sizes == {"h": 4, "k": array.sizes["k"], "l": 1}
    np.testing.assert_allclose(out.values, centres(out) @ slope, atol=1e-9)


def test_resampling_at_the_voxels_changes_nothing_but_gaps() -> None:
    array = world()
    out = resample(array, {})
    there = ~array.masks["absent"].values
    np.testing.assert_allclose(out.values[there], array.values[there])
    np.testing.assert_allclose(out.variances[there], array.variances[there])
    assert out.masks["absent"].values[~there].all()


def test_interpolated_variance_and_what_is_absent() -> None:
    array = world()
    middle = tuple(n // 2 for n in array.shape)
    centre = [float(array.coords[x].values[i]) for x, i in zip("hkl", middle, strict=True)]
    around = (slice(middle[0], middle[0] + 2), middle[1], middle[2])
    array.variances[around] = 4.0, 16.0
    at = {"h": [centre[0] + 0.125], "k": [centre[1]], "l": [centre[2]]}
    out = resample(array, at)
    assert out.variances[0, 0, 0] == pytest.approx(0.75**2 * 4 + 0.25**2 * 16)
    # a quarter of the weight may be missing, three quarters may not
    array.masks["absent"].values[middle[0] + 1, middle[1], middle[2]] = True
    assert resample(array, at).values[0, 0, 0] == pytest.approx(array.values[middle])
    array.masks["absent"].values[around] = True, False
    assert resample(array, at).masks["absent"].values[0, 0, 0]


def test_resampling_along_no_axis_is_refused() -> None:
    with pytest.raises(UserError, match="no axis x"):
        resample(world(), {"x": [0.0]})
