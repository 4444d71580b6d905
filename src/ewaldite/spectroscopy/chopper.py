"""A chopper disc, and the pulse of the source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ewaldite.model.experiment import FloatArray


@dataclass(frozen=True)
class Chopper:
    """A disc that turns in phase with the source.

    Attributes
    ----------
    name:
        Of the disc.
    distance:
        From the source, m.
    frequency:
        Turns a second, positive anticlockwise as seen from the source; zero for one that stands
        open; Hz.
    delay:
        From the pulse to the passage of the top dead centre, s.
    slits:
        Begin and end of each slit against the top dead centre, anticlockwise; dims (slit, 2),
        degrees.
    beam:
        Where the beam passes, against the place of the sensor; degrees.
    """

    name: str
    distance: float
    frequency: float
    delay: float
    slits: FloatArray
    beam: float = 0.0

    def openings(self, until: float) -> FloatArray:
        r"""Times at which it is open.

        .. math:: t = t_d + \frac{\tilde\theta - \theta}{2\pi f} + \frac{m}{|f|}

        for the edges θ of a slit, the beam at :math:`\tilde\theta`, and all turns m (NeXus,
        class NXdisk_chopper).

        Parameters
        ----------
        until:
            Openings that overlap [0, until] are given; s.

        Returns
        -------
        :
            From the pulse, ascending; dims (opening, 2), s.
        """
        if self.frequency == 0.0:
            return np.array([[-np.inf, np.inf]])
        turn = 1.0 / abs(self.frequency)
        found = []
        for slit in self.slits:
            edges = self.delay + (self.beam - slit) / (360.0 * self.frequency)
            low, high = float(edges.min()), float(edges.max())
            first, last = int(np.ceil(-high / turn)), int(np.floor((until - low) / turn))
            found += [(low + m * turn, high + m * turn) for m in range(first, last + 1)]
        return np.array(sorted(found)).reshape(-1, 2)


@dataclass(frozen=True)
class Pulse:
    """When neutrons leave the source: a trapezoid.

    Attributes
    ----------
    start:
        Beginning of the emission after the pulse's time stamp, T0; s.
    rise:
        From there to half of the maximum; s.
    width:
        Full width at half maximum, τ; s.
    """

    start: float
    rise: float
    width: float

    @property
    def mean(self) -> float:
        """Mean time of emission T0 + t_rise + τ/2; s."""
        return self.start + self.rise + self.width / 2.0

    @property
    def end(self) -> float:
        """End of the emission; s."""
        return self.start + 2.0 * self.rise + self.width

    def density(self, time: FloatArray) -> FloatArray:
        """Relative density of emission; dims as time."""
        ramp = max(2.0 * self.rise, 1e-12)
        up, down = (time - self.start) / ramp, (self.end - time) / ramp
        return np.asarray(np.clip(np.minimum(up, down), 0.0, 1.0))
