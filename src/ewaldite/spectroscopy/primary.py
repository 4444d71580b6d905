r"""The way in: how the time at the sample becomes the incident speed.

Three modes. With the pulse-shaping choppers *parked* (open), all of the pulse comes through,
and a neutron left the source at the mean time of emission, give or take the width of the pulse;
with them *spinning*, it passed between the two discs while both were open:

.. math:: v_i = \frac{L_1}{t_s - (T_0 + t_{rise} + \tau/2)}, \qquad
          v_i = \frac{L_1 - z_{psc}}{t_s - T_{psc}}

A *table* of wavelengths covers both and all between; see :mod:`.lookup_table`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from ewaldite.errors import UserError
from ewaldite.geometry.neutron import speed
from ewaldite.model.experiment import FloatArray
from ewaldite.spectroscopy.cascade import LONGEST_WAVELENGTH, Beamlet, transmit
from ewaldite.spectroscopy.chopper import Chopper, Pulse
from ewaldite.spectroscopy.frames import PULSE_PERIOD, Frames, frames_of
from ewaldite.spectroscopy.lookup_table import lookup_table
from ewaldite.tables.neutron import H_OVER_MASS, HBAR_OVER_MASS

PULSE_SHAPING = "pulse_shaping"


@dataclass(frozen=True)
class Primary:
    """How the time at the sample becomes the incident speed.

    Attributes
    ----------
    sample_distance:
        From the source to the sample, m.
    reference_distance, reference_time:
        Where, from the source (m), and when, after the pulse (s), neutrons are timed.
    frames:
        How times are unwrapped.
    curve:
        Times at the sample, evenly spaced (s), and wavelengths (Å); dims (2, entry). Without
        entries the reference is used.
    """

    sample_distance: float
    reference_distance: float
    reference_time: float
    frames: Frames
    curve: FloatArray = field(default_factory=lambda: np.zeros((2, 0)))

    def wavenumber(self, distance: float, time: ArrayLike) -> FloatArray:
        """Wavenumber of neutrons that pass a place at a time.

        Parameters
        ----------
        distance:
            From the source, m.
        time:
            After the pulse, unwrapped; dims (event), s.

        Returns
        -------
        :
            dims (event), 1/Å; not a number where a table says nothing.
        """
        when = np.asarray(time, dtype=np.float64)
        if not self.curve.size:
            flight = when - self.reference_time
            return np.asarray((distance - self.reference_distance) / flight / HBAR_OVER_MASS)
        known = np.isfinite(self.curve[1])
        wavelength = np.interp(
            when, self._passes(distance)[known], self.curve[1, known], np.nan, np.nan
        )
        return np.asarray(2.0 * np.pi / wavelength, dtype=np.float64)

    def time(self, distance: float, wavenumber: ArrayLike) -> FloatArray:
        """Invert :meth:`wavenumber`: time after the pulse; dims (event), s."""
        k = np.asarray(wavenumber, dtype=np.float64)
        if not self.curve.size:
            flight = (distance - self.reference_distance) / speed(k)
            return np.asarray(self.reference_time + flight)
        known = np.isfinite(self.curve[1])
        order = np.argsort(self.curve[1, known])
        wavelengths = self.curve[1, known][order]
        when = self._passes(distance)[known][order]
        found = np.interp(2.0 * np.pi / k, wavelengths, when, np.nan, np.nan)
        return np.asarray(found, dtype=np.float64)

    def _passes(self, distance: float) -> FloatArray:
        """When neutrons of the entries of the curve pass a distance, s."""
        onward = (self.sample_distance - distance) * self.curve[1] / H_OVER_MASS
        return np.asarray(self.curve[0] - onward)


def parked(length: float, emission_time: float, frames: Frames) -> Primary:
    """Pulse-shaping choppers parked open.

    Parameters
    ----------
    length:
        From the source to the sample, m.
    emission_time:
        Mean time of emission after the pulse, s.
    frames:
        How times are unwrapped.
    """
    return Primary(length, 0.0, emission_time, frames)


def spinning(length: float, distance: float, time: float, frames: Frames) -> Primary:
    """Pulse-shaping choppers spinning.

    Parameters
    ----------
    length:
        From the source to the sample, m.
    distance:
        From the source to between the two discs, m.
    time:
        Middle of the common opening of both after the pulse, s.
    frames:
        How times are unwrapped.

    Raises
    ------
    UserError
        If the choppers are not between source and sample.
    """
    if not 0.0 < distance < length:
        raise UserError(
            "use the pulse-shaping choppers",
            f"they are {distance:.3f} m from the source, and the sample is {length:.3f} m",
            "Give [primary] psc_distance from the source (moderator), as in '6.349 m'.",
        )
    return Primary(length, distance, time, frames)


def from_table(
    length: float,
    pulse: Pulse,
    choppers: Sequence[Chopper],
    *,
    wavelengths: tuple[float, float] = (0.0, LONGEST_WAVELENGTH),
    period: float = PULSE_PERIOD,
    earliest: float | None = None,
) -> Primary:
    """Wavelengths from all choppers.

    Parameters
    ----------
    length:
        From the source to the sample, m.
    pulse:
        When neutrons start.
    choppers:
        In the order in which they meet them.
    wavelengths:
        Shortest and longest that the source gives, Å.
    period:
        Of the pulses, s.
    earliest:
        Beginning of the frame at the sample, s; from the choppers if None.

    Raises
    ------
    UserError
        If the choppers let nothing through.
    """
    frames = frames_behind(length, pulse, choppers, wavelengths, period, earliest)
    table = lookup_table(pulse, choppers, [length], wavelengths=wavelengths)
    curve = np.stack([table.coords["time"].values, table.values[0]])
    return Primary(length, 0.0, pulse.mean, frames, curve)


def frames_behind(
    length: float,
    pulse: Pulse,
    choppers: Sequence[Chopper],
    wavelengths: tuple[float, float] = (0.0, LONGEST_WAVELENGTH),
    period: float = PULSE_PERIOD,
    earliest: float | None = None,
) -> Frames:
    """Frames at the sample by what the choppers let through; see :func:`from_table`."""
    beamlets = transmit(pulse, choppers, wavelengths)
    return frames_of([b.arrival(length) for b in beamlets], period=period, earliest=earliest)


def common_opening(
    pulse: Pulse,
    choppers: Sequence[Chopper],
    wavelengths: tuple[float, float] = (0.0, LONGEST_WAVELENGTH),
) -> tuple[float, float]:
    """Place and time of the common opening of the two pulse-shaping choppers.

    Parameters
    ----------
    pulse:
        When neutrons start.
    choppers:
        All, in the order in which neutrons meet them; those of pulse shaping are known by name.
    wavelengths:
        Shortest and longest that the source gives, Å.

    Returns
    -------
    :
        Distance of the middle between the discs from the source, m; middle of the opening
        that neutrons at the sample came through, after the pulse, s.

    Raises
    ------
    UserError
        If there are not two such discs, one of them stands, or several openings let neutrons
        through to the sample.
    """
    discs = _pulse_shaping(choppers)
    if len(discs) != 2 or any(choppers[n].frequency == 0.0 for n in discs):
        names = [choppers[n].name for n in discs] or [c.name for c in choppers]
        raise UserError(
            "find when the pulse-shaping choppers are open",
            f"two that turn are needed, and there are {', '.join(names) or 'none'}"
            + (" (standing)" if len(discs) == 2 else ""),
            "Give [primary] psc_time and psc_distance, or mode = 'parked'.",
        )
    beamlets = transmit(pulse, choppers, wavelengths)
    middles = sorted({_middle(beamlet, discs) for beamlet in beamlets})
    if middles[-1] - middles[0] > 1e-6:
        times = ", ".join(f"{1e3 * t:.3f}" for t in middles)
        raise UserError(
            "find when the pulse-shaping choppers are open",
            f"neutrons reach the sample through openings at {times} ms",
            "Use [primary] mode = 'table', which knows them all, or give psc_time.",
        )
    return float(np.mean([choppers[n].distance for n in discs])), middles[0]


def opening_width(
    pulse: Pulse,
    choppers: Sequence[Chopper],
    wavelengths: tuple[float, float] = (0.0, LONGEST_WAVELENGTH),
) -> float:
    """How long both pulse-shaping choppers are open, s; arguments as :func:`common_opening`."""
    discs = _pulse_shaping(choppers)
    opened = [_opening(b, discs) for b in transmit(pulse, choppers, wavelengths)]
    return max(closing - opening for opening, closing in opened)


def _pulse_shaping(choppers: Sequence[Chopper]) -> list[int]:
    return [n for n, c in enumerate(choppers) if c.name.startswith(PULSE_SHAPING)]


def _opening(beamlet: Beamlet, discs: Sequence[int]) -> tuple[float, float]:
    windows = [beamlet.openings[n] for n in discs]
    return max(w[0] for w in windows), min(w[1] for w in windows)


def _middle(beamlet: Beamlet, discs: Sequence[int]) -> float:
    return sum(_opening(beamlet, discs)) / 2.0
