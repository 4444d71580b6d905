from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffuse.setups import numbers, oracle
from ewaldite.kernels import walk
from ewaldite.kernels.corrections import band_corrections, plane_of
from ewaldite.kernels.runs import END, NONE, STRIP
from ewaldite.kernels.voxel_table import unpack
from ewaldite.model.grid import Grid
from ewaldite.model.partition import Partition
from kernels.walks import FAR, ONE, Walk, along_h, by_column, one_pixel, plane


def test_a_pixel_that_comes_back() -> None:
    # voxels 0 0 1 0 2 2 0: three visits to voxel 0
    h = np.array([0.1, -0.2, 0.9, 0.3, 1.6, 2.4, 0.5])
    exposure, position = np.arange(1.0, 8.0), np.arange(20.0, 27.0)
    table = one_pixel(7)
    table.rows(ONE, plane(0.5, 3.0), along_h(h), np.stack([exposure, position]))
    assert table.index[:, 0].tolist() == [0, 1, 2]
    for row, frames in enumerate([[0, 1, 3, 6], [2], [4, 5]]):
        expected = {
            walk.PIXELS: len(frames),
            walk.SX: 0.0,
            walk.SY: 0.0,
            walk.SZ: len(frames),
            walk.SWEPT: 3.0 * len(frames),
            walk.FRAME: position[frames].sum(),
            walk.EXPOSURE: 0.5 * exposure[frames].sum(),
        }
        for column, value in expected.items():
            assert table.sums[row, column] == pytest.approx(value, rel=1e-14), column
    assert [table.rows_at(f)[0] for f in range(7)] == [0, 0, 1, 0, 2, 2, 0]


def test_parts_of_one_segment_are_one_row() -> None:
    # four parts a cell in three segments: (-1/2, -1/4], (-1/4, 1/4], (1/4, 1/2]
    h = np.array([-0.2, 0.1, 0.2, 0.4, 0.1])
    segment = np.tile(np.array([0, 1, 1, 2], np.int32), (3, 1))
    table = one_pixel(5, parts=4, segment=segment, segments=np.full(3, 3))
    table.rows(ONE, plane(), along_h(h))
    np.testing.assert_array_equal(table.index[:, 0], [1, 2])
    np.testing.assert_array_equal(table.sums[:, walk.PIXELS], [4, 1])


def test_all_tables_grow() -> None:
    # every pixel is in a new voxel in every frame, at both signs and far out
    frames, columns = 40, 30
    table = Walk(frames, np.ones((1, columns), bool))
    hkl = by_column(frames)
    hkl[0] = 53.0 * FAR
    hkl[2] = 53.0 * columns * np.arange(frames) - 30000.0
    table.rows((0, 1, columns, 0, 0), plane(), hkl)
    assert table.n == frames * columns
    assert table.voxels[0].size >= 2 * table.n
    np.testing.assert_array_equal(table.sums[:, walk.PIXELS], 1.0)
    target = 53 * (np.arange(frames)[:, None] * columns + np.arange(columns)) - 30000
    np.testing.assert_array_equal(np.sort(table.index[:, 0]), target.reshape(-1))
    for frame in range(frames):
        np.testing.assert_array_equal(table.index[table.rows_at(frame), 0], target[frame])


def test_pixels_that_take_no_part() -> None:
    good = np.ones((2, 5), bool)
    good[0, 1] = good[1, :2] = good[1, 4] = False
    table = Walk(1, good)
    table.rows((0, 2, 5, 0, 0), plane(), by_column())
    assert table.index[:, :2].tolist() == [[0, 0], [2, 0], [3, 0], [4, 0], [2, 1], [3, 1]]
    assert table.rows_at(0).tolist() == [0, -1, 1, 2, 3, -1, -1, 4, 5, -1]
    assert table.sums[:, walk.PIXELS].tolist() == [1.0] * 6
    n = table.used[0]
    assert table.runs[1][0, :n].tolist() == [0, NONE, 1, 2, 3, END, NONE, 4, 5, NONE, END]


def test_rows_without_a_pixel_are_passed_over() -> None:
    good = np.array([[False], [True], [False]])
    table = Walk(1, good)
    table.rows((0, 3, 1, 0, 0), plane(), by_column())
    assert table.used.tolist() == [2]
    assert table.rows_at(0).tolist() == [-1, 0, -1]


def test_a_panel_has_its_place_in_the_image() -> None:
    good = np.zeros((6, 9), bool)
    good[2:5, 3:7] = True
    table = Walk(1, good)
    # rows 1 and 2 of a panel of 3 x 4 pixels, the lower left one of which is (2, 3)
    table.rows((1, 3, 4, 2, 3), plane(), by_column())
    assert np.flatnonzero(table.rows_at(0).reshape(6, 9) >= 0).tolist() == [
        9 * y + x for y in (3, 4) for x in range(3, 7)
    ]
    n = table.sums[:, walk.PIXELS]
    # s is of the panel's pixel, the mean pixel that of the image
    np.testing.assert_array_equal(table.sums[:, walk.IX] / n, table.index[:, 0] + 3)
    np.testing.assert_array_equal(table.sums[:, walk.IY] / n, table.index[:, 1] + 2)


