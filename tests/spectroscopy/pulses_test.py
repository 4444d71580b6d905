from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ewaldite.model.time_log import TimeLog
from ewaldite.spectroscopy.event_mask import MaskBits
from ewaldite.spectroscopy.frames import PULSE_PERIOD
from ewaldite.spectroscopy.pulses import LEFT_OUT, NO_PROTONS, OUT_OF_PHASE, PulseRules

PULSES = np.arange(40) * PULSE_PERIOD
BITS = MaskBits(("other", NO_PROTONS, OUT_OF_PHASE, LEFT_OUT))


def flagged(rules: PulseRules, name: str, pulses: np.ndarray = PULSES) -> list[int]:
    return np.flatnonzero(BITS.of(rules.flags(pulses, BITS), name)).tolist()


@pytest.mark.parametrize("late", [-0.02, 0.0, 0.02])
def test_pulses_with_too_few_protons(late: float) -> None:
    charge = np.full(40, 10.0)
    charge[[3, 7, 8, 39]] = 0.0, 0.9, 1.1, -1.0
    rules = PulseRules(charge=TimeLog(PULSES + late, charge, 0.0))
    # a tenth of the median; an entry up to half a period off is that of the pulse
    assert flagged(rules, NO_PROTONS) == [3, 7, 39]
    assert rules.names == (NO_PROTONS,)
    strict = PulseRules(charge=TimeLog(PULSES, charge, 0.0), minimum_charge=0.2)
    assert flagged(strict, NO_PROTONS) == [3, 7, 8, 39]
    assert flagged(strict, OUT_OF_PHASE) == []


def test_the_first_entry_holds_before_it_and_the_last_one_after_it() -> None:
    charge = np.array([0.0, 10.0, 10.0, 10.0, 0.0])
    rules = PulseRules(charge=TimeLog(PULSES[10:15], charge, 0.0))
    assert flagged(rules, NO_PROTONS) == [*range(11), *range(14, 40)]


def test_without_protons_at_all_none_counts() -> None:
    rules = PulseRules(charge=TimeLog(PULSES[:3], np.zeros(3), 0.0))
    assert flagged(rules, NO_PROTONS) == list(range(40))


def test_choppers_out_of_phase() -> None:
    delay = np.full(40, 1e-3)
    delay[[5, 6]] += 2e-4, 0.5e-4
    speed = np.full(40, 14.0)
    speed[30] = 13.0
    logs = {"a delay": TimeLog(PULSES, delay, 0.0), "a speed": TimeLog(PULSES, speed, 0.0)}
    rules = PulseRules(choppers=logs, tolerances={"a delay": 1e-4, "a speed": 0.5})
    assert flagged(rules, OUT_OF_PHASE) == [5, 30]
    assert rules.names == (OUT_OF_PHASE,)


def test_times_that_are_left_out_hold_their_beginning() -> None:
    times = PULSES[[4, 7, 6, 10]].reshape(2, 2)  # they overlap
    rules = PulseRules(left_out=times)
    assert flagged(rules, LEFT_OUT) == [4, 5, 6, 7, 8, 9]
    grid = rules.flags(PULSES.reshape(4, 10), BITS)
    assert grid.shape == (4, 10)
    assert_array_equal(grid.ravel(), rules.flags(PULSES, BITS))


def test_nothing_asked_is_nothing_flagged() -> None:
    rules = PulseRules()
    assert rules.names == ()
    assert not rules.flags(PULSES, BITS).any()
