"""Time in which pixels could count."""

from __future__ import annotations

import numpy as np
import pytest

from ewaldite.spectroscopy.exposure import exposure, join
from ewaldite.spectroscopy.flux import resolved_flux
from ewaldite.spectroscopy.live_time import live_time, pulses_at
from ewaldite.spectroscopy.primary import Primary
from ewaldite.spectroscopy.run_flux import Pulses
from ewaldite.spectroscopy.steps import Steps
from ewaldite.tables.neutron import H_OVER_MASS
from spectroscopy.toys import EARLIEST, PERIOD, PRIMARY, SAMPLE, band

TIME = np.arange(-5, 1000) * PERIOD
STEPS = Steps(
    np.array([0.0, 30.0]), np.array([20.0, 60.0]), np.zeros(2), np.zeros(2), moving=False
)


def pulses(keep: float = 1.0) -> Pulses:
    kept = np.arange(TIME.size) < keep * TIME.size
    return Pulses(TIME, np.ones(TIME.size), kept, logged=False)


def test_pulses_are_counted_one_by_one() -> None:
    at = np.array([0.17, 0.2])
    found = pulses_at(pulses(), at, STEPS)
    for j in range(2):
        for m in range(2):
            when = TIME + at[m]
            inside = (when >= STEPS.start[j]) & (when < STEPS.end[j])
            assert found[j, m] == pytest.approx(np.count_nonzero(inside))
    assert np.all(pulses_at(pulses(0.4), at, STEPS) <= found)


def test_intervals_fill_the_window_of_the_monitor() -> None:
    where = band()
    live = live_time(where, PRIMARY, pulses(), STEPS)
    number = pulses_at(pulses(), where.at_sample, STEPS)
    window = PRIMARY.time(SAMPLE, where.edges[[-1, 0]])
    assert window[0] == pytest.approx(EARLIEST, abs=PERIOD / 150)
    np.testing.assert_allclose((live / number).sum(axis=1), window[1] - window[0], rtol=1e-9)
    assert np.all(live > 0)


def test_a_table_says_the_same_as_the_straight_flight() -> None:
    when = np.linspace(EARLIEST, EARLIEST + PERIOD, 4001)
    curve = np.stack([when, (when - 1.72e-3) / SAMPLE * H_OVER_MASS])
    table = Primary(SAMPLE, 0.0, 1.72e-3, PRIMARY.frames, curve)
    where = band()
    expected = live_time(where, PRIMARY, pulses(), STEPS)
    np.testing.assert_allclose(live_time(where, table, pulses(), STEPS), expected, rtol=1e-6)
    # ends that rounding has put outside the table
    where.edges[0] *= 1 - 1e-14
    where.edges[-1] *= 1 + 1e-14
    assert np.all(np.isfinite(live_time(where, table, pulses(), STEPS)))


def test_it_goes_through_the_exposure_of_several_runs() -> None:
    where = band(60)
    flux = resolved_flux(where, np.full((2, len(where)), 1e4))
    live = np.arange(2.0 * len(where)).reshape(2, -1)
    one = exposure(flux, np.zeros(2), 0.0, live)
    both = join([one, exposure(flux, np.ones(2), 0.0, live + 1000)])
    np.testing.assert_array_equal(both.live, np.concatenate([live, live + 1000]).ravel())
    assert both.live.size == both.counts.size
