from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from diffuse.setups import oracle
from ewaldite.kernels.runs import END, STRIP, Runs
from ewaldite.kernels.tally import (
    BELOW,
    BELOW_MARK,
    NO_COUNT,
    OVER,
    tally_counts,
    tally_histogram,
    tally_lost,
)
from ewaldite.model.grid import Grid

NO_CEILING = np.iinfo(np.int64).max
TYPES = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64]
ROW = np.array([0, 0, 1, -1, 1, 2, 2, -1], np.int32)


def runs_of(row: NDArray[np.int32]) -> Runs:
    """Runs of one strip of pixels."""
    begin = np.flatnonzero(np.r_[True, np.diff(row) != 0])
    return np.r_[begin, row.size].astype(np.int32), np.r_[row[begin], END].astype(np.int32)


def unpacked(rejected: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """Pixel, kind and frame of runs of one frame."""
    assert np.array_equal(rejected >> 16 & 0xFFFF, rejected & 0xFFFF)
    return [(r >> 34, r >> 32 & 3, r & 0xFFFF) for r in rejected.tolist()]


def by_histogram(
    image: NDArray[Any],
    row: NDArray[np.int32],
    bins: int,
    ceiling: int = NO_CEILING,
    marker: int = NO_CEILING,
    floor: int = 0,
) -> tuple[NDArray[np.uint32], NDArray[np.int64], list[tuple[int, int, int]]]:
    rows = int(row.max()) + 1
    histogram, overflow = np.zeros((rows, bins), np.uint32), np.zeros((rows, 2), np.int64)
    rejected, n = tally_histogram(
        image, runs_of(row), 7, (floor, ceiling, max(marker, ceiling)), histogram, overflow,
        np.empty(0, np.int64), np.zeros(row.size, np.int32), 0,
    )  # fmt: skip
    return histogram, overflow, unpacked(rejected[:n])


def by_counts(
    image: NDArray[Any],
    row: NDArray[np.int32],
    bins: int,
    to_filter: list[int],
    ceiling: int = NO_CEILING,
    marker: int = NO_CEILING,
    floor: int = 0,
) -> tuple[
    NDArray[np.int64], NDArray[np.uint32], NDArray[np.int64], list[tuple[int, int, int]]
]:
    rows = max(to_filter) + 1
    counts = np.zeros(len(to_filter), np.int64)
    histogram, overflow = np.zeros((rows, bins), np.uint32), np.zeros((rows, 2), np.int64)
    rejected, n = tally_counts(
        image, runs_of(row), 7, (floor, ceiling, max(marker, ceiling)), counts,
        np.array(to_filter, np.int32), histogram, overflow, np.empty(0, np.int64),
        np.zeros(row.size, np.int32), 0,
    )  # fmt: skip
    return counts, histogram, overflow, unpacked(rejected[:n])


@pytest.mark.parametrize("dtype", TYPES)
def test_every_integer_type(dtype: type[np.integer[Any]]) -> None:
    top = int(np.iinfo(dtype).max)
    image = np.array([3, 0, 2, 9, top, 3, 100, top], dtype)
    histogram, overflow, rejected = by_histogram(image, ROW, 5, ceiling=top)
    assert histogram.tolist() == [[1, 0, 0, 1, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 0]]
    assert overflow.tolist() == [[0, 0], [0, 0], [1, 100]]
    # the largest int64 is a marker; what no int64 holds is taken for a negative number
    assert rejected == [(4, int(dtype not in (np.uint64, np.int64)), 7)]
    counts, coarse, more, again = by_counts(image, ROW, 5, [0, 0, 1], ceiling=top)
    assert counts.tolist() == [3, 2, 103]
    assert coarse.tolist() == [[1, 0, 1, 1, 0], [0, 0, 0, 1, 0]]
    assert more.tolist() == [[0, 0], [1, 100]]
    assert again == rejected


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64])
def test_negative_values_are_no_counts(dtype: type[np.integer[Any]]) -> None:
    low = int(np.iinfo(dtype).min)
    image = np.array([-1, 1, -2, -9, 1, low, 0, 1], dtype)
    histogram, overflow, rejected = by_histogram(image, ROW, 2)
    assert histogram.tolist() == [[0, 1], [0, 1], [1, 0]]
    assert not overflow.any()
    assert rejected == [(0, 0, 7), (2, 0, 7), (5, 0, 7)]
    counts, _, _, again = by_counts(image, ROW, 2, [0, 1, 2])
    assert counts.tolist() == [1, 1, 0]
    assert again == rejected


