"""What a raw file says of its flux, step by step of the rotation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ewaldite.errors import UserError
from ewaldite.io.bifrost.events import EventSource, event_group
from ewaldite.io.bifrost.monitors import RawMonitor, monitor_groups
from ewaldite.io.bifrost.raw_file import RawFile
from ewaldite.spectroscopy.converter import Converter
from ewaldite.spectroscopy.flux import Flux, resolved_flux, shared_flux
from ewaldite.spectroscopy.monitor import (
    Intervals,
    charge_fractions,
    count_events,
    intervals,
)
from ewaldite.spectroscopy.steps import Steps

FloatArray = NDArray[np.float64]
Mode = Literal["auto", "resolved", "shared"]


@dataclass(frozen=True)
class Pulses:
    """Pulses of the source in a run.

    Attributes
    ----------
    time:
        Ascending; dims (pulse), s from the start of the run.
    charge:
        dims (pulse), any unit.
    keep:
        Whether a pulse takes part; dims (pulse).
    logged:
        Whether the charge was logged, or every pulse is taken as equal.
    """

    time: FloatArray
    charge: FloatArray
    keep: NDArray[np.bool_]
    logged: bool


def run_pulses(converter: Converter, start: float, end: float) -> Pulses:
    """Pulses whose neutrons may be counted in a run.

    Parameters
    ----------
    converter:
        Of the run.
    start, end:
        First and last frame that counted, s from the start of the run. Neutrons of the first
        frame come from pulses before it.

    Returns
    -------
    :
        Those of the log of the proton charge, or, without it, one a period.
    """
    period = converter.primary.frames.period
    log = converter.pulses.charge
    if log is None:
        return regular_pulses(converter, start, end)
    time, charge = log.time, np.maximum(log.value, 0.0)
    keep = converter.pulses.flags(time, converter.bits, period) == 0
    return Pulses(time, charge, keep, True)


def regular_pulses(converter: Converter, start: float, end: float) -> Pulses:
    """Pulses of equal charge, one a period, as time goes by with protons and without.

    Arguments as for :func:`run_pulses`.
    """
    period = converter.primary.frames.period
    first = start - period * np.ceil(converter.primary.frames.earliest / period + 2)
    time = np.arange(first, end + period / 2, period)
    keep = converter.pulses.flags(time, converter.bits, period) == 0
    return Pulses(time, np.ones(time.size), keep, False)


@dataclass(frozen=True)
class MonitorReading:
    """The monitor of an open file, with what its counts are shared out by.

    Attributes
    ----------
    raw:
        The file.
    name:
        Of the monitor.
    converter:
        Of the run.
    pulses:
        Of the run.
    offset:
        Added to the monitor's times, s.
    mode:
        Whether its counts are taken step by step, or as one spectrum.
    minimum_counts, minimum_share:
        See :func:`~ewaldite.spectroscopy.flux.resolved_flux`.
    end:
        Of the run, s.
    """

    raw: RawFile
    name: str
    converter: Converter
    pulses: Pulses
    offset: float
    mode: Mode
    minimum_counts: float
    minimum_share: float
    end: float

    @property
    def _events(self) -> EventSource | None:
        group = monitor_groups(self.raw.instrument).get(self.name)
        events = None if group is None else event_group(group)
        if events is None:
            return None
        return EventSource.of(events, self.raw.reference).until(self.raw.until)

    def flux(self, steps: Steps, energy_step: float) -> Flux:
        """Flux of the run.

        Parameters
        ----------
        steps:
            Of the rotation.
        energy_step:
            Narrowest bin in energy transfer, meV.

        Raises
        ------
        UserError
            If there is no such monitor, it counted too little, or is not resolved where it
            must be.
        """
        monitor = self.raw.monitor(self.name)
        if not monitor.counts.any():
            others = [n for n in self.raw.monitor_names() if n != self.name]
            raise UserError(
                f"normalise {self.raw.path} to its monitor",
                f"{self.name} has counted nothing",
                f"Give another one as [monitor] name: {', '.join(others)}."
                if others
                else "Give a run whose monitor counted; the file has no other.",
            )
        where = intervals(
            monitor.edges - self.offset,
            monitor.distance,
            self.converter.primary,
            energy_step=energy_step,
        )
        limits = {"minimum_counts": self.minimum_counts, "minimum_share": self.minimum_share}
        fractions = charge_fractions(
            self.pulses.time, self.pulses.charge, where.at_sample, steps.start, steps.end,
            keep=self.pulses.keep,
        )  # fmt: skip
        counts = None if self.mode == "shared" else self._resolved(monitor, where, steps)
        if counts is not None:
            return resolved_flux(where, counts, **limits)
        if self.mode == "resolved":
            raise UserError(
                f"take the monitor '{self.name}' of {self.raw.path} step by step",
                f"its {monitor.time.size} intervals are not those of the {len(steps)} steps",
                "Use [normalise] monitor = 'shared'.",
            )
        spectrum = where.gather(monitor.counts.sum(axis=0))
        return shared_flux(where, spectrum, fractions, **limits)

    def _resolved(
        self, monitor: RawMonitor, where: Intervals, steps: Steps
    ) -> FloatArray | None:
        events = self._events
        if events is not None:
            return self._counted(events, monitor.distance, where, steps)
        begins = monitor.time
        ends = np.append(begins[1:], max(self.end, begins[-1]))
        middle = steps.at((begins + ends) / 2)
        period = self.converter.primary.frames.period
        # a row is that of a step if it lies in it, up to a frame at each end
        inside = (begins > steps.start[middle] - period) & (ends < steps.end[middle] + period)
        if begins.size < 2 or not np.all(inside | (middle < 0)):
            return None
        rows = where.gather(monitor.counts)
        counts = np.zeros((len(steps), len(where)))
        used = middle >= 0
        np.add.at(counts, middle[used], rows[used])
        return counts * self._kept(where, steps)

    def _kept(self, where: Intervals, steps: Steps) -> FloatArray:
        """Share of the charge of a step that takes part; dims (step, interval)."""
        p = self.pulses
        both = [
            charge_fractions(p.time, p.charge, where.at_sample, steps.start, steps.end, keep=k)
            for k in (p.keep, None)
        ]
        out = np.ones_like(both[0])
        np.divide(both[0], both[1], out=out, where=both[1] > 0)
        return out

    def _counted(
        self, events: EventSource, distance: float, where: Intervals, steps: Steps
    ) -> FloatArray:
        primary = self.converter.primary
        period = primary.frames.period
        first = float(primary.time(distance, where.edges[-1:])[0])
        counts = np.zeros((len(steps), len(where)))
        for slab in events.slabs():
            offset = slab.offset.astype(np.float64) * slab.scale - self.offset
            when = events.pulse_time[slab.pulse_of_event()] + offset
            time = first + np.mod(offset - first, period)
            pulse = when - time
            row = np.searchsorted(self.pulses.time, pulse + period / 2, side="right") - 1
            keep = (row >= 0) & self.pulses.keep[np.maximum(row, 0)]
            counts += count_events(
                pulse, time, where, steps.start, steps.end, distance=distance,
                primary=primary, keep=keep,
            )  # fmt: skip
        return counts
