from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ewaldite.kernels.cut_walk import bin_of, most_bins, spread

NUMBER = np.array([1, 5, 4])
STRIDE = np.array([0, 4, 1])
SIZE = 20


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
    for p in points:
        flat = bin_of(p, NUMBER, STRIDE)
        if flat >= 0:
            expected[flat] += 1 / n
    np.testing.assert_allclose(sums, expected, atol=2.5 / n)
    assert touched == set(np.flatnonzero(sums).tolist())


@settings(deadline=None)
@given(point, point)
def test_the_way_back_is_the_same(start: list[float], end: list[float]) -> None:
    np.testing.assert_allclose(walk(start, end)[0], walk(end, start)[0], atol=1e-12)


def test_a_coordinate_that_is_exactly_on_an_edge_is_where_an_event_would_be() -> None:
    sums, _ = walk([0.0, 2.0, 0.5], [0.0, 2.0, 1.5])
    assert np.flatnonzero(sums).tolist() == [8, 9]
    assert bin_of(np.array([0.0, 2.0, 0.5]), NUMBER, STRIDE) == 8
    assert bin_of(np.array([-0.0, 2.0, 1.5]), NUMBER, STRIDE) == 9
    # the upper end of a row is outside
    assert walk([1.0, 2.0, 0.5], [1.0, 2.0, 1.5])[1] == set()


def test_what_passes_along_outside_leaves_nothing() -> None:
    assert walk([0.5, -2.0, 1.0], [0.5, -0.1, 3.0])[1] == set()
    assert walk([0.5, -1e6, 1.0], [0.5, 1e6, 1.0])[1] == {1, 5, 9, 13, 17}


def test_a_line_through_everything_is_whole() -> None:
    sums, _ = walk([0.2, 0.1, 0.1], [0.8, 4.9, 3.9])
    assert abs(sums.sum() - 1) < 1e-12