def test_the_largest_unsigned_values_without_a_ceiling() -> None:
    image = np.full(8, 2**64 - 1, np.uint64)
    # beyond what an int64 holds there is no count, and none that would be too high
    expected = [(p, 0, 7) for p in np.flatnonzero(ROW >= 0)]
    assert by_histogram(image, ROW, 4)[2] == expected
    assert by_counts(image, ROW, 4, [0, 1, 2])[3] == expected
    image = np.full(8, 2**32 - 1, np.uint32)
    assert by_histogram(image, ROW, 4)[1].tolist() == [[2, 2 * (2**32 - 1)]] * 3


def test_a_marker_is_no_overload() -> None:
    image = np.array([1, 60, 90, 91, 3, 2, 7, 0][: ROW.size], np.uint16)
    row = np.zeros(image.size, np.int32)
    _, _, rejected = by_histogram(image, row, 5, ceiling=50, marker=90)
    _, _, _, again = by_counts(image, row, 5, [0], ceiling=50, marker=90)
    assert rejected == again
    assert [(p, over) for p, over, _ in rejected] == [(1, 1), (2, 0), (3, 0)]


@pytest.mark.parametrize("ceiling", [0, 1, 3, 4, 5, 9])
def test_a_ceiling_inside_the_histogram(ceiling: int) -> None:
    image = np.array([3, 4, 0, 0, 5, -1, 8, 0], np.int32)
    histogram, overflow, rejected = by_histogram(image, ROW, 5, ceiling=ceiling)
    counts, again, more, pairs = by_counts(image, ROW, 5, [0, 1, 2], ceiling=ceiling)
    valid = (ROW >= 0) & (image >= 0) & (image < ceiling)
    assert histogram.sum() == (valid & (image < 5)).sum()
    noted = np.flatnonzero((ROW >= 0) & ~valid)
    assert rejected == [(p, int(image[p] >= ceiling), 7) for p in noted]
    assert counts.tolist() == np.bincount(ROW[valid], image[valid], minlength=3).tolist()
    np.testing.assert_array_equal(again, histogram)
    np.testing.assert_array_equal(more, overflow)
    assert pairs == rejected


def test_without_bins_only_counts_are_summed() -> None:
    image = np.array([3, 0, 2, 9, 40, 3, 100, 1], np.int32)
    counts, histogram, overflow, _ = by_counts(image, ROW, 0, [0, 1, 2])
    assert counts.tolist() == [3, 42, 103]
    assert histogram.shape == (3, 0)
    assert not overflow.any()


def test_notes_grow_and_say_pixel_and_frame() -> None:
    pixels = STRIP
    image, row = np.full(pixels, -1, np.int32), np.zeros(pixels, np.int32)
    _, _, rejected = by_histogram(image, row, 3)
    assert rejected == [(p, 0, 7) for p in range(pixels)]
    _, _, _, rejected = by_counts(image[:100], row[:100], 3, [0])
    assert rejected == [(p, 0, 7) for p in range(100)]
    _, _, rejected = by_histogram(image - image + 9, row, 3, ceiling=9)
    assert rejected == [(p, 1, 7) for p in range(pixels)]


LIMITS = (0, NO_CEILING, NO_CEILING)


