r"""Choppers in a row: which neutrons of a pulse they let through.

A neutron that leaves the source at t and has the wavelength λ is at the distance d at
:math:`t + \lambda d\, m/h`. A chopper that is open from :math:`t_o` to :math:`t_c` lets
:math:`t_o \le t + \lambda d\, m/h \le t_c` through: two half-planes of (t, λ). What is left of
the rectangle of all neutrons of a pulse are convex polygons.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ewaldite.errors import UserError
from ewaldite.model.experiment import FloatArray
from ewaldite.spectroscopy.chopper import Chopper, Pulse
from ewaldite.tables.neutron import H_OVER_MASS

#: Longest wavelength that is followed, Å: the moderator gives next to none beyond.
LONGEST_WAVELENGTH = 20.0
_SMALLEST_AREA = 1e-12


@dataclass(frozen=True)
class Beamlet:
    """Neutrons that pass one opening of each chopper.

    Attributes
    ----------
    corners:
        Time of emission and wavelength of the corners of a convex polygon; dims (corner, 2), s
        and Å.
    openings:
        Opening of each chopper so far; s.
    """

    corners: FloatArray
    openings: tuple[tuple[float, float], ...] = ()

    def arrival(self, distance: float) -> tuple[float, float]:
        """First and last time at a distance (m), s."""
        time = self.corners[:, 0] + self.corners[:, 1] * distance / H_OVER_MASS
        return float(time.min()), float(time.max())

    @property
    def wavelengths(self) -> tuple[float, float]:
        """Shortest and longest wavelength, Å."""
        return float(self.corners[:, 1].min()), float(self.corners[:, 1].max())


def transmit(
    pulse: Pulse,
    choppers: Sequence[Chopper],
    wavelengths: tuple[float, float] = (0.0, LONGEST_WAVELENGTH),
) -> tuple[Beamlet, ...]:
    """Follow a pulse through all choppers.

    Parameters
    ----------
    pulse:
        When neutrons start.
    choppers:
        In the order in which they meet them.
    wavelengths:
        Shortest and longest that the source gives, Å.

    Returns
    -------
    :
        What is left, in order of the arrival behind the last chopper.

    Raises
    ------
    UserError
        If nothing is left.
    """
    (low, high), end = wavelengths, pulse.end
    corners = [[pulse.start, low], [end, low], [end, high], [pulse.start, high]]
    beamlets: list[Beamlet] = [Beamlet(np.array(corners))]
    for chopper in choppers:
        slowness = chopper.distance / H_OVER_MASS
        passed = []
        for beamlet in beamlets:
            first, last = beamlet.arrival(chopper.distance)
            for opened, closed in chopper.openings(last):
                if closed <= first or opened >= last:
                    continue
                left = _clip(beamlet.corners, (1.0, slowness), opened)
                left = _clip(left, (-1.0, -slowness), -closed)
                if _area(left) > _SMALLEST_AREA:
                    window = (float(opened), float(closed))
                    passed.append(Beamlet(left, (*beamlet.openings, window)))
        beamlets = passed
        if not beamlets:
            raise UserError(
                "follow a pulse through the choppers",
                f"no neutron passes {chopper.name} at {chopper.distance:.3f} m",
                "See whether speeds, delays and slits are right; give [primary] mode and times "
                "by hand if the file is wrong.",
            )
    behind = choppers[-1].distance if choppers else 1.0
    return tuple(sorted(beamlets, key=lambda b: b.arrival(behind)[0]))


def cut_by_emission(
    beamlets: Iterable[Beamlet], pulse: Pulse, slices: int
) -> list[tuple[Beamlet, float]]:
    """Cut beamlets into slices of the time of emission, each with its density."""
    edges = np.linspace(pulse.start, pulse.end, slices + 1)
    density = pulse.density((edges[1:] + edges[:-1]) / 2.0)
    parts = []
    for beamlet in beamlets:
        for low, high, weight in zip(edges, edges[1:], density, strict=False):
            left = _clip(beamlet.corners, (1.0, 0.0), low)
            left = _clip(left, (-1.0, 0.0), -high)
            if weight > 0.0 and _area(left) > _SMALLEST_AREA / slices:
                parts.append((replace(beamlet, corners=left), float(weight)))
    return parts


def chords(corners: FloatArray, distance: float, time: FloatArray) -> FloatArray:
    """Wavelengths of a polygon that arrive at given times.

    Parameters
    ----------
    corners:
        Time of emission and wavelength; dims (corner, 2), s and Å.
    distance:
        m.
    time:
        dims (time), s.

    Returns
    -------
    :
        Shortest and longest; dims (time, 2), Å; equal where none arrives.
    """
    arrival = corners[:, 0] + corners[:, 1] * distance / H_OVER_MASS
    low = np.full(time.size, np.inf)
    high = np.full(time.size, -np.inf)
    for i in range(len(corners)):
        j = (i + 1) % len(corners)
        if arrival[i] == arrival[j]:
            continue
        part = (time - arrival[i]) / (arrival[j] - arrival[i])
        crossed = (part >= 0.0) & (part <= 1.0)
        wavelength = corners[i, 1] + part * (corners[j, 1] - corners[i, 1])
        low = np.where(crossed, np.minimum(low, wavelength), low)
        high = np.where(crossed, np.maximum(high, wavelength), high)
    none = low > high
    return np.stack([np.where(none, 0.0, low), np.where(none, 0.0, high)], axis=-1)


def _clip(corners: FloatArray, normal: tuple[float, float], bound: float) -> FloatArray:
    """Part of a convex polygon with ``normal · corner >= bound`` (Sutherland & Hodgman)."""
    if not len(corners) or bound == -np.inf:
        return corners
    side = corners @ np.array(normal) - bound
    kept = []
    for i in range(len(corners)):
        j = (i + 1) % len(corners)
        if side[i] >= 0.0:
            kept.append(corners[i])
        if (side[i] >= 0.0) != (side[j] >= 0.0):
            part = side[i] / (side[i] - side[j])
            kept.append(corners[i] + part * (corners[j] - corners[i]))
    return np.array(kept).reshape(-1, 2)


def _area(corners: FloatArray) -> float:
    if len(corners) < 3:
        return 0.0
    x, y = corners[:, 0], corners[:, 1]
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2.0)
