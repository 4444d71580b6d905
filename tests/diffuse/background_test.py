from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ewaldite.diffuse.background import (
    BackgroundSource,
    CountRule,
    matching_frames,
    sum_background,
)
from ewaldite.diffuse.dead_time import DeadTime

PHI = np.arange(0.5, 20.5)
WIDTH = np.ones(20)
NO_CEILING = np.iinfo(np.int64).max
ANY = CountRule((), 0, NO_CEILING)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (2.0, 5.0, (2, 3, 4)),
        (2.5, 5.0, (2, 3, 4)),
        (2.0, 5.25, (2, 3, 4, 5)),
        (0.0, 1.0, (0,)),
        (-3.0, 0.25, (0,)),
        (30.0, 34.0, (19,)),
        (-9.0, -6.0, (0,)),
        (362.0, 365.0, (2, 3, 4)),
        (-718.0, -715.0, (2, 3, 4)),
    ],
)
def test_frames_that_overlap_or_are_nearest(
    low: float, high: float, expected: tuple[int, ...]
) -> None:
    assert matching_frames(PHI, WIDTH, 20, low, high) == expected


def test_frames_turned_the_other_way_and_stills() -> None:
    assert matching_frames(PHI, -WIDTH, 20, 2.0, 5.0) == (2, 3, 4)
    assert matching_frames(PHI, np.zeros(20), 20, 2.0, 5.0) == (2, 3, 4)
    assert matching_frames(PHI, None, 20, 2.0, 5.0) == (2, 3, 4)
    # a still between two frames takes the two that are equally near
    assert matching_frames(np.array([0.0, 10.0, 20.0]), None, 3, 15.0, 15.0) == (1, 2)


def test_unknown_angles_take_all() -> None:
    assert matching_frames(None, None, 4, 2.0, 5.0) == (0, 1, 2, 3)


@settings(deadline=None)
@given(
    st.lists(st.integers(-720, 720), min_size=1, max_size=15), st.integers(-720, 720),
    st.integers(1, 60), st.integers(-3, 3), st.floats(0.125, 5.0),
)  # fmt: skip
def test_whole_turns_change_nothing_and_something_is_found(
    angles: list[int], low: int, length: int, turns: int, width: float
) -> None:
    phi, widths = np.array(angles, float), np.full(len(angles), width)
    found = matching_frames(phi, widths, len(angles), low, low + length)
    assert found
    turned = matching_frames(phi + 360.0 * turns, widths, len(angles), low, low + length)
    assert turned == found
    # a frame whose middle is in the range, on whatever turn, is always taken
    inside = [i for i, a in enumerate(angles) if 0 < (a - low) % 360 < length]
    assert set(inside) <= set(found)


def frames_of(seed: int = 1, dtype: type[np.integer[Any]] = np.int32) -> list[NDArray[Any]]:
    rng = np.random.default_rng(seed)
    return [rng.poisson(3.0, (4, 6)).astype(dtype) for _ in range(5)]


def test_images_and_exposures_are_summed() -> None:
    frames = frames_of()
    exposure = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    summed = sum_background(
        frames.__getitem__, (1, 3, 4), exposure, CountRule((), 0, NO_CEILING)
    )
    np.testing.assert_array_equal(summed.counts, frames[1] + frames[3] + frames[4])
    assert summed.good.all()
    assert summed.exposure == 26.0
    assert summed.frames == (1, 3, 4)


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.uint32])
def test_a_pixel_without_a_count_in_one_image_is_masked(
    dtype: type[np.integer[Any]],
) -> None:
    frames = frames_of(dtype=dtype)
    top = int(np.iinfo(dtype).max)
    frames[0][1, 2] = top
    frames[2][3, 4] = 500
    if np.issubdtype(dtype, np.signedinteger):
        frames[1][0, 0] = -1
    summed = sum_background(frames.__getitem__, range(5), np.ones(5), CountRule((top,), 0, 400))
    bad = np.zeros((4, 6), bool)
    bad[1, 2] = bad[3, 4] = True
    bad[0, 0] = np.issubdtype(dtype, np.signedinteger)
    np.testing.assert_array_equal(summed.good, ~bad)
    total = np.sum([f.astype(np.int64) for f in frames], axis=0)
    np.testing.assert_array_equal(summed.counts[~bad], total[~bad])
    assert summed.counts.max() < 400


def test_no_frames_are_no_background() -> None:
    with pytest.raises(ValueError, match="no background frame"):
        sum_background(frames_of().__getitem__, (), np.ones(5), CountRule((), 0, 9))


def test_wedges_that_share_their_frames_read_them_once() -> None:
    frames, read = frames_of(), []

    def reading(i: int) -> NDArray[Any]:
        read.append(i)
        return frames[i]

    phi = np.array([0.0, 10.0, 20.0, 30.0, 40.0])
    source = BackgroundSource(reading, phi, np.full(5, 10.0), np.full(5, 0.5), ANY)
    one = source.of_range(6.0, 9.0)
    same = source.of_range(7.0, 8.0)
    assert one is same
    assert read == [1]
    both = source.of_range(6.0, 16.0)
    assert both.frames == (1, 2)
    assert both.exposure == 1.0
    np.testing.assert_array_equal(both.counts, frames[1] + frames[2])
    everywhere = BackgroundSource(reading, None, None, np.full(5, 0.5), ANY)
    assert everywhere.of_range(100.0, 101.0).frames == (0, 1, 2, 3, 4)


def test_a_count_below_the_smallest_valid_one_is_none() -> None:
    frames = [np.full((2, 3), 4), np.array([[4, 1, 2], [0, 9, 4]])]
    summed = sum_background(frames.__getitem__, (0, 1), np.ones(2), CountRule((), 2, 9))
    assert summed.good.tolist() == [[True, False, True], [False, False, True]]
    assert summed.counts[summed.good].tolist() == [8, 6, 8]


def test_what_the_dead_time_took_is_given_back() -> None:
    dead = DeadTime("non_paralysable", 1e-3)
    image = np.array([[0, 1, 101, 500]])
    rule = CountRule((), 0, NO_CEILING, dead, np.array([9.0, 1.0]))
    summed = sum_background(lambda i: image, (1,), np.ones(2), rule)
    # 101 counts in a second beside 100 others: a tenth of the time is dead
    np.testing.assert_allclose(summed.counts[0, :3], [0, 1, 101 / 0.9], rtol=1e-14)
    assert summed.good.tolist() == [[True, True, True, True]]
    image[0, 3] = 501
    assert not sum_background(lambda i: image, (1,), np.ones(2), rule).good[0, 3]
