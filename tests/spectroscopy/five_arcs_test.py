"""Five arcs, one pixel each, a flat scatterer: what every factor is worth."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ewaldite.geometry.neutron import wavenumber
from ewaldite.kernels.cut_events import IN_CUT, weigh_events
from ewaldite.spectroscopy.exposure import exposure
from ewaldite.spectroscopy.flux import Flux, resolved_flux
from ewaldite.spectroscopy.flux_at import flux_at
from ewaldite.spectroscopy.pixels import Pixels
from ewaldite.spectroscopy.vanadium import backend_from_vanadium
from spectroscopy.toys import ARCS, band, counts_of

FloatArray = NDArray[np.float64]

N_B = np.array([0.7, 1.1, 1.6, 0.9, 1.3])
BAND = band(700)
K_F = wavenumber(ARCS)
# 4.05 to 5.50 Å; per meV the flux falls as 1/E
IN_BAND = (BAND.energy > 2.704) & (BAND.energy < 4.987)
SPECTRUM = 1e9 / BAND.energy


def flux_from(counts: FloatArray) -> Flux:
    return resolved_flux(BAND, counts[None, :], minimum_share=0.0)


def structure(flux: Flux, n_b: FloatArray) -> float:
    """Relative rms of S over energy transfer and arcs, by the estimator per event."""
    steps = exposure(flux, 0.0, 0.0)
    weights = np.empty((5, np.count_nonzero(IN_BAND)))
    for p in range(5):
        one = Pixels(
            np.zeros((1, 3)),
            np.array([[ARCS[p], n_b[p] * K_F[p], 0.0]]),
            np.zeros(1, np.int64),
            np.zeros((1, 0)),
        )
        k = BAND.wavenumber[IN_BAND]
        nought = np.zeros(k.size, np.int32)
        reason = np.empty(k.size, np.int8)
        weigh_events(nought, k, nought, one.columns, steps.table, weights[p], reason)
        assert np.all(reason == IN_CUT)
    # true rate of events per meV for S = 1
    rate = SPECTRUM * N_B[:, None] * K_F[:, None] / BAND.wavenumber
    s = rate[:, IN_BAND] * weights
    across = np.average(s, axis=1, weights=BAND.width[IN_BAND])
    mean = across.mean()
    variance = np.average((s - mean) ** 2, axis=1, weights=BAND.width[IN_BAND]).mean()
    return float(np.sqrt(variance) / mean)


def vanadium(flux: Flux) -> FloatArray:
    elastic = N_B * 1e9 / ARCS
    return backend_from_vanadium(
        np.arange(5), ARCS, elastic, flux, pulse_width=0.0, elastic_window=0.05
    ).value


RIGHT = counts_of(SPECTRUM, BAND)


def test_nothing_is_left_when_all_factors_are_there() -> None:
    flux = flux_from(RIGHT)
    np.testing.assert_allclose(vanadium(flux), N_B, rtol=1e-5)
    assert structure(flux, vanadium(flux)) < 1e-5


def test_without_the_jacobian() -> None:
    # rates in time in place of densities per meV
    flux = flux_from(RIGHT * 2 * BAND.energy / BAND.time)
    n_b = vanadium(flux)
    off = n_b / N_B
    np.testing.assert_allclose(off / off.mean(), [1.54, 1.19, 0.92, 0.74, 0.61], atol=0.006)
    assert structure(flux, n_b) == pytest.approx(0.41, abs=0.015)


def test_without_the_monitor_s_one_over_v() -> None:
    flux = flux_from(RIGHT / BAND.wavenumber)
    assert structure(flux, vanadium(flux)) == pytest.approx(0.135, abs=0.01)


def test_without_the_vanadium_s_flux() -> None:
    elastic = N_B / ARCS
    assert structure(flux_from(RIGHT), elastic) == pytest.approx(0.22, abs=0.01)


def test_density_is_the_formula() -> None:
    flux = flux_from(RIGHT)
    i = flux.intervals
    formula = i.wavenumber * RIGHT / i.duration * i.time / (2 * i.energy)
    np.testing.assert_allclose(flux.density[0], formula, rtol=1e-12)
    np.testing.assert_allclose(flux.density[0], SPECTRUM, rtol=1e-5)


def test_no_flux_near_the_ends_of_the_band() -> None:
    flux = flux_from(np.where(IN_BAND, RIGHT, 0.0))
    at = flux_at(flux, ARCS, 0.0, 0.05).value
    assert np.isnan(at).tolist() == [True, False, False, False, True]
    near = flux_at(flux, np.array([2.75, 3.2, 4.4, 4.9]), 2.86e-3, 0.05).value
    assert np.isnan(near).tolist() == [True, False, False, True]
