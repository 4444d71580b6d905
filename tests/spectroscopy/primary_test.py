"""The way in: time at a place to wavenumber and back, in all modes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from ewaldite.errors import UserError
from ewaldite.spectroscopy.frames import Frames
from ewaldite.spectroscopy.primary import Primary, common_opening, parked, spinning

LENGTH, SPEED, FRAMES = 161.9988, 629.6223, Frames(0.143)
TIME = np.linspace(0.15, 0.20, 51)
#: Wavelengths that grow with time, a little more than in proportion.
CURVE = np.stack([TIME, 3956.034 / LENGTH * (TIME - 1.9e-3) * (1 + 0.05 * (TIME - 0.15))])
MODES = {
    "parked": parked(LENGTH, 1.72e-3, FRAMES),
    "spinning": spinning(LENGTH, 6.349, 8.41e-3, FRAMES),
    "table": Primary(LENGTH, 0.0, 1.72e-3, FRAMES, CURVE),
}


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.sampled_from(sorted(MODES)), st.floats(0.151, 0.199), st.floats(8.0, LENGTH))
def test_there_and_back(mode: str, at_sample: float, distance: float) -> None:
    primary = MODES[mode]
    k = primary.wavenumber(LENGTH, at_sample)
    assert_allclose(primary.time(LENGTH, k), at_sample, rtol=1e-9)
    # the same neutron passed another place earlier, by its speed
    there = primary.time(distance, k)
    assert_allclose(there, at_sample - (LENGTH - distance) / (SPEED * k), rtol=1e-5)
    assert_allclose(primary.wavenumber(distance, there), k, rtol=1e-6)


def test_formulas_of_both_modes_of_the_choppers() -> None:
    t = np.array([0.15, 0.18])
    assert_allclose(
        MODES["parked"].wavenumber(LENGTH, t), LENGTH / (t - 1.72e-3) / SPEED, rtol=1e-6
    )
    assert_allclose(
        MODES["spinning"].wavenumber(LENGTH, t),
        (LENGTH - 6.349) / (t - 8.41e-3) / SPEED,
        rtol=1e-6,
    )


def test_a_table_says_nothing_beyond_its_ends_and_in_its_gaps() -> None:
    k = MODES["table"].wavenumber(LENGTH, [0.149, 0.15, 0.2, 0.201])
    assert np.isnan(k).tolist() == [True, False, False, True]
    assert_allclose(k[1], 2 * np.pi / CURVE[1, 0])
    beyond = MODES["table"].time(LENGTH, 2 * np.pi / (CURVE[1, [0, -1]] + [-0.01, 0.01]))
    assert np.isnan(beyond).all()
    holed = CURVE.copy()
    holed[1, 20:25] = np.nan
    primary = Primary(LENGTH, 0.0, 1.72e-3, FRAMES, holed)
    for n in (0, 19, 25, 50):
        k = 2 * np.pi / holed[1, n]
        assert_allclose(primary.time(LENGTH, k), TIME[n])
        assert_allclose(primary.wavenumber(LENGTH, TIME[n]), k)


@pytest.mark.parametrize("distance", [0.0, -1.0, LENGTH, 200.0])
def test_choppers_are_between_source_and_sample(distance: float) -> None:
    with pytest.raises(UserError, match="psc_distance"):
        spinning(LENGTH, distance, 8e-3, FRAMES)


def test_without_choppers_there_is_no_opening() -> None:
    with pytest.raises(UserError, match="two that turn are needed, and there are none"):
        common_opening(None, [])  # type: ignore[arg-type]
