"""Conversion of events, one by one from the formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ewaldite.kernels import events as kernel
from kernels.event_decode_test import CASES, decoded
from kernels.raw_events import (
    AMBIGUOUS,
    CONSTANTS,
    FORBIDDEN,
    MOVING,
    NO_SPEED,
    SCALE,
    UNKNOWN,
    WINDOWS,
    Raw,
)

HKL = np.array([[0.8, 0.1, 0.0], [0.0, 0.9, -0.2], [0.05, 0.0, 1.1]])
BITS = np.array([AMBIGUOUS, FORBIDDEN, MOVING, UNKNOWN, NO_SPEED], np.uint32)
IN_FRAME = np.array([[0.01, 0.02], [0.015, 0.03]])
TWO_FRAMES = np.array([[0.15, 0.16], [0.2, 0.205]])
NO_FRAME = np.array([[0.143, 0.144]])


def converted(raw: Raw, columns: int = kernel.FULL, *, masks: bool = True) -> tuple[Any, ...]:
    n = raw.number.size
    out = np.full((columns, n), -99.0)
    row, flags = np.full(n, -9, np.int32), np.zeros(n, np.uint32)
    none = np.zeros((0, 2))
    windows = IN_FRAME if masks else none
    unknown = kernel.convert_events(
        raw.number, raw.offset, SCALE, raw.index, raw.pulse_time, raw.pulse_bits,
        raw.first_frame, out, row, flags, raw.rows, raw.pixel, raw.pixel_bits, raw.a3, raw.a4,
        raw.moving, raw.clock, raw.curve, CONSTANTS, HKL, windows,
        np.array(WINDOWS if masks else [], np.uint32), TWO_FRAMES if masks else none,
        NO_FRAME if masks else none, BITS,
    )  # fmt: skip
    return unknown, out, row, flags


def inside(value: float, bounds: Any) -> bool:
    return bool(np.any((bounds[:, 0] <= value) & (value < bounds[:, 1])))


def turn(angle: float) -> Any:
    """Rotation about y, the vertical."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


@pytest.mark.parametrize("raw", CASES)
def test_every_column_of_every_event(raw: Raw) -> None:
    unknown, out, row, flags = converted(raw)
    expected = raw.all
    assert_array_equal(row, [one["row"] for one in expected])
    assert unknown == sum(one["row"] < 0 for one in expected) > 0
    for e, one in enumerate(expected):
        if one["row"] < 0:
            assert np.isnan(out[:, e]).all()
            assert flags[e] == UNKNOWN
            continue
        flag = one["flags"]
        flag |= AMBIGUOUS * inside(one["t"], TWO_FRAMES)
        flag |= FORBIDDEN * inside(one["t"], NO_FRAME)
        for bounds, bit in zip(IN_FRAME, WINDOWS, strict=True):
            flag |= bit * inside(one["arrival"], bounds[None])
        assert flags[e] == flag
        k_i = one["k_i"] if flag & NO_SPEED == 0 else np.nan
        assert_allclose(out[:5, e], [one["t"], k_i, one["when"], one["a3"], one["a4"]])
        if np.isnan(k_i):  # energy, and all of Q that is not across the beam
            assert np.isnan(out[[5, 9, 10, 12, 13, 14, 15], e]).all()
            continue
        k_f = turn(one["a4"]) @ raw.pixel[row[e], 1:4]
        q = k_i * np.array([0, 0, 1.0]) - k_f
        table = turn(-one["a3"]) @ q
        transfer = CONSTANTS[1] * k_i**2 - raw.pixel[row[e], 4]
        want = [transfer, raw.pixel[row[e], 5] + one["a4"], *q, *table, *(HKL @ table)]
        # angles that moved less than 0.02 are turned by their series, to 1e-13
        assert_allclose(out[5:, e], want, rtol=1e-9, atol=1e-11)


def test_fewer_columns_are_the_same_ones() -> None:
    _, full, row, flags = converted(CASES[0])
    _, lean, same_row, same_flags = converted(CASES[0], kernel.LEAN)
    assert_array_equal(lean, full[: kernel.LEAN])
    assert_array_equal(same_row, row)
    assert_array_equal(same_flags, flags)


@pytest.mark.parametrize("raw", CASES)
def test_both_ways_through_events_agree_to_the_bit(raw: Raw) -> None:
    _, out, row, flags = converted(raw, kernel.LEAN, masks=False)
    kept, (rows, k_i, when), _ = decoded(raw)
    good = flags == 0
    assert_array_equal(rows[:kept], row[good])
    assert_array_equal(k_i[:kept], out[1, good])
    assert_array_equal(when[:kept], out[2, good])


def test_a_file_may_have_no_event() -> None:
    unknown, out, row, flags = converted(Raw(each=0))
    assert unknown == 0
    assert out.size == row.size == flags.size == 0
