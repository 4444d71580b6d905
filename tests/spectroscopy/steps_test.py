from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.model.time_log import TimeLog
from ewaldite.spectroscopy.cut import Cut
from ewaldite.spectroscopy.cut_grid import cut_grid
from ewaldite.spectroscopy.steps import find_steps, finest_turn
from spectroscopy.toys import CUBIC

FIXED = TimeLog.constant(50.0)


def test_a_scan_in_steps() -> None:
    a3 = TimeLog(np.array([0.0, 70, 140]), np.array([0.0, 15, 30]))
    steps = find_steps(a3, FIXED, 0.0, 200.0, 1.0)
    assert steps.start.tolist() == [0, 70, 140]
    assert steps.end.tolist() == [70, 140, 200]
    assert steps.a3.tolist() == [0, 15, 30]
    assert steps.a4.tolist() == [50, 50, 50]
    assert not steps.moving
    assert steps.at(np.array([-1.0, 0, 69.9, 70, 199, 200])).tolist() == [-1, 0, 0, 1, 2, -1]


def test_a_log_that_repeats_itself_is_one_step() -> None:
    time = np.arange(0.0, 100)
    wobble = 30 + 2e-5 * np.sin(time)
    steps = find_steps(TimeLog(time, wobble), FIXED, 0.0, 100.0, 1.0)
    assert len(steps) == 1
    assert steps.a3[0] == pytest.approx(30, abs=1e-5)
    assert not steps.moving


@settings(deadline=None)
@given(st.floats(0.05, 3.0), st.floats(-2, 2).filter(lambda x: abs(x) > 0.01))
def test_continuous_rotation_is_sliced(turn: float, rate: float) -> None:
    time = np.arange(0.0, 61.0)
    log = TimeLog(time, 10 + rate * time)
    steps = find_steps(log, FIXED, 0.0, 60.0, turn)
    assert steps.moving
    np.testing.assert_allclose(steps.start[1:], steps.end[:-1])
    assert (steps.end - steps.start).sum() == pytest.approx(60)
    spans = np.abs(log.at(steps.end - 1e-9) - log.at(steps.start))
    assert spans.max() <= turn * (1 + 1e-6)
    np.testing.assert_allclose(steps.a3, log.at((steps.start + steps.end) / 2), atol=1e-6)


def test_times_of_a_moving_tank_are_in_no_step() -> None:
    a4 = TimeLog(np.array([0.0, 50, 51, 100]), np.array([10.0, 10, 20, 20]))
    steps = find_steps(TimeLog.constant(0.0), a4, 0.0, 120.0, 1.0)
    assert steps.a4.tolist() == [10, 20]
    assert steps.at(np.array([49.0, 50.5, 51.5])).tolist() == [0, -1, 1]


def test_nothing_is_left() -> None:
    a4 = TimeLog(np.array([0.0, 1]), np.array([10.0, 20]))
    with pytest.raises(UserError, match="the tank moves all the time"):
        find_steps(TimeLog.constant(0.0), a4, 0.0, 1.0, 1.0)
    fast = TimeLog(np.array([0.0, 1]), np.array([0.0, 1e6]))
    with pytest.raises(UserError, match="more than 100000"):
        find_steps(fast, FIXED, 0.0, 1.0, 0.1)


def test_the_finest_turn_moves_a_quarter_of_a_bin() -> None:
    cut = Cut(name="c", axes=["h", "energy_transfer"],
              bins={"h": (-2, 2, 0.1), "energy_transfer": (-1, 1, 0.01)},
              integrate={"l": (-1, 1)})  # fmt: skip
    turn = finest_turn(cut_grid(cut, CUBIC), 5.0)
    longest = 2 * np.sqrt(5.0 / 2.0721248)
    assert np.deg2rad(turn) * longest * 5 / (2 * np.pi) == pytest.approx(0.025, rel=1e-3)
    powder = Cut(name="p", axes=["Q"], bins={"Q": (0, 3, 0.1)})
    assert finest_turn(cut_grid(powder), 5.0) == pytest.approx(360)
