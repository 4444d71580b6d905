from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.model.grid import Grid
from ewaldite.model.partition import Partition

divisions = st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 6))
grids = st.builds(Grid, divisions, st.sampled_from(["node", "split"]))
several = st.lists(grids, min_size=1, max_size=3)


def segments_of_cells(partition: Partition, low: int, high: int) -> np.ndarray:
    ranges = [range(low * n, high * n) for n in partition.segments]
    return np.array(list(product(*ranges)))


def lines(partition: Partition, low: int, high: int) -> np.ndarray:
    """Segments along one axis at a time."""
    out = []
    for axis in range(3):
        n = int(partition.segments[axis])
        index = np.zeros(((high - low) * n, 3), int)
        index[:, axis] = np.arange(low * n, high * n)
        out.append(index)
    return np.concatenate(out)


@settings(deadline=None, max_examples=50)
@given(several)
def test_volumes_of_segments_sum_to_those_of_cells_and_voxels(given_grids: list[Grid]) -> None:
    partition = Partition.of(*given_grids)
    cell = segments_of_cells(partition, 0, 1)
    np.testing.assert_allclose(partition.volume(cell).sum(), 1.0, rtol=1e-12)
    for grid in given_grids:
        voxel = np.array([[0, 0, 0], [1, -1, 2], [-7, 5, 3]])
        segment, row = partition.of_voxels(grid, voxel)
        volume = np.bincount(row, partition.volume(segment), minlength=3)
        np.testing.assert_allclose(volume, 1.0 / grid.voxels_per_cell, rtol=1e-12)


@settings(deadline=None, max_examples=50)
@given(several)
def test_of_voxels_inverts_voxel(given_grids: list[Grid]) -> None:
    partition = Partition.of(*given_grids)
    segments = lines(partition, -2, 2)
    for grid in given_grids:
        voxel = partition.voxel(grid, segments)
        distinct = np.unique(voxel, axis=0)
        back, row = partition.of_voxels(grid, distinct)
        np.testing.assert_array_equal(partition.voxel(grid, back), distinct[row])
        assert len(np.unique(back, axis=0)) == len(back)
        assert {tuple(s) for s in segments} <= {tuple(s) for s in back}


@settings(deadline=None)
@given(several, st.tuples(*[st.floats(-20.0, 20.0)] * 3))
def test_a_point_is_in_one_segment_of_all_its_voxels(
    given_grids: list[Grid], point: tuple[float, float, float]
) -> None:
    partition = Partition.of(*given_grids)
    # away from all borders, which lie at multiples of 1/(2 parts)
    fine = 4 * partition.parts
    hkl = (np.floor(np.array(point) * fine) + 0.5) / fine
    cell = np.ceil(hkl - 0.5).astype(int)
    places = np.array(list(product(*[range(n) for n in partition.segments])))
    common = {tuple(i) for i in (cell * partition.segments + places).tolist()}
    for grid in given_grids:
        index, _ = partition.of_voxels(grid, grid.index(hkl)[None])
        common &= {tuple(i) for i in index.tolist()}
    assert len(common) == 1


@settings(deadline=None)
@given(several)
def test_segments_are_cut_where_a_grid_has_a_border_and_nowhere_else(
    given_grids: list[Grid],
) -> None:
    partition = Partition.of(*given_grids)
    for axis in range(3):
        # the border between two cells cuts too, so that one cell tells it all
        x = (np.arange(2 * partition.parts) + 0.5) / (2 * partition.parts) - 0.5
        voxels = [grid.index(np.repeat(x[:, None], 3, 1))[:, axis] for grid in given_grids]
        borders = np.any(np.diff(np.stack(voxels), axis=1) != 0, axis=0)
        assert borders.sum() + 1 == partition.segments[axis]
        segment = np.repeat(partition.segment[axis], 2)
        np.testing.assert_array_equal(np.diff(segment) != 0, borders)


