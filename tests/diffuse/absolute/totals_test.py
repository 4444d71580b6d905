from __future__ import annotations

import gemmi
import numpy as np
import pytest
import scipp as sc
from hypothesis import given, settings
from hypothesis import strategies as st

from diffuse.absolute.mdx import table_of
from ewaldite.crystal.asu import AsuMap
from ewaldite.crystal.cell import orthogonalization
from ewaldite.crystal.symmetry import space_group
from ewaldite.diffuse.absolute.cutoff import choose_cutoff, choose_shells, seen_to
from ewaldite.diffuse.absolute.options import AbsoluteOptions
from ewaldite.diffuse.absolute.shells import Shells
from ewaldite.diffuse.absolute.totals import Rows, bragg_rows, diffuse_rows, lengths
from ewaldite.errors import UserError
from ewaldite.model.grid import Grid

CELL = np.array([30.0, 30.0, 40.0, 90.0, 90.0, 120.0])
CELLS = Grid((1, 1, 1))


def every_voxel(n: int = 3) -> np.ndarray:
    axes = [np.arange(-n, n + 1)] * 3
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def unit_rows(name: str, n: int = 3) -> tuple[Rows, int]:
    """Rows of the asymmetric unit of a box that symmetry maps onto itself, and its size."""
    group = space_group(name)
    index = every_voxel(n)
    index = index[lengths(CELLS, index, CELL) < n / 30.0 * 0.8]
    asu = np.unique(AsuMap(CELLS, group)(index)[0], axis=0)
    table = table_of(asu, np.ones(len(asu)), np.ones(len(asu)))
    return diffuse_rows(table, CELL, group), len(index)


@pytest.mark.parametrize("name", ["P 1", "P 3", "P 61 2 2", "P 3 2 1", "P 3 1 2"])
def test_weights_count_all_of_reciprocal_space_but_the_origin(name: str) -> None:
    rows, everything = unit_rows(name)
    assert rows.weight.sum() == everything - 1
    assert not np.any(np.all(rows.index == 0, axis=1))


@pytest.mark.parametrize("name", ["P 1", "P 3", "P 61 2 2"])
def test_mates_that_were_kept_apart_share_the_weight_of_their_voxel(name: str) -> None:
    rows, everything = unit_rows(name)
    index = np.concatenate([rows.index, -rows.index[::2]])
    table = table_of(index, np.ones(len(index)), np.ones(len(index)))
    apart = diffuse_rows(table, CELL, space_group(name))
    assert apart.weight.sum() == pytest.approx(everything - 1)
    assert len(apart.weight) == len(index)


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_lengths_are_those_of_gemmi(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cell = np.concatenate([rng.uniform(5, 50, 3), rng.uniform(70, 110, 3)])
    hkl = rng.integers(-9, 10, (4, 3))
    judge = gemmi.UnitCell(*cell)
    expected = [np.sqrt(judge.calculate_1_d2(h)) for h in hkl.tolist()]
    np.testing.assert_allclose(lengths(CELLS, hkl, cell), expected, rtol=1e-9)


def test_masked_and_missing_rows_are_left_out() -> None:
    group = space_group("P 1")
    index = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]])
    table = table_of(index, np.array([1.0, np.nan, 3.0, 4.0]), np.ones(4))
    table.masks["ice"] = sc.array(dims=["voxel"], values=[False, False, False, True])
    rows = diffuse_rows(table, CELL, group)
    assert rows.value.tolist() == [1.0, 3.0]
    assert rows.weight.tolist() == [2.0, 2.0]


def test_reflections_of_seen_voxels_are_zero_where_there_was_no_spot() -> None:
    group = space_group("P 1")
    index = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    diffuse = diffuse_rows(table_of(index, np.ones(3), np.ones(3)), CELL, group)
    spots = table_of(np.array([[0, 1, 0], [2, 1, 1]]), np.array([50.0, 70.0]), np.ones(2))
    spots.masks["partial"] = sc.array(dims=["voxel"], values=[False, True])
    rows = bragg_rows(spots, diffuse, CELLS, CELL, group)
    known = {tuple(i): v for i, v in zip(rows.index.tolist(), rows.value, strict=True)}
    assert known[0, 1, 0] == 50.0
    assert known[1, 0, 0] == known[0, 0, 1] == 0.0
    assert np.isnan(known[2, 1, 1])
    assert len(known) == 4


