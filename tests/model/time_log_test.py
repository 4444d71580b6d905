from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.model.time_log import TimeLog


def log(time: list[float], value: list[float], gap: float = 2.0) -> TimeLog:
    return TimeLog(np.array(time), np.array(value), gap)


def test_holds_over_long_gaps_and_joins_short_ones() -> None:
    stepped = log([0.0, 70.0, 71.0, 140.0], [0.0, 0.0, 15.0, 30.0])
    np.testing.assert_allclose(
        stepped.at([-5.0, 0.0, 69.0, 70.5, 71.0, 139.9, 140.0, 1e6]),
        [0.0, 0.0, 0.0, 7.5, 15.0, 15.0, 30.0, 30.0],
    )


def test_gap_is_the_choice_of_the_user() -> None:
    assert log([0.0, 10.0], [0.0, 1.0], np.inf).at(5.0) == 0.5
    assert log([0.0, 1.0], [0.0, 1.0], 0.0).at(0.5) == 0.0


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=20), st.floats(0, 1))
def test_joined_entries_are_interpolated_as_numpy_does(
    values: list[float], part: float
) -> None:
    time = np.arange(len(values), dtype=float)
    when = part * (len(values) - 1)
    expected = np.interp(when, time, values)
    np.testing.assert_allclose(TimeLog(time, np.array(values)).at(when), expected, atol=1e-9)


def test_a_constant_is_the_same_at_all_times() -> None:
    np.testing.assert_array_equal(TimeLog.constant(50.0).at([-1.0, 0.0, 1e9]), 50.0)


def test_says_where_it_moves() -> None:
    moving = log([0.0, 1.0, 2.0, 60.0], [0.0, 0.0, 5.0, 5.0]).moving(0.1)
    np.testing.assert_array_equal(moving, [False, True, False, False])


@pytest.mark.parametrize(
    ("time", "value", "words"),
    [
        ([], [], "0 times"),
        ([0.0, 1.0], [1.0], "2 times and 1 values"),
        ([0.0, 2.0, 1.0], [0.0, 0.0, 0.0], "does not increase after entry 2 of 3"),
        ([0.0, 1.0, 1.0], [0.0, 0.0, 0.0], "does not increase"),
        ([0.0, 1.0], [0.0, np.nan], "not all of its entries are numbers"),
    ],
)
def test_refuses_nonsense(time: list[float], value: list[float], words: str) -> None:
    with pytest.raises(UserError, match=words):
        log(time, value)
