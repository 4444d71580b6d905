from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipp as sc

from diffuse.merging.simulated_observations import simulate
from ewaldite.crystal.asu import AsuMap
from ewaldite.crystal.symmetry import space_group
from ewaldite.diffuse.maps.expand import (
    expand,
    expand_layers,
    map_bytes,
    map_shape,
    to_table,
)
from ewaldite.diffuse.merging.merge import merge
from ewaldite.diffuse.merging.statistics import length_at_centre
from ewaldite.diffuse.observations import grid_of, index_of
from ewaldite.errors import UserError
from ewaldite.model.grid import Grid

METRICS = {
    "P 1": np.array([[1.6e-2, 3e-3, -2e-3], [3e-3, 1.2e-2, 1e-3], [-2e-3, 1e-3, 9e-3]]),
    "P 21 21 21": np.diag([1e-2, 1.7e-2, 2.3e-2]),
    "P 3 2 1": np.array([[2e-2, 1e-2, 0], [1e-2, 2e-2, 0], [0, 0, 1.3e-2]]),
    "P 4 3 2": np.diag([1e-2] * 3),
    "I 1 2 1": np.array([[1.6e-2, 0, -2e-3], [0, 1.2e-2, 0], [-2e-3, 0, 9e-3]]),
}
D_MIN = 2.0


def whole_sphere(name: str, grid: Grid, keep: float, friedel: bool = True) -> sc.DataArray:
    """Merge one observation of every voxel of a box about the sphere."""
    rng = np.random.default_rng(7)
    group = space_group(name)
    low, high = AsuMap(grid, group).reach(METRICS[name], D_MIN)
    axes = [np.arange(a, b + 1) for a, b in zip(low, high, strict=True)]
    index = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    index = index[rng.random(len(index)) < keep]
    blank = simulate(rng, 9.0, voxels=len(index), multiplicity=1)
    centre = grid.centre(index)
    s = np.sqrt(np.einsum("ij,jk,ik->i", centre, METRICS[name], centre))
    table = replace(blank, grid=grid, index=index, s=np.stack([s, 0 * s, 0 * s], axis=-1))
    return merge(table, group, friedel=friedel, rng=rng)


@pytest.mark.parametrize("name", list(METRICS))
@pytest.mark.parametrize(
    "grid", [Grid((1, 1, 1)), Grid((3, 3, 3)), Grid((2, 2, 2))], ids=lambda g: str(g.n)
)
def test_every_voxel_of_the_map_is_that_of_its_asymmetric_unit(name: str, grid: Grid) -> None:
    group = space_group(name)
    merged = whole_sphere(name, grid, keep=0.3)
    dense = expand(merged, group, METRICS[name], D_MIN)
    assert dense.shape == map_shape(grid, group, METRICS[name], D_MIN)
    centre = np.stack(
        np.meshgrid(*[dense.coords[x].values for x in "hkl"], indexing="ij"), axis=-1
    ).reshape(-1, 3)
    s = np.sqrt(np.einsum("ij,jk,ik->i", centre, METRICS[name], centre))
    asu, _ = AsuMap(grid, group)(grid.index(centre))
    keys = np.stack([merged.coords[x].values for x in "hkl"], axis=-1)
    rows = {tuple(k): i for i, k in enumerate(grid.index(keys).tolist())}
    place = np.array([rows.get(tuple(a), -1) for a in asu.tolist()])
    present = (place >= 0) & (s <= 1 / D_MIN)
    absent = dense.masks["absent"].values.ravel()
    borderline = np.abs(s - 1 / D_MIN) < 1e-9
    assert np.array_equal(absent[~borderline], ~present[~borderline])
    values, variances = dense.values.ravel(), dense.variances.ravel()
    assert np.isnan(values[absent]).all()
    np.testing.assert_array_equal(values[~absent], merged.values[place[~absent]])
    np.testing.assert_array_equal(variances[~absent], merged.variances[place[~absent]])


@pytest.mark.parametrize("name", list(METRICS))
def test_the_map_obeys_friedels_law(name: str) -> None:
    grid = Grid((2, 2, 2), "split") if name == "P 1" else Grid((2, 2, 2))
    dense = expand(whole_sphere(name, grid, keep=0.5), space_group(name), METRICS[name], D_MIN)
    np.testing.assert_array_equal(dense.values, dense.values[::-1, ::-1, ::-1])
    for x in "hkl":
        axis = dense.coords[x].values
        np.testing.assert_allclose(axis, -axis[::-1], atol=1e-15)


def test_mates_kept_apart_are_expanded_by_the_point_group_alone() -> None:
    group = space_group("P 21 21 21")
    merged = whole_sphere("P 21 21 21", Grid((1, 1, 1)), keep=1.0, friedel=False)
    dense = expand(merged, group, METRICS["P 21 21 21"], D_MIN, friedel=False)
    values = dense.values
    h, k, l = (dense.coords[x].values for x in "hkl")
    inner = (
        (h[:, None, None] != 0) & (k[None, :, None] != 0) & (l[None, None, :] != 0)
    ) & ~dense.masks["absent"].values
    mates = values[::-1, ::-1, ::-1]
    turned = values[::-1, ::-1, :]
    np.testing.assert_array_equal(values[inner], turned[inner])
    assert np.mean(values[inner] != mates[inner]) > 0.5


