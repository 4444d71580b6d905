from __future__ import annotations

import numpy as np
import pytest

from diffuse.setups import numbers, oracle
from ewaldite.kernels import walk
from ewaldite.kernels.voxel_table import build, new_slots, unpack
from ewaldite.model.experiment import FloatArray
from ewaldite.model.grid import Grid
from ewaldite.model.partition import Partition

ONE_PART = np.zeros((3, 1), np.int32)
ONE_SEGMENT = np.ones(3, np.int64)
ONE_MEMBER, ONE_VOXEL = np.zeros((1, 3, 1), np.int64), np.ones((1, 3), np.int64)


class Walk:
    """Tables of a walk, small enough that they must grow, with one segment a cell."""

    def __init__(self, frames: int, pixels: int, slots: int = 16, changes: int = 1) -> None:
        self.voxels = (
            *new_slots(slots), np.empty(1, np.int64), np.zeros((1, walk.COLUMNS + 1))
        )  # fmt: skip
        self.rows = 0
        self.start_row = np.full(pixels, -1, np.int32)
        self.changes = (
            np.empty((frames, changes), np.int32),
            np.empty((frames, changes), np.int32),
        )
        self.changed = np.zeros(frames, np.int64)

    def band(
        self,
        features: FloatArray,
        background: FloatArray,
        pixel: list[int],
        matrices: FloatArray,
        clock: FloatArray,
    ) -> None:
        self.voxels, self.rows, self.changes = walk.walk_band(
            features, background, np.array(pixel), matrices, clock, 1, ONE_PART, ONE_SEGMENT,
            ONE_MEMBER, ONE_VOXEL,
            self.voxels, self.rows, self.start_row, self.changes, self.changed,
        )  # fmt: skip

    @property
    def keys(self) -> np.ndarray:
        return self.voxels[2][: self.rows]

    @property
    def index(self) -> np.ndarray:
        return unpack(self.keys)

    @property
    def sums(self) -> FloatArray:
        return self.voxels[3][: self.rows]


def clock_of(exposure: FloatArray, scale: FloatArray, position: FloatArray) -> FloatArray:
    rows = np.cumsum([exposure, scale, position], axis=1)
    return np.concatenate([np.zeros((3, 1)), rows], axis=1)


def along_h(h: FloatArray) -> FloatArray:
    """Matrices that put a pixel with s = (1, 0, 0) at (h, 0, 0) in every frame."""
    matrices = np.zeros((9, len(h)))
    matrices[0] = h
    return matrices


def pixels_at(s: list[list[float]], correction: FloatArray) -> FloatArray:
    features = np.ones((len(s), walk.FEATURES))
    features[:, walk.SX : walk.SZ + 1] = s
    features[:, walk.CORRECTION] = correction
    return features


def test_oracle_means_weighted_with_the_multiplicity() -> None:
    given = oracle("export")["accumulateTable"]
    voxels, pixels = given["m_row_voxel_col_pixel_val_1based"]["size"]
    multiplicity = np.zeros((voxels, pixels), int)
    for row, column, value in given["m_row_voxel_col_pixel_val_1based"]["row_col_val_1based"]:
        multiplicity[row - 1, column - 1] = value
    image, background = numbers(given["im"]), numbers(given["bkg_summed"])
    table = Walk(7, pixels)
    for pixel in range(pixels):
        visits = np.repeat(np.arange(1, voxels + 1), multiplicity[:, pixel])
        if visits.size == 0:
            continue
        clock = clock_of(*np.ones((3, visits.size)))
        table.band(
            pixels_at([[1, 0, 0]], image[[pixel]]), background[[pixel]], [pixel],
            along_h(visits.astype(float)), clock,
        )  # fmt: skip
    order = np.argsort(table.index[:, 0])
    sums, n = table.sums[order], table.sums[order, walk.PIXELS]
    assert table.index[order, 0].tolist() == [1, 2, 3]
    np.testing.assert_array_equal(n, given["npx"][:3])
    expected = {
        walk.EXPOSURE: "mean",
        walk.BACKGROUND: "bkg",
    }
    for column, name in expected.items():
        np.testing.assert_allclose(sums[:, column] / n, given[name][:3], rtol=1e-12)
    error = np.sqrt(sums[:, walk.BACKGROUND_VARIANCE]) / n
    np.testing.assert_allclose(error, given["bkgErr"][:3], rtol=1e-12)


