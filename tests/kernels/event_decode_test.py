"""Raw events to what a cut needs of them, one by one from the formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from ewaldite.kernels import event_decode as kernel
from kernels.raw_events import CLOCK, CONSTANTS, MOVING, NO_SPEED, SCALE, UNKNOWN, Raw

BITS = np.array([MOVING, UNKNOWN, NO_SPEED], np.uint32)


def decoded(raw: Raw, first: int = 0, last: int | None = None) -> tuple[int, Any, Any]:
    last = raw.pulses if last is None else last
    n = raw.number.size
    row, k_i, when = np.full(n, -9, np.int32), np.full(n, -9.0), np.full(n, -9.0)
    masked = np.zeros(kernel.COUNTERS, np.int64)
    kept = kernel.decode_events(
        raw.number, raw.offset, SCALE, raw.index[first : last + 1], raw.pulse_time[first:last],
        raw.pulse_bits[first:last], raw.first_frame, raw.rows, raw.final_time, raw.pixel_bits,
        raw.a4[0], raw.moving, raw.clock, raw.curve, CONSTANTS, BITS, row, k_i, when, masked,
    )  # fmt: skip
    return kept, (row, k_i, when), masked


CASES = [
    Raw(),
    Raw(tabulated=True, seed=1),
    Raw(clock=np.array([*CLOCK[:4], 0.0]), seed=2),
    Raw(clock=np.array([0.143, CLOCK[1], 162.0, 0.18, 1.0]), seed=3),  # some are too early
]


@pytest.mark.parametrize("raw", CASES)
def test_events_without_a_mask_are_kept_in_order(raw: Raw) -> None:
    kept, (row, k_i, when), masked = decoded(raw)
    good = [one for one in raw.all if one["masks"] == 0]
    assert kept == len(good) > 50
    assert_array_equal(row[:kept], [one["row"] for one in good])
    assert_allclose(k_i[:kept], [one["k_i"] for one in good], rtol=1e-11)
    assert_allclose(when[:kept], [one["when"] for one in good], rtol=1e-14)
    assert masked[kernel.REJECTED] == raw.number.size - kept
    for bit in range(32):
        assert masked[bit] == sum(one["masks"] >> bit & 1 for one in raw.all)
    assert np.count_nonzero(masked) >= 5


def test_pulses_may_be_taken_some_at_a_time() -> None:
    raw = CASES[0]
    kept, whole, masked = decoded(raw)
    done, sums = 0, np.zeros_like(masked)
    for first, last in ((0, 7), (7, 7), (7, 8), (8, 40)):
        more, part, counted = decoded(raw, first, last)
        for a, b in zip(part, whole, strict=True):
            assert_array_equal(a[:more], b[done : done + more])
        done += more
        sums += counted
    assert done == kept
    assert_array_equal(sums, masked)


times = st.floats(-0.5, 0.5)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(times, st.floats(-0.3, 0.3), st.floats(0.01, 0.2))
def test_a_time_is_brought_into_the_frame(folded: float, t_min: float, period: float) -> None:
    t, n = kernel.unwrap(folded, t_min, period, 1.0 / period)
    assert t_min - 1e-15 <= t <= t_min + period + 1e-15
    assert_allclose(t - folded, n * period, atol=1e-12)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.integers(-3, 12), st.integers(1, 40))
def test_the_lower_end_of_a_frame_belongs_to_it(n: int, parts: int) -> None:
    # 1 ns above and below a multiple of the period away
    period = 1.0 / 14.0 / parts
    t, added = kernel.unwrap(0.143 + n * period + 1e-9, 0.143, period, 1.0 / period)
    assert_allclose(t, 0.143 + 1e-9, atol=1e-14)
    assert added == -n
    t, added = kernel.unwrap(0.143 + n * period - 1e-9, 0.143, period, 1.0 / period)
    assert_allclose(t, 0.143 + period - 1e-9, atol=1e-14)
    assert added == 1 - n


def test_wavelengths_between_entries() -> None:
    time = np.linspace(0.15, 0.2, 6)
    curve = np.array([time, [1.0, 2.0, 4.0, 3.0, 8.0, 9.0]])
    ask = np.concatenate([np.random.default_rng(0).uniform(0.15, 0.2, 50), time[:5]])
    found = [kernel.wavelength_at(t, curve) for t in ask]
    assert_allclose(found, np.interp(ask, *curve), rtol=1e-9)
    assert np.isnan(kernel.wavelength_at(0.1499, curve))
    assert np.isnan(kernel.wavelength_at(0.2001, curve))
    assert np.isnan(kernel.wavelength_at(np.nan, curve))


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    st.lists(st.floats(0, 10), min_size=1, max_size=8).map(sorted),
    st.floats(-1, 11),
    st.integers(0, 7),
)
def test_an_entry_is_found_from_anywhere(log: list[float], time: float, begin: int) -> None:
    entries = np.array(log)
    found = kernel.entry_of(time, entries, min(begin, entries.size - 1))
    assert found == max(int(np.searchsorted(entries, time, side="right")) - 1, 0)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 6), st.integers(0, 30))
def test_steps_in_which_events_scattered(seed: int, steps: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    bounds = np.sort(rng.uniform(0, 10, 2 * steps))
    start, end = bounds[::2], bounds[1::2].copy()
    when = np.concatenate([np.sort(rng.uniform(-1, 11, n)), start, end, start[::-1]])
    step = np.full(when.size, 55, np.int32)
    kernel.find_steps(when, np.ascontiguousarray(start), end, 3, step)
    for time, found in zip(when, step, strict=True):
        inside = np.flatnonzero((start <= time) & (time < end))
        assert found == (3 + inside[0] if inside.size else -1)


def test_angles_of_events() -> None:
    raw = CASES[0]
    when = np.concatenate([np.linspace(99.0, 104.0, 77), [100.5, 100.4, 103.0, 100.6]])
    angle = np.empty(when.size)
    kernel.find_angles(when, raw.a3, angle)
    j = np.maximum(np.searchsorted(raw.a3[0], when, side="right") - 1, 0)
    since = np.maximum(when - raw.a3[0, j], 0.0)  # before the first entry nothing has turned
    assert_allclose(angle, raw.a3[1, j] + raw.a3[2, j] * since, rtol=1e-13)