def noted(frames: list[list[int]], limits: tuple[int, int, int]) -> list[tuple[int, ...]]:
    """Runs of pixels in one voxel: pixel, kind, first and last frame; both ways alike."""
    row = np.zeros(len(frames[0]), np.int32)
    out = []
    for by_counts_too in (False, True):
        latest, rejected, n = np.zeros(row.size, np.int32), np.empty(0, np.int64), 0
        histogram, overflow = np.zeros((1, 5), np.uint32), np.zeros((1, 2), np.int64)
        for number, frame in enumerate(frames):
            image = np.array(frame, np.int32)
            if by_counts_too:
                rejected, n = tally_counts(
                    image, runs_of(row), number, limits, np.zeros(1, np.int64),
                    np.zeros(1, np.int32), histogram, overflow, rejected, latest, n,
                )  # fmt: skip
            else:
                rejected, n = tally_histogram(
                    image,
                    runs_of(row),
                    number,
                    limits,
                    histogram,
                    overflow,
                    rejected,
                    latest,
                    n,
                )
        runs = rejected[:n].tolist()
        out.append([(r >> 34, r >> 32 & 3, r >> 16 & 0xFFFF, r & 0xFFFF) for r in runs])
    assert out[0] == out[1]
    return sorted(out[0])


def test_frames_that_follow_one_another_are_one_note() -> None:
    frames = [[-1, 0, 2], [-1, 9, 2], [-3, 9, 1], [4, 0, 1], [-1, 9, 1]]
    assert noted(frames, (0, 9, NO_CEILING)) == [
        (0, NO_COUNT, 0, 2),
        (0, NO_COUNT, 4, 4),
        (1, OVER, 1, 2),
        (1, OVER, 4, 4),
    ]
    # Another reason is another note
    assert noted([[1], [-1], [9], [9]], (2, 9, 99)) == [
        (0, NO_COUNT, 1, 1),
        (0, OVER, 2, 3),
        (0, BELOW, 0, 0),
    ]


@pytest.mark.parametrize("floor", [0, 1, 3, 5, 7])
@pytest.mark.parametrize("ceiling", [5, 8, NO_CEILING])
def test_a_floor_beside_a_ceiling(floor: int, ceiling: int) -> None:
    image = np.array([3, 4, 0, 0, 5, -1, 8, 0], np.int32)
    histogram, overflow, rejected = by_histogram(image, ROW, 5, ceiling, floor=floor)
    counts, again, more, pairs = by_counts(image, ROW, 5, [0, 1, 2], ceiling, floor=floor)
    valid = (ROW >= 0) & (image >= floor) & (image < ceiling)
    assert histogram.sum() == (valid & (image < 5)).sum()
    assert overflow[:, 0].sum() == (valid & (image >= 5)).sum()
    kinds = np.where(image >= ceiling, OVER, np.where(image < 0, NO_COUNT, BELOW))
    expected = [(p, kinds[p], 7) for p in np.flatnonzero((ROW >= 0) & ~valid)]
    assert rejected == pairs == expected
    assert counts.tolist() == np.bincount(ROW[valid], image[valid], minlength=3).tolist()
    np.testing.assert_array_equal(again, histogram)
    np.testing.assert_array_equal(more, overflow)


def test_strips_in_any_order_and_pixels_in_none() -> None:
    """Two panels side by side: strips of 3 and 4 pixels, the right ones first."""
    image = np.arange(16, dtype=np.int32)
    runs = (
        np.array([3, 5, 7, 10, 12, 14, 0, 3, 8, 9, 11], np.int32),
        np.array([0, 1, END, 1, -1, END, 0, END, -1, 2, END], np.int32),
    )
    row = np.array([0, 0, 0, 0, 0, 1, 1, -1, -1, 2, 2, 1, -1, -1, -1, -1])
    row[10:12] = [2, 1]
    counts = np.zeros(3, np.int64)
    histogram, overflow = np.zeros((3, 16), np.uint32), np.zeros((3, 2), np.int64)
    state = (np.empty(0, np.int64), np.zeros(16, np.int32), 0)
    tally_counts(
        image, runs, 0, LIMITS, counts, np.arange(3, dtype=np.int32), histogram, overflow,
        *state,
    )  # fmt: skip
    again = np.zeros_like(histogram)
    tally_histogram(image, runs, 0, LIMITS, again, overflow, *state)
    lost = np.zeros((3, 2))
    tally_lost(image, runs, 0, 16, np.stack([np.arange(16.0), np.zeros(16)], axis=1), lost)
    assert counts.tolist() == [3 + 3 + 4, 5 + 6 + 10 + 11, 9 + 10]
    np.testing.assert_array_equal(again, histogram)
    np.testing.assert_array_equal(histogram @ np.arange(16), counts)
    # a single photon loses none
    np.testing.assert_array_equal(lost[:, 0], counts - [1, 0, 0])


