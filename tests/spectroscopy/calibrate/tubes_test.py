from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.spectroscopy.calibrate.tubes import TubeFit, fit_tube
from ewaldite.spectroscopy.calibration import TubeCalibration

LENGTH = 0.25
PLACE = LENGTH * ((np.arange(100) + 0.5) / 100 - 0.5)
MASK = [(-0.9, -0.5), (-0.3, 0.25), (0.6, 0.85)]


def tube(
    gain: float, offset: float, lit: list[tuple[float, float]], level: float, seed: int
) -> np.ndarray:
    """Counts of a tube whose true places are drawn one by one."""
    rng = np.random.default_rng(seed)
    true = rng.uniform(-0.2, 0.2, rng.poisson(level * 100 / LENGTH * 0.4))
    # The lamp gets weaker towards one end
    true = true[rng.random(true.size) < 0.9 + 0.4 * true / LENGTH]
    half = LENGTH / 2
    seen = np.any([(true > a * half) & (true < b * half) for a, b in lit], axis=0)
    measured = (true[seen] + rng.normal(0.0, 5e-4, int(seen.sum())) - offset) / gain
    edges = LENGTH * (np.arange(101) / 100 - 0.5)
    return np.histogram(measured, edges)[0] + rng.poisson(0.03 * level, 100).astype(float)


@settings(deadline=None, max_examples=25)
@given(
    st.floats(0.95, 1.05),
    st.floats(-3e-3, 3e-3),
    st.integers(0, 10**6),
    st.booleans(),
    st.sampled_from([30.0, 400.0]),
)
def test_gain_and_offset_are_found_within_their_errors(
    gain: float, offset: float, seed: int, mask: bool, level: float
) -> None:
    lit = MASK if mask else [(-0.87, 0.87)]
    fit = fit_tube(tube(gain, offset, lit, level, seed), PLACE, TubeCalibration(), lit)
    assert isinstance(fit, TubeFit)
    assert abs(fit.value.gain - gain) < 5 * fit.gain_error
    assert abs(fit.value.offset - offset) < 5 * fit.offset_error
    assert fit.gain_error < (0.012 if level < 100 else 0.004)
    assert fit.offset_error < (1.2e-3 if level < 100 else 4e-4)


def test_errors_are_those_of_many_tubes() -> None:
    fits = [
        fit_tube(
            tube(1.01, 1e-3, [(-0.9, 0.9)], 60, s), PLACE, TubeCalibration(), [(-0.9, 0.9)]
        )
        for s in range(60)
    ]
    good = [f for f in fits if isinstance(f, TubeFit)]
    assert len(good) == 60
    gain = np.array([(f.value.gain - 1.01) / f.gain_error for f in good])
    offset = np.array([(f.value.offset - 1e-3) / f.offset_error for f in good])
    for pulls in (gain, offset):
        assert 0.6 < pulls.std() < 1.3
        assert abs(pulls.mean()) < 0.5


def test_dead_and_hot_pixels_do_not_matter() -> None:
    n = tube(1.02, -1e-3, [(-0.9, 0.9)], 200, 4)
    n[30], n[55], n[70] = 0, 5000, np.nan
    fit = fit_tube(n, PLACE, TubeCalibration(), [(-0.9, 0.9)])
    assert isinstance(fit, TubeFit)
    assert fit.value.gain == pytest.approx(1.02, abs=0.006)
    assert fit.value.offset == pytest.approx(-1e-3, abs=6e-4)


@pytest.mark.parametrize(
    ("lit", "offset", "words"),
    [
        ([(-1.0, 1.0)], 0.0, "0 ends of its lit parts are in sight"),
        ([(-0.9, 0.9)], 0.016, "1 ends of its lit parts are in sight"),
    ],
)
def test_says_which_ends_are_not_seen(
    lit: list[tuple[float, float]], offset: float, words: str
) -> None:
    found = fit_tube(tube(1.0, offset, lit, 200, 1), PLACE, TubeCalibration(), lit)
    assert isinstance(found, str)
    assert words in found


def test_says_when_there_is_nothing_to_see() -> None:
    lit = [(-0.9, 0.9)]
    assert fit_tube(np.zeros(100), PLACE, TubeCalibration(), lit) == "it has 0 counts"
    flat = np.random.default_rng(1).poisson(50, 100).astype(float)
    found = fit_tube(flat, PLACE, TubeCalibration(), [(-0.5, 0.5)])
    assert isinstance(found, str)
