"""Parts of a map add up, and the isotropic one is the mean over directions."""

from __future__ import annotations

import numpy as np
import pytest
import scipp as sc

from diffuse.maps.worlds import CELL, D_MIN, metric_of, sphere
from ewaldite.crystal.asu import AsuMap
from ewaldite.crystal.symmetry import space_group
from ewaldite.diffuse.maps.bragg_map import bragg_density
from ewaldite.diffuse.maps.expand import expand, to_table
from ewaldite.diffuse.maps.parts import isotropic_parts, make_parts, split_map, voxel_weight
from ewaldite.diffuse.maps.total_map import total_density
from ewaldite.diffuse.observations import grid_of, index_of
from ewaldite.errors import UserError
from ewaldite.model.grid import Grid

GRID = Grid((3, 3, 3))


def reflections(name: str, seed: int = 0) -> sc.DataArray:
    table = sphere(name, Grid((1, 1, 1)), lambda hkl, s: 50 * np.exp(-20 * s**2) + 0 * s)
    rng = np.random.default_rng(seed)
    table.values = table.values * rng.exponential(size=len(table))
    return table.drop_coords(["n_h", "n_k", "n_l", "grid_mode"])


@pytest.mark.parametrize("name", ["P 1", "P 21 21 21", "I 2 3"])
def test_parts_add_up(name: str) -> None:
    group = space_group(name)
    merged = sphere(name, GRID, lambda hkl, s: 3 + np.cos(2 * np.pi * hkl).sum(axis=1) + s)
    isotropic, variational, curve = isotropic_parts(merged, group, metric_of(CELL[name]))
    np.testing.assert_allclose((isotropic + variational).values, merged.values, rtol=1e-12)
    assert isotropic.unit == variational.unit == merged.unit
    assert (variational.variances > 0).all()
    assert curve.coords["number"].values.sum() == len(merged)
    # the mean over directions of the expanded variational map is nothing in every shell, but
    # for what interpolation between means makes of their scatter
    dense = expand(variational, group, metric_of(CELL[name]), D_MIN)
    _, _, rest = split_map(dense, group, metric_of(CELL[name]))
    deviation = rest.values[3:-1] / np.std(variational.values)
    assert np.abs(deviation).max() < 0.12
    assert abs(deviation.mean()) < 0.01


@pytest.mark.parametrize("name", ["P 1", "P 21 21 21"])
def test_table_and_dense_map_agree(name: str) -> None:
    group, metric = space_group(name), metric_of(CELL[name])
    merged = sphere(name, GRID, lambda hkl, s: 3 + np.cos(np.pi * hkl[:, 0]) + s)
    _, table, curve = isotropic_parts(merged, group, metric)
    isotropic, dense, again = split_map(expand(merged, group, metric, D_MIN), group, metric)
    inside = to_table(expand(table, group, metric, D_MIN), group)
    np.testing.assert_allclose(to_table(dense, group).values, inside.values, atol=1e-9)
    np.testing.assert_allclose(again.values, curve.values, rtol=1e-12)
    np.testing.assert_allclose(again.variances, curve.variances, rtol=1e-12)
    hidden = dense.masks["absent"].values
    assert np.isnan(dense.values[hidden]).all()
    assert np.isnan(isotropic.values[hidden]).all()


@pytest.mark.parametrize("friedel", [True, False])
@pytest.mark.parametrize("name", ["P 1", "P 21 21 21", "I 2 3"])
def test_a_row_weighs_as_many_voxels_as_the_map_gets_of_it(name: str, friedel: bool) -> None:
    group = space_group(name)
    rows = sphere(
        name, Grid((2, 2, 2)), lambda hkl, s: np.arange(len(s)) * 1.0, friedel=friedel
    )
    dense = expand(rows, group, metric_of(CELL[name]), D_MIN, friedel=friedel)
    found = dense.values[~dense.masks["absent"].values].astype(np.int64)
    count = np.bincount(found, minlength=len(rows))
    weight = voxel_weight(rows, group, friedel=friedel)
    np.testing.assert_array_equal(count, weight)


