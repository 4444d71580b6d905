from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from diffuse.integrate_test import bright, integrated, strewn, valid_values
from diffuse.setups import images, oracle, pairs_of, setup
from ewaldite.diffuse.collect import collect, masked_with_neighbours
from ewaldite.diffuse.count_settings import CountSettings
from ewaldite.diffuse.wedge_sums import WedgeSums, variance_column
from ewaldite.kernels import walk
from ewaldite.model.grid import Grid
from ewaldite.model.partition import Partition
from ewaldite.model.sums import Sums, packed

FILTER = Grid((3, 3, 3))
GRIDS = (Grid((1, 1, 1)), Grid((2, 2, 2)), Grid((2, 3, 1), "split"), FILTER)


def empty_sums(partition: Partition, filter_grid: Grid, cells: NDArray[np.int64]) -> WedgeSums:
    """A wedge that has seen every segment of some cells with one pixel."""
    places = np.array(list(product(*[range(n) for n in partition.segments])))
    index = (cells[:, None, :] * partition.segments + places).reshape(-1, 3)
    segments = Sums.grouped(index, {"pixels": np.ones(len(index))})
    return WedgeSums(partition, filter_grid, segments, np.empty((0, 3), np.int64), {})


def voxels_of(cells: NDArray[np.int64], linear: list[int]) -> NDArray[np.int64]:
    """Voxels of a 3 × 3 × 3 grid from mdx-lib's 1-based linear index in a list of cells."""
    row, fraction = np.array(linear) - 1, 0
    fraction, row = np.divmod(row, len(cells))
    part = np.stack(np.unravel_index(fraction, (3, 3, 3), order="F"), axis=1)
    # in node mode the middle voxel of a cell has the index 3 H
    return 3 * cells[row] + part - 1


@pytest.mark.parametrize("grid", GRIDS, ids=lambda g: f"{g.n} {g.mode}")
def test_included_and_excluded_are_all(grid: Grid) -> None:
    given = setup()
    partition = Partition.of(*GRIDS)
    sums = integrated(
        given, strewn(images(given)), CountSettings(bins=8, ceiling=50_000), bright, partition
    )
    collected = collect(sums, grid, sums.masked)
    # of the variances that on this grid, under a name of its own
    others = {variance_column(which) for which in range(len(GRIDS))}
    own = variance_column(GRIDS.index(grid))
    columns = {n: c for n, c in sums.segments.columns.items() if n not in others}
    columns["background_variance"] = sums.segments[own]
    for table in (collected.included, collected.excluded):
        assert set(table.columns) == set(columns) | {"volume"}
    for name, column in columns.items():
        parts = [t.columns[name].sum() for t in (collected.included, collected.excluded)]
        assert sum(parts) == pytest.approx(column.sum(), rel=1e-10), name
    assert 0 < collected.excluded["counts"].sum() < collected.included["counts"].sum()
    # counts of the excluded filter voxels are in the excluded table
    held = partition.voxel(FILTER, sums.segments.index)
    bragg = np.isin(packed(held), packed(sums.masked))
    assert collected.excluded["pixels"].sum() == sums.segments["pixels"][bragg].sum()
    voxel = packed(partition.voxel(grid, sums.segments.index[bragg]))
    np.testing.assert_array_equal(packed(collected.excluded.index), np.unique(voxel))


def test_sums_of_a_grid_are_those_of_brute_force() -> None:
    given, partition = setup(), Partition.of(*GRIDS)
    sums = integrated(given, images(given), partition=partition)
    for grid in GRIDS:
        included = collect(sums, grid, sums.masked).included
        index, expected = pairs_of(given).sums((grid,))
        np.testing.assert_array_equal(included.index, index)
        np.testing.assert_allclose(included["exposure"], expected[:, walk.EXPOSURE], rtol=1e-8)
        np.testing.assert_allclose(included["pixels"], expected[:, walk.PIXELS])
        assert np.all(included["volume"] == 1.0 / grid.voxels_per_cell)
        assert len(collect(sums, grid, sums.masked).excluded) == 0


