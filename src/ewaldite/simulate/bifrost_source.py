"""The neutrons on their way to the sample: spectrum, time structure, monitor."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ewaldite.simulate.bifrost import (
    MONITOR,
    PULSE_SHAPING,
    SAMPLE,
    energy_of_speed,
    speed_of_energy,
    wavenumber_of_speed,
)

FloatArray = NDArray[np.float64]

_GRID = 20_001
_H_OVER_M = 3956.0340061  # (m/s) Å


@dataclass(frozen=True)
class Source:
    r"""A band of the cold spectrum.

    :math:`\Phi(E) = \Phi_0\, E/T^2\, e^{-E/T} \times` a gentle structure, so that no simple
    power law fits; the unit is that of the reduction, counts of a perfect 1/v monitor times 1/Å
    per meV and pulse.

    Parked, a neutron starts at the moderator at a random time: even over the pulse of 2.86 ms,
    with an exponential tail of 0.29 ms after it, 1.72 ms on average. Spinning, it passes the
    middle of the pulse-shaping choppers within an even opening around ``psc_time``.

    Attributes
    ----------
    mode:
        How the pulse-shaping choppers stand.
    band:
        Shortest and longest wavelength, Å.
    flux:
        Φ₀.
    temperature:
        T, meV.
    psc_time, opening:
        Middle and length of the opening, s.
    """

    mode: Literal["parked", "spinning"] = "parked"
    band: tuple[float, float] = (3.95, 5.60)
    flux: float = 1.0
    temperature: float = 2.4
    psc_time: float = 8.41e-3
    opening: float = 0.3e-3
    pulse: float = 2.86e-3
    tail: float = 0.29e-3

    @property
    def mean_emission(self) -> float:
        """Mean time at the moderator, s (parked)."""
        return self.pulse / 2.0 + self.tail

    @property
    def psc_distance(self) -> float:
        """Middle of the pulse-shaping choppers from the moderator, m."""
        return sum(PULSE_SHAPING) / 2.0

    @property
    def reference(self) -> tuple[float, float]:
        """Where (m) and when (s) a neutron starts on average."""
        if self.mode == "parked":
            return 0.0, self.mean_emission
        return self.psc_distance, self.psc_time

    @property
    def limits(self) -> tuple[float, float]:
        """Lowest and highest energy, meV."""
        short, long = (float(energy_of_speed(np.array(_H_OVER_M / x))) for x in self.band)
        return long, short

    @property
    def earliest_at_sample(self) -> float:
        """Time before which no neutron of the band is at the sample, s, with some margin."""
        place, when = self.reference
        fastest = _H_OVER_M / self.band[0]
        early = self.pulse if self.mode == "parked" else self.opening
        return when + (SAMPLE - place) / fastest - early / 2.0 - 0.8e-3

    def density(self, energy: FloatArray) -> FloatArray:
        """Φ, per meV and pulse; 0 outside the band."""
        x = np.asarray(energy, dtype=np.float64) / self.temperature
        shape = x / self.temperature * np.exp(-x) * (1.0 + 0.15 * np.sin(3.0 * energy))
        low, high = self.limits
        return np.asarray(np.where((energy >= low) & (energy <= high), self.flux * shape, 0.0))

    @cached_property
    def _grid(self) -> tuple[FloatArray, FloatArray]:
        """Energies, and the integral of Φ/k_i up to them."""
        energy = np.linspace(*self.limits, _GRID)
        rate = self.density(energy) / wavenumber_of_speed(speed_of_energy(energy))
        steps = (rate[1:] + rate[:-1]) / 2.0 * np.diff(energy)
        return energy, np.concatenate([[0.0], np.cumsum(steps)])

    @property
    def per_pulse(self) -> float:
        """∫ Φ/k_i dE_i: what a perfect monitor counts in a pulse."""
        return float(self._grid[1][-1])

    def energies(self, number: int, rng: np.random.Generator) -> FloatArray:
        """Energies drawn in proportion to Φ/k_i; dims (neutron), meV."""
        energy, total = self._grid
        return np.asarray(np.interp(rng.random(number) * total[-1], total, energy))

    def start(self, number: int, rng: np.random.Generator) -> tuple[float, FloatArray]:
        """Place (m) and times (s) where neutrons start."""
        if self.mode == "spinning":
            return self.psc_distance, self.psc_time + self.opening * (rng.random(number) - 0.5)
        return 0.0, self.pulse * rng.random(number) + rng.exponential(self.tail, number)

    def arrive(
        self, energy: FloatArray, rng: np.random.Generator, distance: float = SAMPLE
    ) -> FloatArray:
        """Draw times of arrival at a distance, from the proton pulse; dims (neutron), s."""
        place, when = self.start(energy.size, rng)
        return np.asarray(when + (distance - place) / speed_of_energy(energy))

    def monitor(self, expected: float, rng: np.random.Generator) -> FloatArray:
        """Times at the monitor of a Poisson number of counts; dims (count), s."""
        number = int(rng.poisson(expected))
        return self.arrive(self.energies(number, rng), rng, MONITOR)
