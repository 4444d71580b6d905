"""A run: settings of the sample, neutrons counted in them, and the monitor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ewaldite.simulate.bifrost import (
    PERIOD,
    SAMPLE,
    Bifrost,
    speed_of_energy,
    wavenumber_of_speed,
)
from ewaldite.simulate.bifrost_branch import branch_cells
from ewaldite.simulate.bifrost_sample import Sample
from ewaldite.simulate.bifrost_source import Source

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_CELLS = 480


@dataclass(frozen=True)
class Counted:
    """Neutrons that the detectors counted.

    Attributes
    ----------
    pixel:
        Row of the pixel; dims (event), int64.
    setting:
        dims (event), int64.
    at_sample:
        True time at the sample from the proton pulse; dims (event), s.
    arrival:
        Time at the detector from the proton pulse; dims (event), s.
    incident_energy, final_energy:
        True; dims (event), meV.
    """

    pixel: IntArray
    setting: IntArray
    at_sample: FloatArray
    arrival: FloatArray
    incident_energy: FloatArray
    final_energy: FloatArray

    def __len__(self) -> int:
        return int(self.pixel.size)

    @classmethod
    def joined(cls, parts: list[Counted]) -> Counted:
        """All events of some parts, one after the other."""
        names = list(vars(parts[0]))
        return cls(**{n: np.concatenate([getattr(p, n) for p in parts]) for n in names})


@dataclass(frozen=True)
class Run:
    """What is measured.

    Attributes
    ----------
    instrument, source, sample:
        Truth.
    a3:
        Rotation of the sample; dims (setting), degrees.
    a4:
        Tank angle, degrees.
    pulses:
        Of each setting.
    monitor_scale:
        What the monitor counts over what a perfect one of C_m = 1 would.
    final_spread:
        Relative σ of the final energy within a pixel.
    exposure:
        Protons of each setting over those of ``pulses`` pulses; dims (setting); None: ones.
    elastic_factor:
        Of elastic scattering, as Debye–Waller factor and self-shielding; dims (pixel); None: 1.
    constant:
        Background that does not know of pulses; dims (pixel) or one number, counts/s.
    """

    instrument: Bifrost
    source: Source
    sample: Sample
    a3: FloatArray
    a4: float = 0.0
    pulses: int = 1000
    monitor_scale: float = 1.0
    final_spread: float = 0.0
    exposure: FloatArray | None = None
    elastic_factor: FloatArray | None = None
    constant: FloatArray | float = 0.0

    def monitor_counts(self, edges: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Monitor by setting, in its frame.

        Parameters
        ----------
        edges:
            dims (bin + 1), s.
        rng:
            For the counts.

        Returns
        -------
        :
            dims (setting, bin), counts, float64.
        """
        rows = [times % PERIOD for times in self.monitor_times(rng)]
        return np.stack([np.histogram(r, edges)[0] for r in rows]).astype(np.float64)

    def monitor_times(self, rng: np.random.Generator) -> list[FloatArray]:
        """Times at the monitor from the proton pulse, s, of all counts of each setting."""
        mean = self.source.per_pulse * self.monitor_scale
        return [self.source.monitor(mean * self.exposed(s), rng) for s in range(self.a3.size)]

    def exposed(self, setting: int) -> float:
        """Pulses of mean charge in a setting."""
        share = 1.0 if self.exposure is None else float(self.exposure[setting])
        return share * self.pulses

    def events(self, rng: np.random.Generator) -> Counted:
        """Draw all events, setting by setting."""
        parts = [self._setting(s, rng) for s in range(self.a3.size)]
        return Counted.joined(parts)

    def constant_events(self, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
        """Draw the constant background: rows of pixels, and times from the start of the run, s.

        It lasts for all settings, without regard to protons.
        """
        duration = self.a3.size * self.pulses * PERIOD
        rate = np.broadcast_to(self.constant, self.instrument.n_b.shape)
        rows = np.repeat(np.arange(rate.size), rng.poisson(rate * duration))
        return rows, duration * rng.random(rows.size)

    def _setting(self, setting: int, rng: np.random.Generator) -> Counted:
        pixel, incident, final = [], [], []
        for draw in (self._flat, self._structured, self._elastic):
            p, e_i, e_f = draw(setting, rng)
            pixel.append(p)
            incident.append(e_i)
            final.append(e_f)
        rows = np.concatenate(pixel)
        e_i, e_f = np.concatenate(incident), np.concatenate(final)
        order = rng.permutation(rows.size)
        rows, e_i, e_f = rows[order], e_i[order], e_f[order]
        at_sample = self.source.arrive(e_i, rng)
        flight = self.instrument.path[rows] / speed_of_energy(e_f)
        return Counted(
            rows, np.full(rows.size, setting), at_sample, at_sample + flight, e_i, e_f
        )

    def _final(self, rows: IntArray, rng: np.random.Generator) -> FloatArray:
        spread = 1.0 + self.final_spread * rng.standard_normal(rows.size)
        return np.asarray(self.instrument.final_energy[rows] * spread)

    def _flat(
        self, setting: int, rng: np.random.Generator
    ) -> tuple[IntArray, FloatArray, FloatArray]:
        """Rate N_b k_f ∫Φ/k_i dE_i S; energies as Φ/k_i."""
        b = self.instrument
        rate = b.n_b * b.final_wavenumber * self.source.per_pulse * self.exposed(setting)
        rows = np.repeat(np.arange(b.n_b.size), rng.poisson(rate * self.sample.flat))
        return rows, self.source.energies(rows.size, rng), self._final(rows, rng)

    def _structured(
        self, setting: int, rng: np.random.Generator
    ) -> tuple[IntArray, FloatArray, FloatArray]:
        """The branch, cell by cell in incident energy."""
        b, branch = self.instrument, self.sample.dispersion
        none = np.zeros(0)
        if branch is None:
            return np.zeros(0, np.int64), none, none
        ends = np.linspace(*self.source.limits, _CELLS + 1)
        middle = (ends[1:] + ends[:-1]) / 2.0
        k_i = wavenumber_of_speed(speed_of_energy(middle))
        flux = self.source.density(middle) / k_i * np.diff(ends)
        flux *= self.exposed(setting)
        pixel, cell, rate = branch_cells(
            self.turned(b.direction) * b.final_wavenumber[:, None],
            b.final_energy,
            b.n_b * b.final_wavenumber,
            k_i,
            middle,
            flux,
            self.sample.hkl(np.eye(3), float(self.a3[setting])),
            np.array([branch.gap, branch.height, branch.width, branch.strength]),
        )
        number = rng.poisson(rate)
        rows, cells = np.repeat(pixel, number), np.repeat(cell, number)
        energies = ends[cells] + rng.random(rows.size) * (ends[1] - ends[0])
        return rows, energies, self._final(rows, rng)

    def _elastic(
        self, setting: int, rng: np.random.Generator
    ) -> tuple[IntArray, FloatArray, FloatArray]:
        """An elastic line takes its energy out of the spectrum: rate N_b Φ(E_f) ∫S dω."""
        b = self.instrument
        k = b.final_wavenumber
        hkl = self._hkl(b.direction, k, k[:, None], setting)[:, 0]
        rate = b.n_b * self.source.density(b.final_energy) * self.exposed(setting)
        factor = 1.0 if self.elastic_factor is None else self.elastic_factor
        number = rng.poisson(rate * factor * self.sample.elastic_line(hkl))
        rows = np.repeat(np.arange(b.n_b.size), number)
        final = self._final(rows, rng)
        return rows, final + self.sample.elastic_width * rng.standard_normal(rows.size), final

    def _hkl(
        self, direction: FloatArray, k_f: FloatArray, k_i: FloatArray, setting: int
    ) -> FloatArray:
        """Indices for every pixel and incident wavenumber; dims (pixel, energy, 3)."""
        turned = self.turned(direction)
        q = -(turned * k_f[:, None])[:, None, :] + np.zeros((1, k_i.shape[-1], 1))
        q[..., 2] += k_i
        return self.sample.hkl(q, float(self.a3[setting]))

    def turned(self, direction: FloatArray) -> FloatArray:
        """Directions with the tank at its angle; dims (pixel, xyz)."""
        t = np.deg2rad(self.a4)
        x, z = direction[:, 0], direction[:, 2]
        turned = [np.cos(t) * x + np.sin(t) * z, 0.0 * x, np.cos(t) * z - np.sin(t) * x]
        return np.stack(turned, axis=1)


def apparent(run: Run, events: Counted, nominal: Bifrost) -> FloatArray:
    """Incident wavenumber that a reduction with nominal geometry gives; dims (event), 1/Å."""
    place, when = run.source.reference
    at_sample = events.arrival - nominal.path[events.pixel] / nominal.final_speed[events.pixel]
    return wavenumber_of_speed((SAMPLE - place) / (at_sample - when))