@pytest.mark.parametrize("name", ["P 1", "P 21 21 21", "I 2 3"])
@pytest.mark.parametrize("mode", ["node", "split"])
@pytest.mark.parametrize("n", [(1, 1, 1), (3, 3, 3), (2, 2, 2)])
def test_the_integral_of_the_density_is_the_bragg_intensity(
    name: str, mode: str, n: tuple[int, int, int]
) -> None:
    grid, group = Grid(n, "split" if mode == "split" else "node"), space_group(name)
    bragg = reflections(name)
    density = bragg_density(bragg, grid, group)
    dense = expand(density, group, metric_of(CELL[name]), D_MIN * 0.7)
    index = np.argwhere(~dense.masks["absent"].values)
    hkl = np.stack([dense.coords[x].values[index[:, i]] for i, x in enumerate("hkl")], axis=1)
    # a voxel on a corner of four touches the node half a voxel away: round towards it
    node = np.rint(hkl)
    values = dense.values[tuple(index.T)] / grid.voxels_per_cell
    reflection = expand(
        bragg.assign_coords(sphere(name, Grid((1, 1, 1)), lambda h, s: s).coords),
        group,
        metric_of(CELL[name]),
        D_MIN * 0.7,
    )
    corner = [reflection.coords[x].values[0] for x in "hkl"]
    whole = np.zeros(reflection.shape)
    np.add.at(whole, tuple((node - corner).astype(int).T), values)
    there = ~reflection.masks["absent"].values
    np.testing.assert_allclose(whole[there], reflection.values[there], rtol=1e-9)
    assert whole[~there].max(initial=0.0) == 0.0


def total_of(diffuse: sc.DataArray, density: sc.DataArray) -> sc.DataArray:
    group, metric = space_group("P 21 21 21"), metric_of(CELL["P 21 21 21"])
    isotropic, variational, _ = isotropic_parts(diffuse, group, metric)
    return total_density(diffuse, density, isotropic, variational, group, metric)


def test_the_total_is_the_sum_and_the_isotropic_part_stands_in() -> None:
    group = space_group("P 21 21 21")
    merged = sphere("P 21 21 21", GRID, lambda hkl, s: 1 + s)
    density = bragg_density(reflections("P 21 21 21"), GRID, group)
    nodes = np.all(index_of(merged) % 3 == 0, axis=1)
    taken_out = nodes & (np.random.default_rng(4).random(len(nodes)) < 0.5)
    left = merged[sc.array(dims=["voxel"], values=~taken_out)]
    total = total_of(left, density)
    assert len(total) == len(merged)
    order = [np.lexsort(index_of(t).T) for t in (total, merged, density)]
    expected = merged.values[order[1]]
    expected[nodes[order[1]]] += density.values[order[2]]
    # 1 + s is isotropic: the curve gives it where the filter left nothing
    np.testing.assert_allclose(total.values[order[0]], expected, rtol=1e-6)
    noise = np.where(taken_out, 0.0, merged.variances)[order[1]]
    noise[nodes[order[1]]] += density.variances[order[2]]
    np.testing.assert_allclose(total.variances[order[0]], noise, atol=1e-6)
    assert grid_of(total) == GRID


def test_what_stands_in_is_as_uncertain_as_the_signal_varies() -> None:
    group, rng = space_group("P 21 21 21"), np.random.default_rng(5)
    merged = sphere("P 21 21 21", GRID, lambda hkl, s: 5 + 2 * rng.normal(size=len(s)))
    density = bragg_density(reflections("P 21 21 21"), GRID, group)
    nodes = np.all(index_of(merged) % 3 == 0, axis=1)
    total = total_of(merged[sc.array(dims=["voxel"], values=~nodes)], density)
    at = np.all(index_of(total) % 3 == 0, axis=1)
    order = [
        np.lexsort(index_of(t).T) for t in (total[sc.array(dims=["voxel"], values=at)], density)
    ]
    spread = total.variances[at][order[0]] - density.variances[order[1]]
    assert np.mean(spread) == pytest.approx(4.0, rel=0.1)
    value = total.values[at][order[0]] - density.values[order[1]]
    assert np.mean(value) == pytest.approx(5.0, abs=0.3)