def test_what_is_called_below_the_floor_is_so_without_one() -> None:
    image = np.array([BELOW_MARK, 0], np.int64)
    _, _, rejected = by_histogram(image, np.zeros(2, np.int32), 3)
    assert rejected == [(0, BELOW, 7)]


def test_notes_hold_the_last_frame_and_pixel() -> None:
    pixel = (1 << 28) - 1
    latest, row = np.zeros(3, np.int32), np.zeros(3, np.int32)
    earlier = pixel << 34 | 3 << 32 | 65535 << 16 | 65535
    rejected, n = tally_histogram(
        np.array([0, -1, 9], np.int32), runs_of(row), 65535, (0, 9, NO_CEILING),
        np.zeros((1, 1), np.uint32), np.zeros((1, 2), np.int64), np.array([earlier]), latest, 1,
    )  # fmt: skip
    assert earlier > 0
    assert rejected[0] == earlier
    assert unpacked(rejected[:n]) == [
        (pixel, 3, 65535), (1, NO_COUNT, 65535), (2, OVER, 65535)
    ]  # fmt: skip
    assert latest.tolist() == [0, 2, 3]


def test_losses_are_looked_up_for_counts_that_are_valid() -> None:
    image = np.array([3, 1, 5, 4, -1, 2, 9, 4], np.int32)
    table = np.stack([np.arange(6) * 10.0, np.arange(6) * 100.0], axis=1)
    lost = np.ones((3, 2))
    tally_lost(image, runs_of(ROW), 0, 5, table, lost)
    # One photon loses none, 5 is no count any more, and pixels 3 and 7 take no part
    assert lost.tolist() == [[31.0, 301.0], [1.0, 1.0], [21.0, 201.0]]
    lost[:] = 0.0
    tally_lost(image, runs_of(ROW), 3, 6, table, lost)
    assert lost[:, 0].tolist() == [30.0, 50.0, 0.0]


def test_oracle_histogram() -> None:
    given = oracle("grid")["countHistogram"]
    grid = Grid(tuple(given["ndiv"]), "split")
    cells, bins = np.array(given["ref_hkl"]), given["maxCount"] + 1
    rows, columns = given["hist_size"]
    assert (rows, columns) == (len(cells) * 8, bins)
    # row + rows * (fraction - 1) with the fraction along h fastest
    part = np.stack(np.unravel_index(np.arange(8), (2, 2, 2), order="F"), axis=1)
    voxels = (2 * cells[None, :, :] + part[:, None, :]).reshape(-1, 3)
    hkl = np.stack([np.array(given[x], float) for x in "hkl"], axis=-1).reshape(-1, 3)
    same = np.all(grid.index(hkl)[:, None] == voxels[None], axis=-1)
    row = np.where(same.any(axis=1), same.argmax(axis=1), -1).astype(np.int32)
    image = np.array(given["image"], np.int32).reshape(-1)
    expected = np.zeros((rows, bins), np.uint32)
    for i, j, value in given["hist_row_col_val_1based"]:
        expected[i - 1, j - 1] = value
    histogram, overflow = np.zeros((rows, bins), np.uint32), np.zeros((rows, 2), np.int64)
    tally_histogram(
        image, runs_of(row), 0, LIMITS, histogram, overflow, np.empty(0, np.int64),
        np.zeros(row.size, np.int32), 0,
    )  # fmt: skip
    np.testing.assert_array_equal(histogram, expected)
    at, value = given["overflow_row_val"]
    assert np.flatnonzero(overflow[:, 1]).tolist() == [at - 1]
    assert overflow[at - 1, 1] == value