def test_memory_is_estimated_before_it_is_taken() -> None:
    group = space_group("P 21 21 21")
    grid = Grid((3, 3, 3))
    metric = METRICS["P 21 21 21"]
    dense = expand(whole_sphere("P 21 21 21", grid, keep=0.2), group, metric, D_MIN)
    taken = dense.values.nbytes + dense.variances.nbytes + dense.masks["absent"].values.nbytes
    assert map_bytes(grid, group, metric, D_MIN) == taken


def test_units_and_name_are_kept() -> None:
    merged = whole_sphere("P 1", Grid((1, 1, 1)), keep=1.0)
    dense = expand(merged, space_group("P 1"), METRICS["P 1"], D_MIN)
    assert dense.dims == ("h", "k", "l")
    assert dense.unit == merged.unit
    assert dense.name == "intensity"
    total = sc.sum(dense).value
    assert np.isfinite(total)


@pytest.mark.parametrize("friedel", [True, False])
@pytest.mark.parametrize("name", list(METRICS))
@pytest.mark.parametrize(
    "grid", [Grid((1, 1, 1)), Grid((2, 2, 2)), Grid((2, 2, 2), "split")], ids=str
)
def test_expansion_and_back_is_the_identity(name: str, grid: Grid, friedel: bool) -> None:
    group = space_group(name)
    if name == "P 3 2 1" and grid.mode == "split":
        pytest.skip("the group does not leave this grid")
    merged = whole_sphere(name, grid, keep=0.4, friedel=friedel)
    dense = expand(merged, group, METRICS[name], D_MIN, friedel=friedel)
    back = to_table(dense, group, friedel=friedel)
    s = length_at_centre(index_of(merged), AsuMap(grid, group), METRICS[name])
    wanted = merged[sc.array(dims=["voxel"], values=s <= 1 / D_MIN)]
    first, second = (
        {tuple(i): v for i, v in zip(index_of(t).tolist(), t.values, strict=True)}
        for t in (wanted, back)
    )
    assert first == second
    assert grid_of(back) == grid
    again = expand(back, group, METRICS[name], D_MIN, friedel=friedel)
    assert sc.identical(again, dense, equal_nan=True)


def test_limits_cut_the_whole_map() -> None:
    name, grid = "P 21 21 21", Grid((3, 3, 3))
    group = space_group(name)
    merged = whole_sphere(name, grid, keep=0.6)
    dense = expand(merged, group, METRICS[name], D_MIN)
    limits = ((-1.0, 2.0), (0.0, 0.0), (-1 / 3, 99.0))
    part = expand(merged, group, METRICS[name], D_MIN, limits=limits)
    assert part.shape == map_shape(grid, group, METRICS[name], D_MIN, limits)
    assert part.coords["h"].values[[0, -1]].tolist() == pytest.approx([-1, 2])
    assert part.coords["k"].values.tolist() == [0.0]
    assert part.coords["l"].values[0] == pytest.approx(-1 / 3)
    place = [
        slice(i, i + n)
        for i, n in zip(
            [
                int(np.argmin(np.abs(dense.coords[x].values - part.coords[x].values[0])))
                for x in "hkl"
            ],
            part.shape,
            strict=True,
        )
    ]
    np.testing.assert_array_equal(part.values, dense.values[tuple(place)])
    assert map_bytes(grid, group, METRICS[name], D_MIN, limits) < map_bytes(
        grid, group, METRICS[name], D_MIN
    )


def test_limits_outside_the_map_are_said() -> None:
    merged = whole_sphere("P 1", Grid((1, 1, 1)), keep=1.0)
    limits = ((90.0, 99.0), (0.0, 0.0), (0.0, 0.0))
    with pytest.raises(UserError, match=r"limits within -\d+ … \d+"):
        expand(merged, space_group("P 1"), METRICS["P 1"], D_MIN, limits=limits)


def test_the_asymmetric_unit_stays_where_it_is() -> None:
    name, grid = "P 4 3 2", Grid((2, 2, 2))
    group = space_group(name)
    merged = whole_sphere(name, grid, keep=0.5)
    part = expand(merged, group, METRICS[name], D_MIN, asymmetric_unit=True)
    dense = expand(merged, group, METRICS[name], D_MIN)
    assert part.size < dense.size / 4
    assert sc.identical(to_table(part, group), to_table(dense, group))
    assert (~part.masks["absent"].values).sum() == len(to_table(dense, group))


@pytest.mark.parametrize("thickness", [1, 4, 1000])
@pytest.mark.parametrize("name", list(METRICS))
def test_layers_together_are_the_map(name: str, thickness: int) -> None:
    group = space_group(name)
    merged = whole_sphere(name, Grid((2, 2, 2)), keep=0.3)
    for options in (
        {},
        {"asymmetric_unit": True},
        {"limits": ((-0.5, 1.0), (-1.0, 1.0), (0.0, 2.0))},
    ):
        dense = expand(merged, group, METRICS[name], D_MIN, **options)
        parts = expand_layers(
            merged, group, METRICS[name], D_MIN, thickness=thickness, **options
        )
        layers = list(parts)
        assert len(layers) == -(-dense.shape[0] // thickness)
        assert sc.identical(sc.concat(layers, "h"), dense, equal_nan=True)