@pytest.mark.parametrize("columns", [STRIP, STRIP + 1, 2 * STRIP + 1])
def test_long_rows_are_cut_into_strips(columns: int) -> None:
    table = Walk(2, np.ones((1, columns), bool))
    hkl = by_column(2)
    hkl[0, 1] = FAR / 7
    table.rows((0, 1, columns, 0, 0), plane(), hkl)
    for frame, each in ((0, 1), (1, 7)):
        n = table.used[frame]
        ends = table.runs[0][frame, :n][table.runs[1][frame, :n] == END]
        assert len(ends) == -(-columns // STRIP)
        assert np.diff(np.r_[0, ends]).max() <= STRIP
        found = table.index[table.rows_at(frame), 0]
        np.testing.assert_array_equal(found, np.round(np.arange(columns) / each))
    total = table.sums.sum(axis=0)
    assert total[walk.PIXELS] == 2 * columns
    assert total[walk.IX] == columns * (columns - 1)


def test_axes_are_kept_apart() -> None:
    # M[xyz, hkl] in row 3 hkl + xyz; the pixel in column 1 and row 2 of the panel
    matrices = np.zeros((9, 1))
    matrices[0], matrices[4], matrices[8] = 2.0 * FAR, 3.0 * FAR, -5.0
    table = Walk(1, np.arange(6).reshape(3, 2) == 5)
    table.rows((0, 3, 2, 0, 0), plane(), matrices)
    assert table.index.tolist() == [[2, 6, -5]]


@pytest.mark.parametrize("case", oracle("grid")["sub3d"][:4], ids=lambda c: str(c["ndiv"]))
def test_kernel_and_grid_put_points_into_the_same_voxels(case: dict) -> None:
    points = np.array([numbers(p) for p in oracle("grid")["points_hkl"]])
    points = points[np.isfinite(points).all(axis=1)]
    exact = np.all(points * 1024 == np.round(points * 1024), axis=1)
    # borders that are no binary numbers may be rounded to either side
    points = np.concatenate([points[exact], points + 1e-9, points - 1e-9])
    assert len(points) == 6 + 20 + 20
    for mode in ("split", "node"):
        grid = Grid(tuple(case["ndiv"]), mode)
        partition = Partition.of(grid)
        table = one_pixel(
            len(points), parts=partition.parts, segment=partition.segment,
            segments=partition.segments,
        )  # fmt: skip
        hkl = np.zeros((9, len(points)))
        hkl[2::3] = points.T
        table.rows(ONE, plane(), hkl)
        row = np.array([table.rows_at(f)[0] for f in range(len(points))])
        index = unpack(table.keys)[row]
        np.testing.assert_array_equal(partition.voxel(grid, index), grid.index(points))


GRIDS = ((Grid((1, 1, 1)),), (Grid((3, 3, 3)), Grid((2, 2, 2))), (Grid((4, 1, 5), "split"),))


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    columns=st.integers(1, 40),
    frames=st.integers(1, 6),
    masked=st.sampled_from([0.0, 0.1, 0.9]),
    grids=st.sampled_from(GRIDS),
)
def test_runs_and_sums_are_those_of_the_pixels_one_by_one(
    seed: int, columns: int, frames: int, masked: float, grids: tuple[Grid, ...]
) -> None:
    """Every pixel lies where its own hkl says, to the bit, and is summed there."""
    rng = np.random.default_rng(seed)
    panel = plane_of(
        frame=np.vstack([[3.0, -2.0, 50.0], np.linalg.qr(rng.normal(size=(3, 3)))[0][:2]]),
        start=rng.normal(size=2) * 10.0,
        pitch=rng.uniform(0.1, 2.0, 2),
        s0=rng.normal(size=3),
        wavenumber=rng.uniform(0.5, 2.0),
        pupil=100.0,
        weighted=True,
        polarization=np.array([1.0, -0.9, -0.1]),
        projections=rng.normal(size=(3, 3)),
        step=50.0,
        table=np.tile([0.0, 0.0, 1e-3, 1.0], (40, 2)),
    )
    rows, partition = 4, Partition.of(*grids)
    good = rng.random((rows, columns)) >= masked
    hkl = 3.0 * rng.normal(size=(9, 1)) + 0.05 * rng.normal(size=(9, frames))
    clock = rng.uniform(0.1, 2.0, (2, frames))
    table = Walk(
        frames, good, partition.parts, partition.segment, partition.segments
    )  # fmt: skip
    table.rows((0, rows, columns, 0, 0), panel, hkl, clock)
    s = np.empty((rows * columns, 3))
    total, d3s = np.empty(len(s)), np.empty(len(s))
    band_corrections(0, rows, columns, panel, s, total, d3s)
    slow, fast = np.divmod(np.arange(len(s)), columns)
    features = np.column_stack([np.ones(len(s)), s, fast, slow, d3s])
    sums = np.zeros((table.n, walk.BACKGROUND))
    here = good.reshape(-1)
    scaled = partition.parts * hkl
    for f in range(frames):
        row = table.rows_at(f)
        np.testing.assert_array_equal(row >= 0, here)
        # in the order in which the kernel adds
        x, y, z = s.T
        h, k, l = (x * scaled[i, f] + y * scaled[i + 1, f] + z * scaled[i + 2, f]
                   for i in (0, 3, 6))  # fmt: skip
        part = np.ceil(np.stack([h, k, l], axis=1) + 0.5 * partition.parts).astype(int) - 1
        cell, place = np.divmod(part[here], partition.parts)
        segment = np.stack([partition.segment[i, place[:, i]] for i in range(3)], axis=1)
        np.testing.assert_array_equal(
            table.index[row[here]], cell * partition.segments + segment
        )
        np.add.at(sums[:, : walk.SUMMED], row[here], features[here])
        np.add.at(sums[:, walk.FRAME], row[here], clock[1, f])
        np.add.at(sums[:, walk.EXPOSURE], row[here], clock[0, f] * total[here])
    scale = np.abs(sums).max(axis=0) if table.n else 1.0
    assert np.all(np.abs(table.sums[:, : walk.BACKGROUND] - sums) <= 1e-11 * scale)
