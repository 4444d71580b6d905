from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ewaldite.kernels.cut_walk import (
    BLOCK,
    WORK,
    most_bins,
    room_for_lines,
    share_cells,
    spread,
)

NUMBER = np.array([1, 5, 4])
STRIDE = np.array([0, 4, 1])
SIZE = 20


def bins_of(u: NDArray[np.float64]) -> NDArray[np.int64]:
    i = np.floor(u).astype(np.int64)
    return np.where(np.all((i >= 0) & (i < NUMBER), axis=-1), i @ STRIDE, -1)


def walk(start: list[float], end: list[float]) -> tuple[NDArray[np.float64], set[int]]:
    where, share = np.empty(most_bins(NUMBER), np.int64), np.empty(most_bins(NUMBER))
    found = spread(
        np.array(start), np.array(end), NUMBER, STRIDE, np.empty(3, np.int64), where, share
    )
    sums = np.zeros(SIZE)
    np.add.at(sums, where[:found], share[:found])
    return sums, set(where[:found].tolist())


coordinate = st.floats(-3, 8, allow_nan=False)
point = st.tuples(st.floats(-1, 2), coordinate, coordinate).map(list)


@settings(deadline=None)
@given(point, point)
def test_a_line_is_shared_out_as_its_points_are(start: list[float], end: list[float]) -> None:
    sums, touched = walk(start, end)
    n = 4000
    t = (np.arange(n) + 0.5) / n
    points = np.array(start) + t[:, None] * (np.array(end) - np.array(start))
    expected = np.zeros(SIZE)
    flat = bins_of(points)
    np.add.at(expected, flat[flat >= 0], 1 / n)
    np.testing.assert_allclose(sums, expected, atol=2.5 / n)
    assert touched == set(np.flatnonzero(sums).tolist())


@settings(deadline=None)
@given(point, point)
def test_the_way_back_is_the_same(start: list[float], end: list[float]) -> None:
    np.testing.assert_allclose(walk(start, end)[0], walk(end, start)[0], atol=1e-12)


def test_a_coordinate_that_is_exactly_on_an_edge_is_where_an_event_would_be() -> None:
    sums, _ = walk([0.0, 2.0, 0.5], [0.0, 2.0, 1.5])
    assert np.flatnonzero(sums).tolist() == [8, 9]
    assert bins_of(np.array([0.0, 2.0, 0.5])) == 8
    assert bins_of(np.array([-0.0, 2.0, 1.5])) == 9
    # the upper end of a row is outside
    assert walk([1.0, 2.0, 0.5], [1.0, 2.0, 1.5])[1] == set()


def test_what_passes_along_outside_leaves_nothing() -> None:
    assert walk([0.5, -2.0, 1.0], [0.5, -0.1, 3.0])[1] == set()
    assert walk([0.5, -1e6, 1.0], [0.5, 1e6, 1.0])[1] == {1, 5, 9, 13, 17}


def test_a_line_through_everything_is_whole() -> None:
    sums, _ = walk([0.2, 0.1, 0.1], [0.8, 4.9, 3.9])
    assert abs(sums.sum() - 1) < 1e-12


near = st.tuples(st.floats(-0.5, 1.5), st.floats(-1.5, 6), st.floats(-1.5, 5))
step = st.tuples(*[st.one_of(st.just(0.0), st.floats(-1, 1))] * 3)
whole = st.tuples(*[st.integers(-2, 6).map(float)] * 3)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.one_of(near, whole), st.one_of(step, whole)), max_size=40),
    st.integers(0, 30),
)
def test_many_lines_are_shared_out_as_one_by_one(
    lines: list[tuple[tuple[float, ...], tuple[float, ...]]], spare: int
) -> None:
    n, most = len(lines), most_bins(NUMBER)
    start = np.array([s for s, _ in lines]).reshape(n, 3)
    end = start + np.array([d for _, d in lines]).reshape(n, 3)
    ends = np.ascontiguousarray(start.T), np.ascontiguousarray(end.T)
    size = most + 1 + spare
    where, share, cell = np.empty(size, np.int64), np.empty(size), np.empty(size, np.int64)
    made, done = np.zeros((n, SIZE)), 0
    while done < n:
        found, done = share_cells(
            *ends, done, n, NUMBER, STRIDE, np.empty((WORK, n)), where, share, cell
        )
        assert np.all(share[:found] > 0)
        np.add.at(made, (cell[:found], where[:found]), share[:found])
    for i in range(n):
        expected, _ = walk(start[i].tolist(), end[i].tolist())
        np.testing.assert_array_equal(made[i], expected)


@pytest.mark.parametrize("spare", [0, 1, 7, 1000])
def test_lines_that_find_no_room_are_left_for_the_next_turn(spare: int) -> None:
    n = 50
    start = np.stack([np.full(n, 0.5), np.linspace(0.1, 2.0, n), np.full(n, 0.3)])
    end = start + np.array([[0.0], [2.7], [3.1]])
    size = most_bins(NUMBER) + 1 + spare
    where, share, cell = np.empty(size, np.int64), np.empty(size), np.empty(size, np.int64)
    done, turns, sums = 0, 0, np.zeros((n, SIZE))
    while done < n:
        begin = done
        found, done = share_cells(
            start, end, done, n, NUMBER, STRIDE, np.empty((WORK, n)), where, share, cell
        )
        assert done > begin
        assert np.all((cell[:found] >= begin) & (cell[:found] < done))
        np.add.at(sums, (cell[:found], where[:found]), share[:found])
        turns += 1
    assert (turns > 1) == (spare < 1000)
    np.testing.assert_allclose(sums.sum(axis=1), 1.0)
    for i in (0, 17, 49):
        np.testing.assert_array_equal(
            sums[i], walk(start[:, i].tolist(), end[:, i].tolist())[0]
        )


def test_rows_may_have_one_bin_and_there_may_be_one_row() -> None:
    where, share = np.empty(9, np.int64), np.empty(9)
    one = np.array([1]), np.array([1])
    work = np.empty(1, np.int64), where, share
    assert spread(np.array([-1.0]), np.array([3.0]), *one, *work) == 1
    assert share[0] == 0.25
    assert spread(np.array([0.5]), np.array([0.5]), *one, *work) == 1
    assert share[0] == 1.0
    assert spread(np.array([1.0]), np.array([1.0]), *one, *work) == 0


def test_room_is_enough_for_a_block() -> None:
    start, end, work, where, share, cell = room_for_lines(NUMBER)
    assert start.shape == (3, BLOCK + 1)
    assert end.shape == (3, BLOCK)
    assert work.shape == (WORK, BLOCK)
    assert where.size == share.size == cell.size > most_bins(NUMBER)
