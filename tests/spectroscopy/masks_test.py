"""Masks by name, of pixels and of pulses."""

from __future__ import annotations

import numpy as np
import pytest

from ewaldite.errors import UserError
from ewaldite.model.time_log import TimeLog
from ewaldite.spectroscopy.design import design_triplets
from ewaldite.spectroscopy.event_mask import MaskBits, MaskCounts
from ewaldite.spectroscopy.frames import PULSE_PERIOD
from ewaldite.spectroscopy.instrument import Instrument
from ewaldite.spectroscopy.pixel_mask import PixelRules
from ewaldite.spectroscopy.pulses import PulseRules

INSTRUMENT = Instrument.from_triplets(design_triplets()[:2])
PULSES = PULSE_PERIOD * np.arange(8)


def test_each_name_is_a_bit() -> None:
    bits = MaskBits(("a", "b", "c"))
    flags = np.array([0, bits.bit("a"), bits.bit("b") | bits.bit("c")], dtype=np.uint32)
    np.testing.assert_array_equal(bits.of(flags, "a"), [False, True, False])
    np.testing.assert_array_equal(bits.of(flags, "c"), [False, False, True])
    assert bits.bit("unused") == 0
    with pytest.raises(UserError, match="'a' is used twice"):
        MaskBits(("a", "b", "a"))
    with pytest.raises(UserError, match="there are 33"):
        MaskBits(tuple(map(str, range(33))))
    assert MaskBits(tuple(map(str, range(32)))).bit("31") == 2**31


def test_masked_events_are_counted() -> None:
    counts = MaskCounts()
    counts.add({"a": np.array([True, True, False]), "b": np.array([True, False, False])}, 3)
    counts.add({"a": np.array([False]), "b": np.array([True])}, 1)
    assert (counts.total, counts.rejected, counts.counts) == (4, 3, {"a": 2, "b": 2})
    assert next(iter(counts.lines())) == "4 events, 1 without a mask"
    assert "  a: 2 (50.00 %)" in counts.lines()


def test_pixels() -> None:
    rules = PixelRules(tube_ends=5, dead=(17,), excluded=(901, 18))
    bits = MaskBits(rules.names)
    flags = rules.flags(INSTRUMENT, bits)
    ends = bits.of(flags, "tube_end")
    assert ends.sum() == 2 * 3 * 10
    assert set(INSTRUMENT.pixel[ends]) == {0, 1, 2, 3, 4, 95, 96, 97, 98, 99}
    number = INSTRUMENT.detector_number
    assert number[bits.of(flags, "dead_pixel")].tolist() == [17]
    assert sorted(number[bits.of(flags, "user_pixel")]) == [18, 901]
    assert PixelRules().names == ()
    assert not PixelRules().flags(INSTRUMENT, MaskBits(())).any()
    with pytest.raises(UserError, match="1 numbers are of no pixel, as 13499"):
        PixelRules(dead=(1, 13_499)).flags(INSTRUMENT, MaskBits(("dead_pixel",)))


def test_pulses_without_protons() -> None:
    value = np.array([10.0, 10.0, 0.0, 0.5, 10.0, 12.0, 10.0, 10.0])
    # The charge of a pulse is stamped a little after it
    rules = PulseRules(charge=TimeLog(PULSES + 1e-3, value, 0.0))
    bits = MaskBits(rules.names)
    found = bits.of(rules.flags(PULSES, bits), "no_protons")
    np.testing.assert_array_equal(found, [0, 0, 1, 1, 0, 0, 0, 0])
    early = PulseRules(charge=TimeLog(PULSES - 1e-3, value, 0.0), minimum_charge=0.0)
    found = bits.of(early.flags(PULSES, bits), "no_protons")
    np.testing.assert_array_equal(found, [0, 0, 1, 0, 0, 0, 0, 0])


def test_a_log_of_no_protons_at_all() -> None:
    rules = PulseRules(charge=TimeLog(PULSES, np.zeros(8), 0.0))
    bits = MaskBits(rules.names)
    assert np.all(bits.of(rules.flags(PULSES, bits), "no_protons"))


def test_choppers_out_of_phase_and_times_left_out() -> None:
    delay = np.full(8, 0.01)
    delay[3] += 60e-6
    speed = np.full(8, 14.0)
    speed[5] = 13.9
    rules = PulseRules(
        choppers={"delay": TimeLog(PULSES, delay, 0.0), "speed": TimeLog(PULSES, speed, 0.0)},
        tolerances={"delay": 50e-6, "speed": 0.05},
        left_out=np.array([[0.0, 0.1]]),
    )
    bits = MaskBits(rules.names)
    flags = rules.flags(PULSES, bits)
    np.testing.assert_array_equal(bits.of(flags, "chopper_phase"), [0, 0, 0, 1, 0, 1, 0, 0])
    np.testing.assert_array_equal(bits.of(flags, "time_left_out"), [1, 1, 0, 0, 0, 0, 0, 0])
    two = rules.flags(PULSES.reshape(2, 4), bits)
    np.testing.assert_array_equal(two.ravel(), flags)
