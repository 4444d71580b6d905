"""Choppers and what they let through, for pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ewaldite.io.bifrost.components import RawChopper
from ewaldite.spectroscopy.chopper import Chopper
from ewaldite.spectroscopy.chopper_view import chopper_view, transmitted
from ewaldite.spectroscopy.frames import Frames
from ewaldite.spectroscopy.primary import parked, spinning
from spectroscopy.choppers import BAND, LENGTH, PULSE, shaping

H_OVER_M = 3956.0340
PARKED = parked(LENGTH, PULSE.mean, Frames(0.16))
SPINNING = spinning(LENGTH, 6.349, 8.41e-3, Frames(0.16))


def log(value: float) -> tuple[Any, Any]:
    return np.zeros(1, np.int64), np.array([value])


@pytest.mark.parametrize(
    ("speed", "delay", "slits", "state"),
    [
        (None, None, [(0, 10)], "unknown"),
        (log(0.0), None, [(0, 10)], "stands"),
        (log(14.0), None, [(0, 10)], "unknown"),
        (log(14.0), log(0.01), [], "unknown"),
        (log(14.0), log(0.01), [(0, 36)], "turns"),
    ],
)
def test_states_of_a_disc(speed: Any, delay: Any, slits: Any, state: str) -> None:
    edges = np.array(slits, dtype=np.float64).reshape(-1, 2)
    made = chopper_view(RawChopper("disc", 10.0, edges, 0.0, speed, delay, None), 0.1)
    assert made["state"] == state
    openings = made["openings"].values
    assert (len(openings) > 0) == (state == "turns")
    if state == "turns":
        # a tenth of a turn, before the top dead centre of an anticlockwise disc
        assert openings[0] == pytest.approx([0.01 - 0.1 / 14, 0.01])


def raw(chopper: Chopper) -> RawChopper:
    speed, delay = log(chopper.frequency), log(chopper.delay)
    return RawChopper(chopper.name, chopper.distance, chopper.slits, 0.0, speed, delay, None)


def spread(polygons: list[Any], distance: float) -> tuple[float, float]:
    """First and last time at a distance, s."""
    time = np.concatenate([p[:, 0] + p[:, 1] * distance / H_OVER_M for p in polygons])
    return float(time.min()), float(time.max())


def test_parked_all_of_the_pulse_comes_through() -> None:
    standing = RawChopper("pulse_shaping_chopper_1", 6.3, np.zeros((0, 2)), 0, None, None, None)
    (found,) = transmitted(PULSE, [standing], PARKED, (4.0, 5.5), parked=True)
    assert sorted(set(found[:, 1])) == [4.0, 5.5]
    assert (found[:, 0].min(), found[:, 0].max()) == (PULSE.start, PULSE.end)


def test_turning_discs_cut_pulse_and_band() -> None:
    discs = [raw(c) for c in [*shaping(8.41e-3, 1e-3), *BAND]]
    found = transmitted(PULSE, discs, SPINNING, (0.5, 12.0), parked=False)
    low, high = spread(found, 6.349)
    # the discs are 49 mm apart: 0.03 ms on either side of the middle
    assert 7.87e-3 <= low < high <= 8.95e-3
    wavelengths = np.concatenate([p[:, 1] for p in found])
    assert 3.5 < wavelengths.min() < 5.0 < wavelengths.max() < 6.5


def test_choppers_given_by_hand_are_a_point_to_pass() -> None:
    found = transmitted(PULSE, [], SPINNING, (4.0, 5.5), parked=False)
    low, high = spread(found, 6.349)
    assert (low, high) == pytest.approx((8.41e-3 - 20e-6, 8.41e-3 + 20e-6), abs=1e-9)


def test_nothing_comes_through_what_is_logged_wrongly() -> None:
    late = [raw(c) for c in shaping(60e-3, 1e-4)]
    assert transmitted(PULSE, late, SPINNING, (4.0, 5.5), parked=False) == []
