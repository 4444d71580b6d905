from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ewaldite.errors import UserError
from ewaldite.spectroscopy.flux import resolved_flux, shared_flux
from spectroscopy.toys import band, counts_of

BAND = band(200)
N = len(BAND)


def test_density_is_what_was_put_in() -> None:
    spectrum = 1e5 * np.exp(-BAND.energy / 2)
    flux = resolved_flux(BAND, counts_of(spectrum, BAND)[None] * [[1.0], [3.0]])
    # Φ = C_m k_i n / ΔE; the formula has the width from the width in time, to first order
    assert_allclose(flux.density[0], spectrum, rtol=1e-3)
    assert_allclose(flux.density[1], 3 * flux.density[0])
    assert_allclose(flux.total, flux.counts.sum(axis=0))


def test_errors_of_the_whole_run() -> None:
    rng = np.random.default_rng(0)
    counts = rng.poisson(40.0, (5, N)).astype(float)
    resolved = resolved_flux(BAND, counts)
    assert_allclose(resolved.total_error, np.sqrt(counts.sum(axis=0)))
    weighted = resolved_flux(BAND, counts, 2 * counts)
    assert_allclose(weighted.total_error, np.sqrt(2 * counts.sum(axis=0)))
    spectrum = counts.sum(axis=0)
    shared = shared_flux(BAND, spectrum, np.full((5, N), 0.2))
    assert_allclose(shared.counts, np.tile(spectrum / 5, (5, 1)))
    assert_allclose(shared.total_error, np.sqrt(spectrum))
    # half of the protons fell in no step: the reading is as sure as it was, relatively
    half = shared_flux(BAND, spectrum, np.full((5, N), 0.1))
    assert_allclose(half.total_error / half.total, 1 / np.sqrt(spectrum))


def test_readings_that_are_too_small_to_divide_by() -> None:
    counts = np.full((2, N), 30.0)
    counts[0, :3] = 24.9, 25.0, 0.0
    flux = resolved_flux(BAND, counts)
    assert flux.usable[0, :3].tolist() == [False, True, False]
    assert flux.usable[1].all()
    assert flux.relative_variance[0, 2] == 0.0
    assert_allclose(flux.relative_variance[1], 1 / 30.0)
    # one reading for all: its size decides, and a step without protons has none
    fractions = np.full((2, N), 0.1)
    fractions[0, 4] = 0.0
    shared = shared_flux(
        BAND, np.where(np.arange(N) == 6, 20.0, 30.0), fractions, minimum_counts=1
    )
    assert np.flatnonzero(~shared.usable[0]).tolist() == [4, 6]
    assert np.flatnonzero(~shared.usable[1]).tolist() == [6]


def test_the_run_decides_which_intervals_take_part() -> None:
    rate = np.full(N, 1000.0)
    rate[3], rate[9] = 24.0, 0.0
    counts = np.stack([np.zeros(N), rate])
    found = resolved_flux(BAND, counts, minimum_share=0.0).absent
    assert np.flatnonzero(found).tolist() == [3, 9]
    assert_array_equal(
        resolved_flux(BAND, counts, minimum_counts=0.5, minimum_share=0.0).absent, rate < 1
    )
    # of the rate in time, for intervals may be of several bins
    per_time = rate / BAND.duration
    share = resolved_flux(BAND, counts, minimum_share=0.5).absent
    assert_array_equal(share, (rate < 25) | (per_time < 0.5 * per_time.max()))
    assert np.isnan(resolved_flux(BAND, counts, minimum_share=0.0).density[:, 3]).all()


def test_a_monitor_that_counted_nothing() -> None:
    with pytest.raises(UserError, match="it counted 0 in all"):
        resolved_flux(BAND, np.zeros((2, N)))
    with pytest.raises(UserError, match="20 at most"):
        shared_flux(BAND, np.full(N, 20.0), np.full((3, N), 0.3))
