"""Simulated runs reduced in memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ewaldite.simulate.bifrost import MONITOR, PERIOD, SAMPLE, Bifrost, bifrost
from ewaldite.simulate.bifrost_run import Counted, Run, apparent
from ewaldite.simulate.bifrost_sample import Sample
from ewaldite.simulate.bifrost_source import Source
from ewaldite.spectroscopy.backend import Backend
from ewaldite.spectroscopy.design import design_triplets
from ewaldite.spectroscopy.exposure import Exposure, exposure
from ewaldite.spectroscopy.flux import Flux, resolved_flux
from ewaldite.spectroscopy.frames import Frames
from ewaldite.spectroscopy.instrument import Instrument
from ewaldite.spectroscopy.monitor import Intervals, intervals
from ewaldite.spectroscopy.pixels import Pixels, pixels
from ewaldite.spectroscopy.primary import Primary
from ewaldite.spectroscopy.vanadium import ELASTIC_WINDOW, backend_from_vanadium

FloatArray = NDArray[np.float64]

BINS = np.linspace(0, PERIOD, 511)
INSTRUMENT = Instrument.from_triplets(design_triplets())
NOMINAL = bifrost()


@dataclass(frozen=True)
class World:
    """An instrument of every n-th pixel, a vanadium run and a sample run.

    ``strength`` is what S must come out as, in the unit of the reduction.
    """

    every: int = 1
    source: Source = field(default_factory=Source)
    settings: int = 7
    events: float = 1e6
    vanadium_events: float = 1e6
    monitor_counts: float = 1e7
    final_spread: float = 0.004
    seed: int = 1

    @property
    def rows(self) -> NDArray[np.int64]:
        return np.arange(0, len(INSTRUMENT), self.every)

    @property
    def nominal(self) -> Bifrost:
        return NOMINAL.select(self.rows)

    @property
    def true(self) -> Bifrost:
        efficiency = np.random.default_rng(self.seed).uniform(0.7, 1.0, len(INSTRUMENT))
        return bifrost(efficiency=efficiency).select(self.rows)

    def intervals(self, energy_step: float = np.inf) -> Intervals:
        place, when = self.source.reference
        frames = Frames(self.source.earliest_at_sample)
        primary = Primary(SAMPLE, place, when, frames)
        return intervals(BINS, MONITOR, primary, energy_step=energy_step)

    def run(self, sample: Sample, settings: int, scale: float) -> Run:
        a3 = np.linspace(0, 90, settings)
        total = self.source.per_pulse * 1000 * settings
        return Run(self.true, self.source, sample, a3, a4=50.0, pulses=1000,
                   monitor_scale=scale / total, final_spread=self.final_spread)  # fmt: skip

    @property
    def flat(self) -> Run:
        true = self.true
        rate = (true.n_b * true.final_wavenumber).sum() * self.source.per_pulse
        sample = Sample(flat=self.events / (rate * 1000 * self.settings))
        return self.run(sample, self.settings, self.monitor_counts)

    @property
    def vanadium(self) -> Run:
        true = self.true
        rate = (true.n_b * self.source.density(true.final_energy)).sum() * 1000
        return self.run(Sample(elastic=self.vanadium_events / rate), 1, self.monitor_counts)

    @property
    def pulse_width(self) -> float:
        return self.source.pulse if self.source.mode == "parked" else self.source.opening

    @property
    def strength(self) -> float:
        """S that the reduction must find for the flat run, with N_b from vanadium."""
        return self.flat.sample.flat * self.vanadium.monitor_scale / self.flat.monitor_scale

    def flux(self, run: Run, where: Intervals, rng: np.random.Generator) -> Flux:
        return resolved_flux(where, where.gather(run.monitor_counts(BINS, rng)))

    def backend(self, where: Intervals, rng: np.random.Generator) -> Backend:
        run, nominal = self.vanadium, self.nominal
        counted = run.events(rng)
        k = apparent(run, counted, nominal)
        transfer = 2.0721248 * k**2 - nominal.final_energy[counted.pixel]
        elastic = np.bincount(
            counted.pixel[np.abs(transfer) < ELASTIC_WINDOW], minlength=self.rows.size
        )
        return backend_from_vanadium(
            nominal.detector_number, nominal.final_energy, elastic, self.flux(run, where, rng),
            atoms=run.sample.elastic * 4 * np.pi / 5.08, pulse_width=self.pulse_width,
        )  # fmt: skip

    def pixels(self, backend: Backend, arc: int | None = None) -> Pixels:
        i, rows = INSTRUMENT, self.rows
        if arc is not None:
            kept = np.where(i.arc[rows] == arc, backend.value, 0.0)
            backend = replace(backend, value=kept)
        return pixels(i.direction[rows], i.k_f[rows], i.final_energy[rows], backend)

    def exposure(self, run: Run, flux: Flux) -> Exposure:
        return exposure(flux, run.a3, run.a4)

    def draw(self, run: Run, rng: np.random.Generator) -> tuple[Counted, FloatArray]:
        counted = run.events(rng)
        return counted, apparent(run, counted, self.nominal)
