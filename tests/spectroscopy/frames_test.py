from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ewaldite.spectroscopy.frames import PULSE_PERIOD, Frames, frames_of, unwrapped

T = 1.0


def inside(time: float, spans: np.ndarray) -> bool:
    return any(low <= time < high for low, high in spans)


def test_a_band_narrower_than_a_period_is_clear() -> None:
    frames = frames_of([(2.3, 3.1)], period=T)
    assert frames.earliest == 2.3
    assert not frames.ambiguous.size
    np.testing.assert_allclose(frames.forbidden, [[3.1, 3.3]])


def test_a_band_wider_than_a_period_is_ambiguous_where_both_frames_are_allowed() -> None:
    frames = frames_of([(2.3, 3.5)], period=T)
    np.testing.assert_allclose(frames.ambiguous, [[2.3, 2.5]])
    assert not frames.forbidden.size


def test_the_frame_holds_most_of_what_is_allowed() -> None:
    # A leak of slow neutrons far behind the band
    frames = frames_of([(2.3, 3.0), (4.95, 5.05)], period=T)
    assert frames.earliest == 2.3
    np.testing.assert_allclose(frames.ambiguous, [[2.95, 3.05]])
    np.testing.assert_allclose(frames.forbidden, [[3.05, 3.3]])


spans = st.lists(
    st.tuples(st.floats(0, 5), st.floats(0.01, 1.5)).map(lambda s: (s[0], s[0] + s[1])),
    min_size=1,
    max_size=4,
)


@given(spans, st.floats(0, 1))
def test_every_time_is_clear_ambiguous_or_forbidden(
    allowed: list[tuple[float, float]], part: float
) -> None:
    frames = frames_of(allowed, period=T)
    time = frames.earliest + part * T * 0.999999
    edges = np.array(allowed).ravel() - time
    if np.min(np.abs(edges - np.rint(edges))) < 1e-6:
        return
    could = [n for n in range(-8, 9) if any(a <= time + n * T <= b for a, b in allowed)]
    assert inside(time, frames.forbidden) == (could == [])
    assert inside(time, frames.ambiguous) == (could not in ([], [0]))


@given(st.floats(-1, 1), st.floats(0, 0.3), st.integers(-3, 3))
def test_unwrapping_takes_whole_periods(time: float, earliest: float, n: int) -> None:
    frames = Frames(earliest)
    one, other = unwrapped(np.array([time, time + n * PULSE_PERIOD]), frames)
    assert earliest - 1e-12 <= one < earliest + PULSE_PERIOD + 1e-12
    turns = (one - time) / PULSE_PERIOD
    assert abs(turns - round(turns)) < 1e-9
    distance = abs(one - other) / PULSE_PERIOD
    assert min(distance, abs(1 - distance)) < 1e-9


def test_a_given_beginning_is_kept() -> None:
    frames = frames_of([(2.3, 3.1)], period=T, earliest=2.2)
    assert frames.earliest == 2.2
    np.testing.assert_allclose(frames.forbidden, [[2.2, 2.3], [3.1, 3.2]])
    assert pytest.approx(1 / 14) == PULSE_PERIOD
