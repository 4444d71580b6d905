from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.geometry.neutron import energy
from ewaldite.spectroscopy.flux import resolved_flux, shared_flux
from ewaldite.spectroscopy.frames import Frames
from ewaldite.spectroscopy.monitor import charge_fractions, count_events, intervals
from ewaldite.spectroscopy.primary import parked
from spectroscopy.toys import EARLIEST, MONITOR, PERIOD, PRIMARY, SAMPLE, band, counts_of


@settings(deadline=None)
@given(st.integers(5, 600), st.floats(0.1, 0.3), st.floats(0, 0.07))
def test_every_bin_holds_the_energies_that_it_counts(
    bins: int, earliest: float, dead: float
) -> None:
    edges = np.linspace(min(dead, PERIOD / 2), PERIOD, bins + 1)
    primary = parked(SAMPLE, 1.72e-3, Frames(earliest))
    where = intervals(edges, MONITOR, primary)
    rng = np.random.default_rng(bins)
    at_sample = earliest + PERIOD * rng.random(500)
    k = PRIMARY.wavenumber(SAMPLE, at_sample)
    folded = PRIMARY.time(MONITOR, k) % PERIOD
    found = np.searchsorted(edges, folded, side="right") - 1
    interval = np.searchsorted(where.edges, k, side="right") - 1
    inside = (found >= 0) & (found < bins)
    expected = np.where(inside, where.of_bin[np.clip(found, 0, bins - 1)], -1)
    counted = expected >= 0
    # a bin at the end of the window holds two energies and is given up
    assert np.count_nonzero(inside & ~counted) <= 500 * 4 / bins + 30
    np.testing.assert_array_equal(interval[counted], expected[counted])
    assert np.all(np.diff(where.edges) > 0)


def test_bins_are_joined_to_a_quarter_of_the_energy_step() -> None:
    fine, joined = band(3000), band(3000, energy_step=0.1)
    assert joined.width.max() <= 0.025 + 1e-9
    assert len(joined) < len(fine) / 5
    counts = np.random.default_rng(0).poisson(5.0, (2, 3000))
    np.testing.assert_array_equal(
        joined.gather(counts).sum(axis=1), fine.gather(counts).sum(axis=1)
    )


def test_no_bin_in_the_window() -> None:
    with pytest.raises(UserError, match="none of its bins"):
        intervals(np.array([0.012, 0.02]), MONITOR, parked(SAMPLE, 1.72e-3, Frames(0.16)))


def test_jacobian() -> None:
    """dE/dT = -2 E/t: what was counted is the density times the width."""
    where = band(500)
    slope = np.gradient(energy(PRIMARY.wavenumber(MONITOR, np.linspace(0.17, 0.23, 9001))),
                        0.06 / 9000)  # fmt: skip
    t = np.linspace(0.17, 0.23, 9001)
    e = energy(PRIMARY.wavenumber(MONITOR, t))
    np.testing.assert_allclose(-slope[5:-5], (2 * e / (t - 1.72e-3))[5:-5], rtol=1e-5)
    true_time = PRIMARY.time(MONITOR, where.wavenumber) - 1.72e-3
    np.testing.assert_allclose(where.time, true_time, rtol=1e-6)
    flux = resolved_flux(where, counts_of(np.full(len(where), 1e6), where)[None])
    np.testing.assert_allclose(flux.density, 1e6, rtol=1e-6)


def test_pulses_count_where_their_neutrons_scatter() -> None:
    pulses = np.arange(0, 100) * PERIOD
    charge = np.ones(100)
    at_sample = np.array([0.17, 0.22])  # 2.4 and 3.1 periods
    starts, ends = np.array([0.0, 50 * PERIOD]), np.array([50 * PERIOD, 200 * PERIOD])
    parts = charge_fractions(pulses, charge, at_sample, starts, ends)
    # 50 - 2.38 and 50 - 3.08 periods: pulses 0 … 47 and 0 … 46
    np.testing.assert_allclose(parts, [[0.48, 0.47], [0.52, 0.53]])
    keep = np.ones(100, bool)
    keep[10:20] = False
    kept = charge_fractions(pulses, charge, at_sample, starts, ends, keep=keep)
    np.testing.assert_allclose(kept, [[0.38, 0.37], [0.52, 0.53]])
    with pytest.raises(UserError, match="proton charge of the run is zero"):
        charge_fractions(pulses, 0 * charge, at_sample, starts, ends)


def test_events_of_the_monitor_go_to_the_step_of_scattering() -> None:
    where = band(200)
    rng = np.random.default_rng(3)
    n = 20_000
    pulse = rng.integers(0, 1000, n) * PERIOD
    at_sample = EARLIEST + PERIOD * rng.random(n) * 1.1
    k = PRIMARY.wavenumber(SAMPLE, at_sample)
    starts, ends = np.array([0.0, 30.0]), np.array([25.0, 60.0])
    keep = rng.random(n) < 0.9
    counts = count_events(
        pulse, PRIMARY.time(MONITOR, k), where, starts, ends,
        distance=MONITOR, primary=PRIMARY, keep=keep,
    )  # fmt: skip
    for s in range(2):
        mine = keep & (pulse + at_sample >= starts[s]) & (pulse + at_sample < ends[s])
        expected, _ = np.histogram(k[mine], where.edges)
        np.testing.assert_array_equal(counts[s], expected)


def test_a_shared_spectrum_is_one_reading() -> None:
    where = band(50)
    spectrum = counts_of(np.full(len(where), 2e4), where)
    flux = shared_flux(where, spectrum, np.array([[0.25], [0.5]]) + 0 * spectrum)
    np.testing.assert_allclose(flux.counts[1], spectrum / 2)
    np.testing.assert_allclose(flux.relative_variance, 1 / spectrum)
    assert np.all(flux.usable)


def test_nearly_empty_intervals_are_absent() -> None:
    where = band(50)
    counts = np.full((3, len(where)), 200.0)
    counts[:, 7] = [0, 1, 2]
    counts[0, 9] = 0.0
    flux = resolved_flux(where, counts)
    assert np.flatnonzero(flux.absent).tolist() == [7]
    assert np.all(np.isnan(flux.density[:, 7]))
    # one step without a count is no gap, but nothing is divided by it
    assert not flux.usable[0, 9]
    assert flux.relative_variance[0, 9] == 0.0
    with pytest.raises(UserError, match="counted 0 in all"):
        resolved_flux(where, 0 * counts)
