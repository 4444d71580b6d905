"""Flux per meV at given energies: values, errors and ends of the band."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from ewaldite.geometry.neutron import energy, wavenumber
from ewaldite.spectroscopy.flux import Flux, resolved_flux, shared_flux
from ewaldite.spectroscopy.flux_at import flux_at, flux_at_pixels
from spectroscopy.toys import band, counts_of

BAND = band(400)
ASK = np.array([2.8, 3.3, 3.9, 4.6])


def flux_of(spectrum: np.ndarray, steps: int = 3) -> Flux:
    counts = counts_of(spectrum, BAND)
    return resolved_flux(BAND, np.stack([counts * (j + 1) for j in range(steps)]))


def test_a_parabola_goes_through_as_it_is() -> None:
    e = BAND.energy
    spectrum = 1e6 * (1.0 + 0.3 * (e - 4) - 0.1 * (e - 4) ** 2)
    exact = 6 * 1e6 * (1.0 + 0.3 * (ASK - 4) - 0.1 * (ASK - 4) ** 2)
    density = np.nansum(flux_of(spectrum).density, axis=0)
    # Φ of the middle of an interval, that its counts are the mean of
    assert_allclose(density, 6 * spectrum, rtol=2e-3)
    for half_width in (0.01, 0.1, 0.4):
        found = flux_at(flux_of(spectrum), ASK, 0.0, half_width)
        assert_allclose(found.value, exact, rtol=2e-3)


def test_the_fit_is_that_of_numpy() -> None:
    rng = np.random.default_rng(0)
    flux = flux_of(1e6 * rng.uniform(0.5, 1.5, len(BAND)))
    density = np.nansum(flux.density, axis=0)
    for half_width in (0.05, 0.3):
        found = flux_at(flux, ASK, 0.0, half_width)
        for e, value in zip(ASK, found.value, strict=True):
            near = np.abs(BAND.energy - e) <= half_width
            fit = np.polynomial.Polynomial.fit(BAND.energy[near] - e, density[near], 2)
            assert value == pytest.approx(fit(0.0), rel=1e-9)


@pytest.mark.parametrize("shared", [False, True])
def test_errors_are_those_of_the_counts(shared: bool) -> None:
    rng = np.random.default_rng(1)
    spectrum = counts_of(3e4 * rng.uniform(0.5, 1.5, len(BAND)), BAND)
    flux = (
        shared_flux(BAND, spectrum, np.full((3, len(BAND)), 1 / 3))
        if shared
        else resolved_flux(BAND, np.stack([spectrum, 2 * spectrum]))
    )
    found = flux_at(flux, ASK, 0.0, 0.2)
    # one reading moved by a standard error moves the value by its part of the root
    for m in (40, 90, 150):
        moved = flux.counts.copy()
        more = np.zeros(len(BAND))
        more[m] = 1.0
        moved *= 1.0 + more * flux.total_error[m] / flux.total[m]
        other = flux_at(replace(flux, counts=moved), ASK, 0.0, 0.2)
        assert_allclose(other.value / found.value - 1, found.root[:, m], rtol=1e-6, atol=1e-9)
    relative = np.sqrt((found.root**2).sum(axis=1))
    assert np.all((relative > 1e-4) & (relative < 0.1))


def test_there_is_none_within_a_pulse_of_an_end_or_a_gap() -> None:
    flux = flux_of(np.full(len(BAND), 1e6))
    ends = energy(BAND.edges[[0, -1]])
    beyond, within = np.array([-0.01, 0.01]), np.array([0.001, -0.001])
    ask = np.concatenate([ends + beyond, ends + within, ASK])
    for width in (0.0, 1e-3):
        found = flux_at(flux, ask, width, 0.1).value
        assert np.isnan(found[:2]).all()
        assert np.isfinite(found[2:4]).all() == (width == 0.0)
        assert_allclose(found[4:], 6e6, rtol=1e-3)
    # without seven intervals near 3.3 meV, 1.3 ms
    hole = flux.absent.copy()
    middle = int(np.argmin(np.abs(BAND.energy - 3.3)))
    hole[middle - 3 : middle + 4] = True
    holed = replace(flux, absent=hole)
    assert np.isnan(flux_at(holed, 3.3, 0.0, 0.1).value).all()
    beside = energy(BAND.edges[middle + 4] * 1.0001)
    assert np.isfinite(flux_at(holed, [beside], 0.0, 0.1).value).all()
    assert np.isnan(flux_at(holed, [beside], 1e-3, 0.1).value).all()
    # and beyond a pulse width from it, with what is clear of it alone
    k = wavenumber(beside)
    time = np.interp(k, BAND.wavenumber, BAND.time)
    far = energy(k * time / (time - 1.1e-3))
    assert np.isfinite(flux_at(holed, [far], 1e-3, 0.1).value).all()
    assert not flux_at(holed, [far], 1e-3, 0.1).root[:, hole].any()


def test_a_band_of_fewer_than_three_clear_intervals_has_none() -> None:
    flux = flux_of(np.full(len(BAND), 1e6))
    narrow = np.ones(len(BAND), bool)
    narrow[100:102] = False
    found = flux_at(replace(flux, absent=narrow), BAND.energy[100:102], 0.0, 0.1)
    assert np.isnan(found.value).all()
    assert not found.root.any()


def test_pixels_are_on_lines_between_nodes() -> None:
    rng = np.random.default_rng(2)
    e = BAND.energy
    flux = flux_of(1e6 * np.exp(-e / 3))
    energies = rng.uniform(2.7, 5.0, 300)
    fast = flux_at_pixels(flux, energies, 1e-3, 0.2)
    exact = flux_at(flux, energies, 1e-3, 0.2)
    assert_allclose(fast.value, exact.value, rtol=1e-3)
    rows = np.array([5, 0, 17])
    size, expected = ((r**2).sum(axis=1) for r in (fast.root(rows), exact.root[rows]))
    assert_allclose(size, expected, rtol=0.1)
    # at a node it is exact
    at_nodes = flux_at_pixels(flux, np.array([3.0, 3.01, 4.5]), 1e-3, 0.2)
    assert_allclose(at_nodes.value, flux_at(flux, [3.0, 3.01, 4.5], 1e-3, 0.2).value, rtol=1e-9)
