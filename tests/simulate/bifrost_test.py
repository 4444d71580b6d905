from __future__ import annotations

import json

import numpy as np
import pytest

from conftest import ORACLES
from ewaldite.simulate.bifrost import (
    MONITOR,
    PERIOD,
    SAMPLE,
    Misalignment,
    bifrost,
    energy_of_speed,
    speed_of_energy,
    wavenumber_of_speed,
)
from ewaldite.simulate.bifrost_run import Run, apparent
from ewaldite.simulate.bifrost_sample import Dispersion, Sample
from ewaldite.simulate.bifrost_source import Source

B = bifrost()


def test_pixels_are_those_of_the_oracle() -> None:
    """essspectroscopy 26.7.0 and scippneutron 26.7.0."""
    events = json.loads((ORACLES / "bifrost_events.json").read_text())["events"]
    row = {int(n): i for i, n in enumerate(B.detector_number)}
    for e in events:
        i = row[e["detector_number"]]
        assert B.final_energy[i] == pytest.approx(e["final_energy_meV"], rel=1e-8)
        assert B.path[i] == pytest.approx(e["L2_m"], rel=1e-9)
        speed = B.path[i] / B.final_speed[i] * 1e3
        assert speed == pytest.approx(e["secondary_flight_time_ms"], rel=1e-8)
        a4 = np.rad2deg(np.arctan2(B.direction[i, 0], B.direction[i, 2])) + e["a4_deg"]
        assert a4 == pytest.approx(e["geometric_a4_deg"], abs=1e-6)


def test_indices_are_those_of_the_oracle() -> None:
    events = json.loads((ORACLES / "bifrost_events.json").read_text())["events"]
    sample = Sample(cell=(4.0, 5.0, 7.0))
    for e in events:
        hkl = sample.hkl(np.array(e["Q_lab_invA"]), e["a3_deg"])
        x, y, z = e["Q_sample_table_invA"]
        expected = np.array([4 * z, -5 * y, 7 * x]) / (2 * np.pi)
        np.testing.assert_allclose(hkl, expected, atol=1e-9)


def test_a_misaligned_tube_moves_along_itself_only() -> None:
    off = Misalignment.none()
    off.offset[2, 4, 1] = 3e-3
    off.gain[0, 0, 2] = 1.05
    moved = bifrost(off)
    same = ~((B.arc == 2) & (B.channel == 4) & (B.tube == 1))
    same &= ~((B.arc == 0) & (B.channel == 0) & (B.tube == 2))
    np.testing.assert_array_equal(moved.direction[same], B.direction[same])
    shift = np.arcsin(moved.direction[~same][:, 0]) - np.arcsin(B.direction[~same][:, 0])
    assert np.abs(shift).max() < 0.01
    assert np.abs(shift).max() > 5e-4


def test_times_of_arrival_have_the_mean_of_the_pulse() -> None:
    rng = np.random.default_rng(0)
    for source in (Source(), Source(mode="spinning", opening=1e-3)):
        energy = np.full(200_000, 3.8)
        place, when = source.reference
        flight = (SAMPLE - place) / float(speed_of_energy(np.array(3.8)))
        arrived = source.arrive(energy, rng)
        assert arrived.mean() == pytest.approx(when + flight, abs=1e-5)
        assert arrived.min() > source.earliest_at_sample
        drawn = source.energies(100_000, rng)
        late = source.arrive(drawn, rng)
        assert late.min() > source.earliest_at_sample
        assert np.mean(late < source.earliest_at_sample + PERIOD) > 0.999
    assert Source().mean_emission == pytest.approx(1.72e-3)


def test_spectrum_is_drawn_and_monitored() -> None:
    rng = np.random.default_rng(1)
    source = Source(flux=2.0)
    drawn = source.energies(400_000, rng)
    edges = np.linspace(*source.limits, 41)
    found, _ = np.histogram(drawn, edges)
    fine = np.linspace(*source.limits, 4001)
    rate = source.density(fine) / wavenumber_of_speed(speed_of_energy(fine))
    expected = rate[:-1].reshape(40, 100).sum(axis=1)
    expected *= found.sum() / expected.sum()
    assert np.sum((found - expected) ** 2 / expected) / 40 < 2
    counted = [source.monitor(500.0, rng).size for _ in range(100)]
    assert np.mean(counted) == pytest.approx(500, abs=8)
    distance = MONITOR / source.monitor(5e4, rng).mean()
    assert float(energy_of_speed(np.array(distance))) == pytest.approx(3.5, abs=0.5)


def test_rates_follow_the_sample() -> None:
    """Numbers of events of every part against integrals done another way."""
    few = B.select(np.arange(0, B.n_b.size, 100))
    source = Source()
    e = np.linspace(*source.limits, 20_001)
    k = wavenumber_of_speed(speed_of_energy(e))
    phi = source.density(e)
    step = e[1] - e[0]
    flat = np.sum(phi / k) * step * np.sum(few.n_b * few.final_wavenumber)
    elastic = np.sum(few.n_b * source.density(few.final_energy))
    rng = np.random.default_rng(2)
    for sample, expected in (
        (Sample(flat=1.0), flat),
        (Sample(elastic=1.0), elastic),
        (Sample(dispersion=Dispersion(width=50.0, strength=50 * np.sqrt(2 * np.pi))), flat),
    ):
        pulses = int(40_000 / expected)
        run = Run(few, source, sample, np.array([30.0]), pulses=pulses)
        number = len(run.events(rng))
        assert number == pytest.approx(expected * pulses, rel=0.025)


def test_a_constant_background_knows_of_no_pulse() -> None:
    some = B.select(np.arange(0, 13_500, 50))
    rate = np.linspace(0.0, 2.0, 270)
    run = Run(some, Source(), Sample(), np.zeros(3), pulses=400, constant=rate)
    rows, time = run.constant_events(np.random.default_rng(6))
    duration = 1200 * PERIOD
    assert time.size == pytest.approx((rate * duration).sum(), rel=0.02)
    assert not np.any(rows == 0)
    number = np.bincount(rows, minlength=270)[1:]
    expected = rate[1:] * duration
    assert np.mean((number - expected) ** 2 / expected) == pytest.approx(1.0, abs=0.35)
    for times in (time / duration, np.mod(time, PERIOD) / PERIOD):
        assert np.histogram(times, 4, (0, 1))[0] == pytest.approx(time.size / 4, rel=0.05)


def test_what_the_reduction_would_see() -> None:
    source = Source(mode="spinning", opening=1e-9)
    run = Run(B, source, Sample(elastic=1e5), np.array([0.0, 20.0]), pulses=1)
    rng = np.random.default_rng(3)
    events = run.events(rng)
    k = apparent(run, events, B)
    true = wavenumber_of_speed(speed_of_energy(events.incident_energy))
    np.testing.assert_allclose(k, true, rtol=1e-6)
    np.testing.assert_allclose(events.incident_energy, events.final_energy)
    again = run.events(np.random.default_rng(3))
    np.testing.assert_array_equal(again.arrival, events.arrival)


def test_bragg_peaks_are_at_whole_indices() -> None:
    sample = Sample(bragg=2.0, elastic=0.5, mosaic=0.02)
    hkl = np.array([[1.0, 0, 2], [1.5, 0, 0], [0.0, 0, 0], [1.0, 0, 1 + 0.02 * 5 / 2 / np.pi]])
    np.testing.assert_allclose(
        sample.elastic_line(hkl), [2.5, 0.5, 0.5, 0.5 + 2 * np.exp(-0.5)], rtol=1e-9
    )