def test_what_is_diffuse_under_a_spot_is_taken_from_it() -> None:
    bragg = reflections("P 1")
    peak = bragg.values.copy()
    bragg.values = peak + 0.3
    bragg.coords["diffuse"] = sc.array(
        dims=["voxel"], values=np.full(len(bragg), 0.3), unit=bragg.unit
    )
    density = bragg_density(bragg, GRID, space_group("P 1"))
    np.testing.assert_allclose(np.sort(density.values), np.sort(peak * 27), rtol=1e-9)
    bragg.coords["diffuse"].values[:] = np.nan
    density = bragg_density(bragg, GRID, space_group("P 1"))
    np.testing.assert_allclose(np.sort(density.values), np.sort((peak + 0.3) * 27), rtol=1e-9)


@pytest.mark.parametrize(("mode", "sharing"), [("node", 1), ("split", 8)])
def test_the_relative_error_of_a_reflection_stays(mode: str, sharing: int) -> None:
    grid = Grid((2, 2, 2), "split" if mode == "split" else "node")
    bragg = reflections("P 1")["voxel", 40:41]
    density = bragg_density(bragg, grid, space_group("P 1"))
    assert len(density) == sharing
    np.testing.assert_allclose(density.values, bragg.values[0] * 8 / sharing)
    ratio = bragg.variances / bragg.values**2
    np.testing.assert_allclose(density.variances / density.values**2, ratio[0])


def test_masked_reflections_are_left_out() -> None:
    bragg = reflections("P 1")
    bragg.masks["partial"] = sc.array(dims=["voxel"], values=np.arange(len(bragg)) % 3 == 0)
    bragg.values[1] = np.nan
    density = bragg_density(bragg, GRID, space_group("P 1"))
    assert len(density) == np.count_nonzero(np.arange(len(bragg)) % 3) - 1


def test_bragg_rows_between_the_nodes_are_refused() -> None:
    bragg = reflections("P 1")
    bragg.coords["h"].values[2] += 0.5
    with pytest.raises(UserError, match="row at hkl"):
        bragg_density(bragg, GRID, space_group("P 1"))


def test_wanted_parts_come_in_order_and_bragg_needs_a_table() -> None:
    group, metric = space_group("P 1"), metric_of(CELL["P 1"])
    merged, bragg = sphere("P 1", GRID, lambda hkl, s: 1 + s), reflections("P 1")
    names = ["variational", "total", "diffuse", "bragg", "isotropic"]
    made = make_parts(names, merged, bragg, group, metric)
    assert list(made) == names
    assert sc.identical(made["diffuse"], merged)
    assert {t.unit for t in made.values()} == {merged.unit}
    for name in ("total", "bragg"):
        with pytest.raises(UserError, match="no merged Bragg intensities"):
            make_parts([name], merged, None, group, metric)
    assert list(make_parts(["isotropic"], merged, None, group, metric)) == ["isotropic"]


def test_scales_and_grids_must_agree() -> None:
    group = space_group("P 21 21 21")
    merged = sphere("P 21 21 21", GRID, lambda hkl, s: 1 + s)
    for other in (Grid((1, 1, 1)), GRID):
        density = bragg_density(reflections("P 21 21 21"), other, group)
        if other == GRID:
            density.unit = "one"
        with pytest.raises(UserError, match="one scale and one grid"):
            total_of(merged, density)


def test_masked_rows_do_not_enter_the_mean() -> None:
    group, metric = space_group("P 1"), metric_of(CELL["P 1"])
    merged = sphere("P 1", GRID, lambda hkl, s: 1 + s)
    wild = merged.copy()
    bad = np.random.default_rng(0).random(len(wild)) < 0.1
    wild.values[bad] = 1e6
    wild.masks["bad"] = sc.array(dims=["voxel"], values=bad)
    _, variational, _ = isotropic_parts(wild, group, metric)
    assert np.abs(variational.values[~bad]).max() < 1e-3
    assert "bad" in variational.masks
    assert AsuMap(GRID, group).grid == grid_of(variational)