def test_a_pixel_that_comes_back() -> None:
    # voxels 0 0 1 0 2 2 0: three visits to voxel 0
    h = np.array([0.1, -0.2, 0.9, 0.3, 1.6, 2.4, 0.5])
    scale = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0])
    exposure, position = np.arange(1.0, 8.0), np.arange(20.0, 27.0)
    table = Walk(7, 5)
    table.band(
        pixels_at([[1, 0, 0]], np.array([0.5])), np.array([3.0]), [4], along_h(h),
        clock_of(exposure, scale, position),
    )  # fmt: skip
    assert table.index[:, 0].tolist() == [0, 1, 2]
    visits = [[0, 1, 3, 6], [2], [4, 5]]
    for row, frames in enumerate(visits):
        total = scale[frames].sum()
        expected = {
            walk.PIXELS: len(frames),
            walk.SX: len(frames),
            walk.SY: 0.0,
            walk.FRAME: position[frames].sum(),
            walk.EXPOSURE: 0.5 * exposure[frames].sum(),
            walk.BACKGROUND: 3.0 * total,
            walk.BACKGROUND_VARIANCE: 3.0 * total**2,
        }
        for column, value in expected.items():
            assert table.sums[row, column] == pytest.approx(value, rel=1e-14), column
    assert table.start_row.tolist() == [-1, -1, -1, -1, 0]
    assert table.changed.tolist() == [0, 0, 1, 1, 1, 0, 1]
    rows = [table.changes[1][f, 0] for f in (2, 3, 4, 6)]
    assert rows == [1, 0, 2, 0]


def test_parts_of_one_segment_are_one_stay() -> None:
    # four parts a cell in three segments: (-1/2, -1/4], (-1/4, 1/4], (1/4, 1/2]
    h = np.array([-0.2, 0.1, 0.2, 0.4, 0.1])
    segment = np.tile(np.array([0, 1, 1, 2], np.int32), (3, 1))
    start_row, changed = np.full(1, -1, np.int32), np.zeros(5, np.int64)
    voxels = (*new_slots(16), np.empty(1, np.int64), np.zeros((1, walk.COLUMNS + 1)))
    changes = (np.empty((5, 1), np.int32), np.empty((5, 1), np.int32))
    clock = clock_of(*np.ones((3, 5)))
    voxels, rows, changes = walk.walk_band(
        pixels_at([[1, 0, 0]], np.ones(1)), np.array([7.0]), np.array([0]), along_h(h), clock,
        4, segment, np.full(3, 3), segment[None].astype(np.int64), np.full((1, 3), 3), voxels,
        0, start_row, changes, changed,
    )  # fmt: skip
    assert rows == 2
    np.testing.assert_array_equal(unpack(voxels[2][:2])[:, 0], [1, 2])
    np.testing.assert_array_equal(voxels[3][:2, walk.PIXELS], [4, 1])
    np.testing.assert_allclose(voxels[3][:2, walk.BACKGROUND_VARIANCE], [16 * 7, 7])
    assert changed.tolist() == [0, 0, 0, 1, 1]


# Four parts and segments a cell: one each in the voxels of a grid, two in those of another
FOUR = np.tile(np.arange(4, dtype=np.int32), (3, 1))
MEMBER = np.stack([FOUR, FOUR // 2]).astype(np.int64)
PER_CELL = np.array([[4, 4, 4], [2, 2, 2]])
# parts -1, 0, 1, 0, 2, 3, 4 along h: the cell's border is passed at the second and last frame
PATH = np.array([-0.6, -0.4, -0.1, -0.4, 0.1, 0.4, 0.6])
SCALE = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0])


def walked() -> tuple[np.ndarray, FloatArray, tuple[np.ndarray, ...]]:
    """Index and sums of a pixel with 3 counts that takes the path; what retract wants."""
    voxels = (*new_slots(16), np.empty(1, np.int64), np.zeros((1, walk.COLUMNS + 2)))
    changes = (np.empty((7, 1), np.int32), np.empty((7, 1), np.int32))
    clock = clock_of(np.ones(7), SCALE, np.ones(7))
    geometry = (along_h(PATH), clock, 4, FOUR, np.full(3, 4), MEMBER, PER_CELL)
    features = pixels_at([[1, 0, 0]], np.ones(1))
    voxels, rows, _ = walk.walk_band(
        features, np.array([3.0]), np.array([0]), *geometry, voxels, 0, np.empty(1, np.int32),
        changes, np.zeros(7, np.int64),
    )  # fmt: skip
    keys, sums = voxels[2][:rows], voxels[3][:rows]
    return unpack(keys)[:, 0], sums, (features, geometry, keys)


def test_the_segments_of_a_voxel_have_one_variance() -> None:
    index, sums, _ = walked()
    assert index.tolist() == [-1, 0, 1, 2, 3, 4]
    own, pairs = sums[:, walk.BACKGROUND_VARIANCE], sums[:, walk.BACKGROUND_VARIANCE + 1]
    visits = [1.0, 2.0 + 8.0, 4.0, 16.0, 32.0, 64.0]
    np.testing.assert_array_equal(own, 3.0 * np.square(visits))
    # segments -1; 0 and 1; 2 and 3; 4 are one voxel each of the second grid
    together = np.add.reduceat(pairs, [0, 1, 3, 5])
    np.testing.assert_array_equal(together, 3.0 * np.square([1.0, 14.0, 48.0, 64.0]))
    # what two runs have in common is booked where the later one is
    np.testing.assert_array_equal(pairs[1:3], [3.0 * (4 + 64 + 2 * 8 * 6), 3.0 * (16 + 16)])