def test_volumes_are_what_the_mask_leaves() -> None:
    partition = Partition.of(*GRIDS)
    cells = np.array([[0, 0, 0], [0, 0, 1], [-1, 2, 0]])
    sums = empty_sums(partition, FILTER, cells)
    rng = np.random.default_rng(5)
    masked = FILTER.index(cells[rng.integers(3, size=40)] + rng.uniform(-0.49, 0.49, (40, 3)))
    masked = np.unique(masked, axis=0)
    # measure by throwing points: every point is masked or not, in one voxel of every grid
    points = cells[rng.integers(3, size=300_000)] + rng.uniform(-0.5, 0.5, (300_000, 3))
    is_masked = np.isin(packed(FILTER.index(points)), packed(masked))
    for grid in GRIDS:
        whole = 1.0 / grid.voxels_per_cell
        collected = collect(sums, grid, masked)
        voxel = packed(grid.index(points))
        tables = ((collected.included, ~is_masked), (collected.excluded, is_masked))
        for table, chosen in tables:
            keys = packed(table.index)
            if grid.mode == "node" and grid.n[0] == 2:
                # voxels around h = 1/2 are half outside these cells
                whole_cells = np.isin(packed(grid.cell(table.index)), packed(cells))
                centre = np.abs(table.index / 2 - grid.cell(table.index)).max(axis=1) < 0.4
                table, keys = (t for t in (table.select(whole_cells & centre), None))
                keys = packed(table.index)
            held = np.searchsorted(np.sort(voxel[chosen]), keys, "right") - np.searchsorted(
                np.sort(voxel[chosen]), keys, "left"
            )
            measured = held / 300_000 * 3
            error = np.sqrt(np.maximum(measured, 1e-4) / 100_000)
            assert np.all(np.abs(table["volume"] - measured) < 6 * error)
            assert np.all(table["volume"] <= whole + 1e-12)


@pytest.mark.parametrize("case", [0, 2])
def test_oracle_volumes(case: int) -> None:
    given = oracle("export")
    inputs, expected = given["inputs"], given["export_cases"][case]
    cells, volume = np.array(inputs["ref_hkl"]), inputs["Vc"]
    linear = inputs["mask_linear_indices_1based"] if "gridVolumeExcl" in expected else []
    masked = voxels_of(cells, linear) if linear else np.empty((0, 3), np.int64)
    coarse = Grid((1, 1, 1))
    sums = empty_sums(Partition.of(coarse, FILTER), FILTER, cells)
    collected = collect(sums, coarse, masked)
    wanted = np.broadcast_to(np.array(expected["gridVolume"], float), (len(cells),))
    for row, cell in enumerate(cells):
        at = np.flatnonzero((collected.included.index == cell).all(axis=1))
        # the whole of the last cell is masked
        found = collected.included["volume"][at].sum() / volume
        assert found == pytest.approx(wanted[row], rel=1e-9, abs=1e-19)
        if "gridVolumeExcl" in expected:
            at = np.flatnonzero((collected.excluded.index == cell).all(axis=1))
            found = collected.excluded["volume"][at].sum() / volume
            assert found == pytest.approx(expected["gridVolumeExcl"][row], rel=1e-9)


def test_oracle_volumes_of_fine_voxels() -> None:
    given = oracle("export")
    inputs, expected = given["inputs"], given["export_cases"][3]
    cells = np.array(inputs["ref_hkl"])[:2]
    sums = empty_sums(Partition.of(FILTER), FILTER, cells)
    collected = collect(sums, FILTER, np.empty((0, 3), np.int64)).included
    assert len(collected) == len(expected["h"]) == 54
    volume = collected["volume"] / inputs["Vc"]
    np.testing.assert_allclose(volume, expected["gridVolume"], rtol=1e-9)
    hkl = np.stack([expected[x] for x in "hkl"], axis=1) * 3
    offset = np.stack([expected[x] for x in ("dh", "dk", "dl")], axis=1)
    np.testing.assert_array_equal(
        np.sort(packed(hkl + offset)), np.sort(packed(collected.index))
    )


def test_a_fine_voxel_that_the_mask_cuts_keeps_its_unmasked_part() -> None:
    # filter voxels of a third, map voxels of a half: (1/4, 3/4] is cut at 1/2 by nothing
    grid = Grid((2, 1, 1))
    partition = Partition.of(FILTER, grid, Grid((1, 1, 1)))
    sums = empty_sums(partition, FILTER, np.array([[0, 0, 0], [1, 0, 0]]))
    # masked: h in (1/6, 1/2], all of k, one third of l
    masked = np.array([[1, k, 0] for k in (-1, 0, 1)])
    collected = collect(sums, grid, masked)
    table = {
        tuple(i): v
        for i, v in zip(
            collected.included.index.tolist(), collected.included["volume"], strict=True
        )
    }
    # (-1/4, 1/4] loses 1/12 · 1/3, (1/4, 3/4] loses 1/4 · 1/3
    assert table[(0, 0, 0)] == pytest.approx(1 / 2 - 1 / 36)
    assert table[(1, 0, 0)] == pytest.approx(1 / 2 - 1 / 12)
    assert table[(2, 0, 0)] == pytest.approx(1 / 2)
    gone = {
        tuple(i): v
        for i, v in zip(
            collected.excluded.index.tolist(), collected.excluded["volume"], strict=True
        )
    }
    assert gone == pytest.approx({(0, 0, 0): 1 / 36, (1, 0, 0): 1 / 12})


