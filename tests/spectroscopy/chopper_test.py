"""When a disc is open, against the angle that it has turned."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from ewaldite.spectroscopy.chopper import Chopper, Pulse


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    st.sampled_from([14.0, -14.0, 56.0, -210.0]),
    st.floats(0.0, 0.08),
    st.floats(-180, 180),
    st.lists(st.tuples(st.floats(0, 350), st.floats(1, 60)), min_size=1, max_size=3),
)
def test_it_is_open_while_a_slit_is_at_the_beam(
    frequency: float, delay: float, beam: float, given_slits: list[tuple[float, float]]
) -> None:
    slits = np.array([(begin, begin + wide) for begin, wide in given_slits])
    disc = Chopper("disc", 6.0, frequency, delay, slits, beam)
    openings = disc.openings(0.2)
    assert np.all(np.diff(openings[:, 0]) >= 0)
    assert np.all(openings[:, 1] >= 0.0)
    assert np.all(openings[:, 0] <= 0.2)
    time = np.linspace(0.0, 0.2, 700)
    # anticlockwise by 360° f t: this part of the disc is at the beam
    at_beam = beam - 360.0 * frequency * (time - delay)
    away = (at_beam[:, None] - slits[:, 0]) % 360.0
    open_by_angle = np.any(away <= slits[:, 1] - slits[:, 0], axis=1)
    inside = (openings[:, 0] <= time[:, None]) & (time[:, None] <= openings[:, 1])
    open_by_time = np.any(inside, axis=1)
    edge = np.min(np.abs((at_beam[:, None] - slits.ravel() + 180.0) % 360.0 - 180.0), axis=1)
    assert_array_equal(open_by_time[edge > 1e-6], open_by_angle[edge > 1e-6])


def test_one_that_stands_is_always_open() -> None:
    assert Chopper("disc", 6.0, 0.0, 0.0, np.array([[0.0, 10.0]])).openings(1.0).tolist() == [
        [-np.inf, np.inf]
    ]


def test_one_without_slits_is_never_open() -> None:
    assert Chopper("disc", 6.0, 14.0, 0.0, np.zeros((0, 2))).openings(1.0).shape == (0, 2)


def test_the_mean_of_a_pulse_is_the_middle_of_its_trapezoid() -> None:
    pulse = Pulse(1e-4, 2e-4, 2.8e-3)
    # half of the maximum from start + rise on, for as long as the width says
    assert pulse.mean == pytest.approx(1e-4 + 2e-4 + 1.4e-3)
    time = np.linspace(-1e-3, 5e-3, 60_001)
    density = pulse.density(time)
    assert np.average(time, weights=density) == pytest.approx(pulse.mean, abs=1e-7)
    half = time[density >= 0.5]
    assert half[0] == pytest.approx(pulse.start + pulse.rise, abs=2e-7)
    assert np.ptp(half) == pytest.approx(pulse.width, abs=4e-7)
    outside = (time < pulse.start) | (time > pulse.end)
    assert not density[outside].any()
    assert density.max() == 1.0
