"""Events at times at the sample that no neutron has, one by one from the formulas."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ewaldite.kernels.forbidden import count_forbidden
from kernels.event_decode_test import CASES
from kernels.raw_events import SCALE, Raw

WINDOWS = np.array([[0.01, 0.013], [0.012, 0.02]])
PIECES = np.array([[0.143, 0.15], [0.16, 0.18], [0.19, 0.2143]])
PART = np.array([0, 1, 0])


def steps_of(raw: Raw) -> tuple[np.ndarray, np.ndarray]:
    """Steps with gaps between them, which end before the run."""
    start = np.linspace(100.2, 100.0 + raw.pulse_time[-1] - 100.0, 6)[:5]
    return start, start + 0.7 * np.diff(start)[0]


@pytest.mark.parametrize("raw", [CASES[0], CASES[2]])
def test_events_without_another_mask_are_counted_by_pixel_and_part(raw: Raw) -> None:
    start, end = steps_of(raw)
    counts = np.full((5, 2), 4)
    count_forbidden(
        raw.number, raw.offset, SCALE, raw.index, raw.pulse_time, raw.pulse_bits,
        raw.first_frame, raw.rows, raw.final_time, raw.pixel_bits, raw.a4[0], raw.moving,
        raw.clock, WINDOWS, PIECES, PART, start, end, counts,
    )  # fmt: skip
    expected = np.zeros((5, 2), int)
    left_out = 0
    for one in raw.all:
        if one["flags"]:
            left_out += 1
            continue
        part = [c for (a, b), c in zip(PIECES, PART, strict=True) if a <= one["t"] < b]
        hidden = any(a <= one["arrival"] < b for a, b in WINDOWS)
        inside = np.any((start <= one["when"]) & (one["when"] < end))
        if part and not hidden and inside:
            expected[one["row"], part[0]] += 1
    assert_array_equal(counts - 4, expected)
    assert expected.sum() > 20
    assert left_out > 20
    assert np.all(expected[raw.pixel_bits > 0] == 0)
