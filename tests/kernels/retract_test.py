from __future__ import annotations

import numpy as np
import pytest

from ewaldite.kernels import walk
from ewaldite.kernels.retract import retract
from ewaldite.kernels.voxel_table import build
from ewaldite.model.experiment import FloatArray
from kernels.walks import ONE, along_h, one_pixel, plane

# Four parts and segments a cell: one each in the voxels of a grid, two in those of another
FOUR = np.tile(np.arange(4, dtype=np.int32), (3, 1))
MEMBER = np.stack([FOUR, FOUR // 2]).astype(np.int64)
PER_CELL = np.array([[4, 4, 4], [2, 2, 2]])
# parts -1, 0, 1, 0, 2, 3, 4 along h: the cell's border is passed at the second and last frame
PATH = np.array([-0.6, -0.4, -0.1, -0.4, 0.1, 0.4, 0.6])
SCALE = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0])


def walked() -> tuple[np.ndarray, FloatArray, tuple[np.ndarray, ...]]:
    """Index and sums of a pixel with 3 counts that takes the path; what retract wants."""
    table = one_pixel(
        7, parts=4, segment=FOUR, segments=np.full(3, 4), member=MEMBER, per_cell=PER_CELL
    )
    hkl = along_h(PATH)
    table.rows(ONE, plane(), hkl)
    table.background(ONE, plane(), hkl, np.array([[3.0]]), SCALE)
    features = np.array([[1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]])
    clock = np.cumsum([np.ones(7), SCALE, np.ones(7)], axis=1)
    clock = np.concatenate([np.zeros((3, 1)), clock], axis=1)
    geometry = (4 * hkl, clock, 4, FOUR, np.full(3, 4), MEMBER, PER_CELL)
    return table.index[:, 0], table.sums, (features, geometry, table.keys)


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
    retract(
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