def refined(wedge: int, neighbours: list[int]) -> NDArray[np.int64]:
    given = oracle("grid")["refineGrid"]
    cells = [np.array(w["ref_hkl"]) for w in given["wedges"]]
    masks = [voxels_of(c, w["mask_linear_1based"]) for c, w in
             zip(cells, given["wedges"], strict=True)]  # fmt: skip
    sums = empty_sums(Partition.of(FILTER), FILTER, cells[wedge])
    sums = WedgeSums(sums.partition, FILTER, sums.segments, masks[wedge], {})
    return masked_with_neighbours(sums, [masks[n] for n in neighbours])


def expected_mask(name: str, wedge: int | None = None) -> set[int]:
    given = oracle("grid")["refineGrid"]
    result = given[name] if wedge is None else given[name][wedge]
    # whole index of mdx-lib: (h + 512) + 1024 (k + 511) + 1024² (l + 511)
    ref = np.array(result["ref"]) - 1
    cells = np.stack([ref % 1024, ref // 1024 % 1024, ref // 1024**2], axis=1) - 511
    return set(packed(voxels_of(cells, result["mask_linear_1based"])).tolist())


def test_oracle_masks_joined_with_one_neighbour() -> None:
    # where mdx-lib has one neighbour to look at, it is right
    assert set(packed(refined(0, [1])).tolist()) == expected_mask("as_coded", 0)
    assert set(packed(refined(2, [1])).tolist()) == expected_mask("as_coded", 2)
    # a wedge in the middle looks at the one before twice there
    assert set(packed(refined(1, [0])).tolist()) == expected_mask("as_coded", 1)


def test_masks_are_joined_with_both_neighbours() -> None:
    both = set(packed(refined(1, [0, 2])).tolist())
    after = expected_mask("wedge2_if_j_plus_1_were_used")
    assert both == after
    # each neighbour gives what the other one has not
    own, before, behind = (
        set(packed(refined(1, neighbours)).tolist()) for neighbours in ([], [0], [2])
    )
    assert len(own) == 2
    assert len(before - own) == len(behind - own) == 1
    assert both == before | behind
    assert before != behind


def test_background_variance_is_that_of_the_whole_voxel() -> None:
    given, partition = setup(), Partition.of(*GRIDS)
    sums = integrated(given, images(given), partition=partition)
    for grid in GRIDS:
        included = collect(sums, grid, sums.masked).included
        index, expected = pairs_of(given).variance(grid)
        np.testing.assert_array_equal(included.index, index)
        np.testing.assert_allclose(included["background_variance"], expected, rtol=1e-10)


def test_background_variance_of_what_was_counted() -> None:
    given, partition = setup(), Partition.of(*GRIDS)
    frames = strewn(images(given))
    sums = integrated(given, frames, CountSettings(bins=8, ceiling=50_000), bright, partition)
    valid = valid_values(given, frames, 50_000)
    for grid in GRIDS:
        both = collect(sums, grid, sums.masked)
        together = both.included.add(both.excluded)
        together = together.select(together["pixels"] > 0.5)
        index, expected = pairs_of(given).variance(grid, valid)
        np.testing.assert_array_equal(together.index, index)
        np.testing.assert_allclose(
            together["background_variance"], expected, rtol=1e-9, atol=1e-12 * expected.max()
        )
    # the filter cuts none of its own voxels: there each table is right by itself
    own = pairs_of(given).labels((FILTER,))
    bragg = np.isin(packed(own.reshape(-1, 3)), packed(sums.masked)).reshape(valid.shape)
    for table, kept in ((both.included, ~bragg), (both.excluded, bragg)):
        counted = table.select(table["pixels"] > 0.5)
        _, expected = pairs_of(given).variance(FILTER, valid & kept)
        np.testing.assert_allclose(
            counted["background_variance"], expected, rtol=1e-9, atol=1e-12 * expected.max()
        )


def test_joined_masks_are_sorted_distinct_and_in_the_cells_of_the_wedge() -> None:
    masked = refined(1, [0, 2])
    keys = packed(masked)
    assert np.all(np.diff(keys) > 0)
    cells = {tuple(c) for c in oracle("grid")["refineGrid"]["wedges"][1]["ref_hkl"]}
    assert {tuple(c) for c in FILTER.cell(masked).tolist()} <= cells
    # the neighbour's mask of a cell that this wedge has not seen stays outside
    seen = {tuple(c) for c in FILTER.cell(refined(2, [1])).tolist()}
    assert (4, 0, 0) in {tuple(c) for c in oracle("grid")["refineGrid"]["wedges"][2]["ref_hkl"]}
    assert seen <= {tuple(c) for c in oracle("grid")["refineGrid"]["wedges"][2]["ref_hkl"]}
