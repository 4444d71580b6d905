"""Incident energies from times, where the flight starts at one place and time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.geometry.neutron import speed
from ewaldite.tables.neutron import HBAR_OVER_MASS

FloatArray = NDArray[np.float64]


class IncidentFlight(Protocol):
    """What ties the incident wavenumber to the time at a place along the beam."""

    @property
    def sample_distance(self) -> float:
        """From the moderator to the sample, m."""

    def wavenumber(self, distance: float, time: ArrayLike) -> FloatArray:
        """Wavenumber (1/Å) of neutrons that pass ``distance`` (m) at ``time`` (s)."""

    def time(self, distance: float, wavenumber: ArrayLike) -> FloatArray:
        """Invert :meth:`wavenumber`: time (s), from the proton pulse, not folded."""


@dataclass(frozen=True)
class StraightFlight:
    r"""All neutrons start at one time and place: :math:`v = (x - z_0) / (t - t_0)`.

    Choppers parked, the place is the moderator and the time the mean emission time;
    pulse-shaping choppers spinning, both are those of their opening.

    Attributes
    ----------
    reference_time:
        t₀ after the proton pulse, s.
    reference_distance:
        z₀ from the moderator, m.
    sample_distance:
        From the moderator to the sample, m.
    """

    reference_time: float
    reference_distance: float
    sample_distance: float

    def wavenumber(self, distance: float, time: ArrayLike) -> FloatArray:
        """See :meth:`IncidentFlight.wavenumber`."""
        flight = np.asarray(time, dtype=np.float64) - self.reference_time
        return np.asarray((distance - self.reference_distance) / flight / HBAR_OVER_MASS)

    def time(self, distance: float, wavenumber: ArrayLike) -> FloatArray:
        """See :meth:`IncidentFlight.time`."""
        return np.asarray(
            self.reference_time + (distance - self.reference_distance) / speed(wavenumber)
        )