def test_voxels_of_a_fine_grid_belong_to_the_nearest_reflection() -> None:
    group = space_group("P 1")
    fine = Grid((2, 2, 2), "split")
    index = fine.index(np.array([[1.2, 0.1, 0.1], [0.8, 0.1, 0.1], [0.1, 1.3, 0.1]]))
    diffuse = diffuse_rows(table_of(index, np.ones(3), np.ones(3), fine), CELL, group)
    none = table_of(np.array([[5, 5, 5]]), np.array([1.0]), np.ones(1))
    rows = bragg_rows(none, diffuse, fine, CELL, group)
    found = sorted(map(tuple, rows.index.tolist()))
    assert found == [(0, 1, 0), (1, 0, 0), (5, 5, 5)]


def test_diffuse_that_is_not_known_is_not_subtracted() -> None:
    group = space_group("P 1")
    index = np.array([[1, 0, 0], [0, 1, 0]])
    diffuse = diffuse_rows(table_of(index, np.ones(2), np.ones(2)), CELL, group)
    spots = table_of(index, np.array([50.0, 70.0]), np.ones(2))
    spots.coords["diffuse"] = sc.array(dims=["voxel"], values=[4.0, np.nan], unit=spots.unit)
    rows = bragg_rows(spots, diffuse, CELLS, CELL, group)
    assert sorted(rows.value) == [46.0, 70.0]


def test_shells_are_as_narrow_as_the_voxels_allow() -> None:
    rows, _ = unit_rows("P 1")
    edge = rows.s.max()
    many = choose_shells(AbsoluteOptions(), rows, 1e6)
    assert len(many.edges) - 1 == round(500 * edge**2)
    assert many.edges[-1] == pytest.approx(edge)
    few = choose_shells(AbsoluteOptions(), rows, 31_000.0)
    assert 4 / 3 * np.pi * few.edges[1] ** 3 * 31_000 == pytest.approx(8, rel=0.5)
    given_ = choose_shells(AbsoluteOptions(shells=7, s_max=0.9), rows, 31_000.0)
    assert np.allclose(given_.edges, Shells.of(0.9, 7).edges)


@pytest.mark.parametrize(("n", "mode"), [((1, 1, 1), "node"), ((2, 2, 3), "split")])
def test_the_edge_of_the_data_is_that_of_the_pixels_not_of_the_voxels(
    n: tuple[int, int, int], mode: str
) -> None:
    cell = np.array([20.0, 24.0, 28.0, 80.0, 95.0, 110.0])
    grid = Grid(n, mode)  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    s = rng.normal(size=(100_000, 3))
    s *= 0.6 / np.linalg.norm(s, axis=1, keepdims=True)
    inside = s * rng.uniform(size=(len(s), 1)) ** (1 / 3)
    hkl = np.concatenate([s, inside]) @ orthogonalization(cell)
    index = np.unique(grid.index(hkl), axis=0)
    assert lengths(grid, index, cell).max() > 0.61
    assert 0.598 < seen_to(grid, index, cell) <= 0.6
    with_limit = choose_shells(AbsoluteOptions(), diffuse_rows_of(index, grid), 1e6, 0.6)
    assert with_limit.edges[-1] == pytest.approx(0.6)


def diffuse_rows_of(index: np.ndarray, grid: Grid) -> Rows:
    table = table_of(index, np.ones(len(index)), np.ones(len(index)), grid)
    return diffuse_rows(table, CELL, space_group("P 1"))


def test_cutoffs() -> None:
    shells = Shells.of(1.0, 100)
    assert choose_cutoff(AbsoluteOptions(), shells) == (49, ())
    number, notes = choose_cutoff(AbsoluteOptions(s_cutoff=1.2), shells)
    assert number == 100
    assert "The data end at 1 1/Å" in notes[0]
    with pytest.raises(UserError, match="Raise s_cutoff or shells"):
        choose_cutoff(AbsoluteOptions(s_cutoff=0.05), shells)