@pytest.mark.parametrize("gone", [[1], [2], [3], [1, 3], [2, 3], [4, 5, 6], list(range(7))])
def test_retraction_leaves_what_a_walk_without_the_frames_sums(gone: list[int]) -> None:
    index, sums, (features, geometry, keys) = walked()
    over = np.arange(len(gone)) % 2 == 1
    retracted = np.zeros((len(index), 2), np.int64)
    begin = np.array(gone)
    walk.retract(
        features, np.array([3.0]), np.array([0, len(gone)]), begin, begin + 1, over, *geometry,
        build(keys), sums, retracted,
    )  # fmt: skip
    segment = np.array([0, 1, 2, 1, 3, 4, 5])
    left = np.where(np.isin(range(7), gone), 0.0, SCALE)
    by_segment = np.bincount(segment, left)
    np.testing.assert_array_equal(sums[:, walk.BACKGROUND], 3.0 * by_segment)
    np.testing.assert_array_equal(sums[:, walk.BACKGROUND_VARIANCE], 3.0 * by_segment**2)
    pairs = sums[:, walk.BACKGROUND_VARIANCE + 1]
    voxel = np.array([0, 1, 1, 2, 2, 3])
    np.testing.assert_array_equal(
        np.bincount(voxel, pairs), 3.0 * np.bincount(voxel, by_segment) ** 2
    )
    # a segment that is left with nothing has no part in the variance of its voxel
    assert not pairs[by_segment == 0].any()
    assert not sums[by_segment == 0].any()
    np.testing.assert_array_equal(retracted[:, 0], np.bincount(segment[gone], minlength=6))
    np.testing.assert_array_equal(retracted[:, 1], np.bincount(segment[gone], over, 6))


def test_all_tables_grow() -> None:
    # every pixel is in a new voxel in every frame, at both signs and far out
    frames, pixels = 40, 30
    rng = np.random.default_rng(0)
    target = rng.permutation(frames * pixels).reshape(frames, pixels) * 53 - 30000
    table = Walk(frames, pixels)
    for pixel in range(pixels):
        table.band(
            pixels_at([[1, 0, 0]], np.ones(1)), np.empty(0), [pixel],
            along_h(target[:, pixel].astype(float)), clock_of(*np.ones((3, frames))),
        )  # fmt: skip
    assert table.rows == frames * pixels
    assert table.voxels[0].size >= 2 * table.rows
    np.testing.assert_array_equal(table.sums[:, walk.PIXELS], 1.0)
    np.testing.assert_array_equal(table.index[:, 0], target.T.reshape(-1))
    np.testing.assert_array_equal(table.index[:, 1:], 0)
    row = table.start_row.copy()
    for frame in range(frames):
        n = table.changed[frame]
        assert n == (0 if frame == 0 else pixels)
        row[table.changes[0][frame, :n]] = table.changes[1][frame, :n]
        np.testing.assert_array_equal(table.index[row, 0], target[frame])


def test_more_voxels_at_once_than_the_table_has_slots() -> None:
    table = Walk(300, 1)
    table.band(
        pixels_at([[1, 0, 0]], np.ones(1)), np.empty(0), [0], along_h(np.arange(300.0)),
        clock_of(*np.ones((3, 300))),
    )  # fmt: skip
    assert table.rows == 300
    np.testing.assert_array_equal(table.index[:, 0], np.arange(300))


def test_pixels_that_take_no_part() -> None:
    table = Walk(2, 3)
    table.band(
        pixels_at([[1, 0, 0], [2, 0, 0], [3, 0, 0]], np.ones(3)), np.empty(0), [0, -1, 2],
        along_h(np.ones(2)), clock_of(*np.ones((3, 2))),
    )  # fmt: skip
    assert table.index[:, 0].tolist() == [1, 3]
    assert table.start_row.tolist() == [0, -1, 1]


def test_axes_are_kept_apart() -> None:
    # M[xyz, hkl] in row 3 hkl + xyz: h = 2 sx, k = 3 sy, l = -5 sz
    matrices = np.zeros((9, 1))
    matrices[[0, 4, 8], 0] = [2.0, 3.0, -5.0]
    table = Walk(1, 1)
    table.band(
        pixels_at([[1.0, 2.0, 3.0]], np.ones(1)), np.empty(0), [0], matrices,
        clock_of(*np.ones((3, 1))),
    )  # fmt: skip
    assert table.index.tolist() == [[2, 6, -15]]


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
        unit = np.eye(3).reshape(9, 1)
        rows, found = 0, np.full(len(points), -1, np.int32)
        voxels = (*new_slots(16), np.empty(1, np.int64), np.zeros((1, walk.COLUMNS + 1)))
        changes = (np.empty((1, 1), np.int32), np.empty((1, 1), np.int32))
        voxels, rows, _ = walk.walk_band(
            pixels_at(points.tolist(), np.ones(len(points))), np.empty(0),
            np.arange(len(points)), unit, clock_of(*np.ones((3, 1))), partition.parts,
            partition.segment, partition.segments, partition.member, partition.per_cell, voxels,
            rows, found, changes, np.zeros(1, np.int64),
        )  # fmt: skip
        index = unpack(voxels[2][:rows])[found]
        np.testing.assert_array_equal(partition.voxel(grid, index), grid.index(points))
