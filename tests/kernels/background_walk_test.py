from __future__ import annotations

import numpy as np
import pytest

from diffuse.setups import numbers, oracle
from ewaldite.kernels import walk
from ewaldite.model.experiment import FloatArray
from kernels.walks import ONE, Walk, along_h, by_column, one_pixel, plane


def test_oracle_means_weighted_with_the_multiplicity() -> None:
    given = oracle("export")["accumulateTable"]
    voxels, pixels = given["m_row_voxel_col_pixel_val_1based"]["size"]
    multiplicity = np.zeros((voxels, pixels), int)
    for row, column, value in given["m_row_voxel_col_pixel_val_1based"]["row_col_val_1based"]:
        multiplicity[row - 1, column - 1] = value
    image, background = numbers(given["im"]), numbers(given["bkg_summed"])
    totals: dict[int, FloatArray] = {}
    for pixel in range(pixels):
        visits = np.repeat(np.arange(1, voxels + 1), multiplicity[:, pixel])
        if visits.size == 0:
            continue
        table, hkl = one_pixel(visits.size), along_h(visits.astype(float))
        panel = plane(float(image[pixel]))
        table.rows(ONE, panel, hkl)
        table.background(
            ONE, panel, hkl, background[[pixel]].reshape(1, 1), np.ones(visits.size)
        )
        for voxel, sums in zip(table.index[:, 0].tolist(), table.sums, strict=True):
            totals[voxel] = totals.get(voxel, 0.0) + sums
    assert sorted(totals) == [1, 2, 3]
    sums = np.array([totals[voxel] for voxel in (1, 2, 3)])
    n = sums[:, walk.PIXELS]
    np.testing.assert_array_equal(n, given["npx"][:3])
    for column, name in {walk.EXPOSURE: "mean", walk.BACKGROUND: "bkg"}.items():
        np.testing.assert_allclose(sums[:, column] / n, given[name][:3], rtol=1e-12)
    error = np.sqrt(sums[:, walk.BACKGROUND_VARIANCE]) / n
    np.testing.assert_allclose(error, given["bkgErr"][:3], rtol=1e-12)


def test_a_pixel_that_comes_back_has_one_background_count() -> None:
    h = np.array([0.1, -0.2, 0.9, 0.3, 1.6, 2.4, 0.5])
    scale = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0])
    table = one_pixel(7)
    table.rows(ONE, plane(), along_h(h))
    table.background(ONE, plane(), along_h(h), np.array([[3.0]]), scale)
    total = np.array([scale[[0, 1, 3, 6]].sum(), scale[2], scale[[4, 5]].sum()])
    np.testing.assert_array_equal(table.sums[:, walk.BACKGROUND], 3.0 * total)
    np.testing.assert_array_equal(table.sums[:, walk.BACKGROUND_VARIANCE], 3.0 * total**2)


def test_parts_of_one_segment_are_one_stay() -> None:
    # four parts a cell in three segments: (-1/2, -1/4], (-1/4, 1/4], (1/4, 1/2]
    h = along_h(np.array([-0.2, 0.1, 0.2, 0.4, 0.1]))
    segment = np.tile(np.array([0, 1, 1, 2], np.int32), (3, 1))
    table = one_pixel(
        5, parts=4, segment=segment, segments=np.full(3, 3),
        member=segment[None].astype(np.int64), per_cell=np.full((1, 3), 3),
    )  # fmt: skip
    table.rows(ONE, plane(), h)
    table.background(ONE, plane(), h, np.array([[7.0]]), np.ones(5))
    np.testing.assert_array_equal(table.index[:, 0], [1, 2])
    np.testing.assert_allclose(table.sums[:, walk.BACKGROUND_VARIANCE], [16 * 7, 7])


@pytest.mark.parametrize("masked", [False, True])
def test_pixels_of_a_row_have_their_own_counts(masked: bool) -> None:
    good = np.ones((4, 6), bool)
    good[2, 3] = not masked
    counts = np.arange(24.0).reshape(4, 6)
    table = Walk(1, good)
    piece = (0, 2, 4, 1, 2)
    table.rows(piece, plane(), by_column())
    table.background(piece, plane(), by_column(), counts, np.full(1, 0.5))
    expected = counts[1:3, 2:6][good[1:3, 2:6]]
    np.testing.assert_array_equal(table.sums[:, walk.BACKGROUND], 0.5 * expected)
    np.testing.assert_array_equal(table.sums[:, walk.BACKGROUND_VARIANCE], 0.25 * expected)
