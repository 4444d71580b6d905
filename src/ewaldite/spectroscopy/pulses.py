"""Pulses that do not count: without protons, with choppers out of phase, in times left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ewaldite.model.experiment import FloatArray
from ewaldite.model.time_log import TimeLog
from ewaldite.spectroscopy.event_mask import MaskBits
from ewaldite.spectroscopy.frames import PULSE_PERIOD

NO_PROTONS, OUT_OF_PHASE, LEFT_OUT = "no_protons", "chopper_phase", "time_left_out"


@dataclass(frozen=True)
class PulseRules:
    """What makes a pulse of the source one that does not count.

    Attributes
    ----------
    charge:
        Proton charge of every pulse, None where it is not logged; µC.
    minimum_charge:
        Smallest that counts, as a fraction of the median of pulses that have any.
    choppers:
        Delays (s) or speeds (Hz) of discs by name.
    tolerances:
        Largest difference of each from its median.
    left_out:
        Intervals of the run; dims (interval, 2), s.
    """

    charge: TimeLog | None = None
    minimum_charge: float = 0.1
    choppers: Mapping[str, TimeLog] = field(default_factory=dict)
    tolerances: Mapping[str, float] = field(default_factory=dict)
    left_out: FloatArray = field(default_factory=lambda: np.zeros((0, 2)))

    @property
    def names(self) -> tuple[str, ...]:
        """Masks that can be set."""
        used = (
            (NO_PROTONS, self.charge is not None),
            (OUT_OF_PHASE, bool(self.choppers)),
            (LEFT_OUT, bool(self.left_out.size)),
        )
        return tuple(name for name, on in used if on)

    def flags(
        self, pulse: FloatArray, bits: MaskBits, period: float = PULSE_PERIOD
    ) -> NDArray[np.uint32]:
        """Masks of pulses of the source.

        Parameters
        ----------
        pulse:
            When the protons came, from the start of the run; dims (...), s.
        bits:
            Names of masks.
        period:
            Of pulses, s. A log entry up to half of it later is that of the pulse.

        Returns
        -------
        :
            dims (...), uint32.
        """
        flags = np.zeros(pulse.shape, dtype=np.uint32)
        for name, edges in self._edges(period):
            if not edges.size:
                continue
            inside = np.searchsorted(edges, pulse, side="right") % 2 == 1
            flags[inside] |= bits.bit(name)
        return flags

    def _edges(self, period: float) -> list[tuple[str, FloatArray]]:
        """Where each mask begins and ends in turn; dims (edge), s."""
        found = []
        if self.charge is not None:
            charge = self.charge.value
            typical = charge[charge > 0.0]
            least = self.minimum_charge * float(np.median(typical)) if typical.size else 0.0
            bad = (charge < least) | (charge <= 0.0)
            found.append((NO_PROTONS, _begins_and_ends(self.charge.time, bad, period)))
        for name, log in self.choppers.items():
            off = np.abs(log.value - float(np.median(log.value))) > self.tolerances[name]
            found.append((OUT_OF_PHASE, _begins_and_ends(log.time, off, period)))
        found += [(LEFT_OUT, np.asarray(interval)) for interval in self.left_out]
        return found


def _begins_and_ends(time: FloatArray, bad: NDArray[np.bool_], period: float) -> FloatArray:
    """Edges of the times at which a log says that something is bad.

    An entry holds until the next, the first one also before it.
    """
    changes = np.flatnonzero(np.diff(bad)) + 1
    edges = time[changes] - period / 2.0
    return np.concatenate([[-np.inf], edges]) if bad[0] else edges