@pytest.mark.parametrize(
    ("n", "mode", "trivial"),
    [
        ((1, 1, 1), "node", True),
        ((3, 5, 1), "node", True),
        ((2, 2, 2), "split", True),
        ((2, 2, 2), "node", False),
        ((3, 4, 3), "node", False),
    ],
)
def test_trivial_partitions_number_segments_as_the_grid_does(
    n: tuple[int, int, int], mode: str, trivial: bool
) -> None:
    grid = Grid(n, mode)
    partition = Partition.of(grid)
    assert partition.is_trivial_for(grid) is trivial
    index = segments_of_cells(partition, -1, 2)
    voxel = partition.voxel(grid, index)
    assert (len(np.unique(voxel, axis=0)) == len(index)) is trivial
    assert not Partition.of(grid, Grid((7, 7, 7))).is_trivial_for(grid)


def test_a_node_grid_of_even_n_shares_voxels_between_cells() -> None:
    grid = Grid((2, 2, 2))
    partition = Partition.of(grid)
    assert partition.segments.tolist() == [3, 3, 3]
    assert partition.parts == 4
    # the voxel around 1/2 is half in this cell, half in the next one
    index, _ = partition.of_voxels(grid, np.array([[1, 0, 0]]))
    index = index[np.argsort(index[:, 0])]
    assert index.tolist() == [[2, 1, 1], [3, 1, 1]]
    assert partition.volume(index).tolist() == [1 / 16, 1 / 16]
    cell, place = partition.split(index)
    assert cell.tolist() == [[0, 0, 0], [1, 0, 0]]
    assert place.tolist() == [[2, 1, 1], [0, 1, 1]]


@settings(deadline=None, max_examples=50)
@given(several, st.tuples(*[st.floats(-20.0, 20.0)] * 3))
def test_members_say_the_voxels_of_every_part(
    given_grids: list[Grid], point: tuple[float, float, float]
) -> None:
    partition = Partition.of(*given_grids)
    member, per_cell = partition.member, partition.per_cell
    assert member.shape == (len(given_grids), 3, partition.parts)
    assert member.dtype == per_cell.dtype == np.int64
    # the middle of a part is off all borders
    part = np.floor((np.array(point) + 0.5) * partition.parts).astype(int)
    hkl = (part + 0.5) / partition.parts - 0.5
    cell, place = np.divmod(part, partition.parts)
    for which, grid in enumerate(given_grids):
        voxel = cell * per_cell[which] + member[which, range(3), place]
        np.testing.assert_array_equal(voxel, grid.index(hkl))
        np.testing.assert_array_equal(per_cell[which], grid.n)


@settings(deadline=None, max_examples=50)
@given(several)
def test_members_are_the_same_in_all_parts_of_a_segment(given_grids: list[Grid]) -> None:
    partition = Partition.of(*given_grids)
    for axis in range(3):
        place = np.zeros((partition.parts, 3), int)
        place[:, axis] = partition.segment[axis]
        for which, grid in enumerate(given_grids):
            voxel = partition.voxel(grid, place)[:, axis]
            np.testing.assert_array_equal(partition.member[which, axis], voxel)


def test_members_of_a_node_grid() -> None:
    # eighths of a cell from -1/2; the borders of 2 voxels are at ±1/4, those of 4 at ±1/8, ±3/8
    partition = Partition.of(Grid((4, 4, 4)), Grid((2, 2, 2)))
    assert partition.parts == 8
    fourths, halves = partition.member[:, 0].tolist()
    assert halves == [-1, -1, 0, 0, 0, 0, 1, 1]
    assert fourths == [-2, -1, -1, 0, 0, 1, 1, 2]
    assert partition.per_cell.tolist() == [[4, 4, 4], [2, 2, 2]]


def test_no_voxels() -> None:
    grid = Grid((3, 3, 3))
    index, row = Partition.of(grid).of_voxels(grid, np.empty((0, 3), np.int64))
    assert index.shape == (0, 3)
    assert row.size == 0
