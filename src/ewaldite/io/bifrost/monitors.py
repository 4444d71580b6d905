"""Monitors of a raw file, as histograms or as events."""

from __future__ import annotations

from dataclasses import dataclass

import h5py
import numpy as np

from ewaldite.errors import UserError
from ewaldite.io.bifrost.access import (
    children,
    conversion,
    instants,
    need,
    numbers,
    text,
    where,
)
from ewaldite.io.bifrost.components import read_distance
from ewaldite.io.bifrost.events import EventSource, event_group
from ewaldite.model.experiment import FloatArray

#: Width of bins for events, s (the seed's 20 µs).
BIN_WIDTH = 20e-6
_PLAIN = ("", "1", "one", "dimensionless")


@dataclass(frozen=True)
class RawMonitor:
    """What a monitor counted.

    Attributes
    ----------
    name:
        Of the group.
    distance:
        From the source along the beam, m.
    time:
        Beginning of each interval of the run, from the reference; dims (interval), s.
    edges:
        Bins of the time within a pulse's frame, ascending; dims (bin + 1), s.
    counts:
        dims (interval, bin), float64; not whole where a simulation weighted them.
    """

    name: str
    distance: float
    time: FloatArray
    edges: FloatArray
    counts: FloatArray


def monitor_groups(instrument: h5py.Group) -> dict[str, h5py.Group]:
    """Monitors of an instrument by name."""
    return children(instrument, "NXmonitor")


def read_monitor(
    group: h5py.Group,
    source: FloatArray,
    reference: int,
    period: float,
    *,
    interval: float = np.inf,
    until: float = np.inf,
) -> RawMonitor:
    """Read a monitor.

    Taken from the NXmonitor: ``depends_on``, and either an NXdata with signal and axes ``time``
    and ``frame_time``, or an NXevent_data, whose events are counted in bins of 20 µs.

    Parameters
    ----------
    group:
        The monitor.
    source:
        Position of the source; dims (xyz), m.
    reference:
        Zero of times, ns since 1970.
    period:
        Of the pulses, s.
    interval:
        Longest interval of the run into which events are counted, s; infinite for one.
    until:
        Pulses and intervals that begin later are left out, s from the reference.

    Returns
    -------
    :
        Counts by interval and bin.

    Raises
    ------
    UserError
        If it has neither form, axes that do not fit, or counts that are none.
    """
    events = event_group(group)
    name, distance = group.name.rsplit("/", 1)[1], read_distance(group, source)
    if events is not None:
        parts = _count(EventSource.of(events, reference).until(until), period, interval)
        return RawMonitor(name, distance, *parts)
    for data in children(group, "NXdata").values():
        time, edges, counts = _histogram(data, reference)
        begun = np.maximum(time <= until, np.arange(time.size) == 0)
        return RawMonitor(name, distance, time[begun], edges, counts[begun])
    raise UserError(
        f"read the monitor {where(group)}",
        "it has neither a histogram (NXdata) nor events (NXevent_data)",
        "Name another one as [monitor] name, or see whether the file is complete.",
    )


def _histogram(data: h5py.Group, reference: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    signal = need(data, text(data.attrs.get("signal", "signal")))
    edges = numbers(need(data, "frame_time"), "s").ravel()
    counts = _counts(signal)
    counts = counts[None] if counts.ndim == 1 else counts
    time = np.zeros(1)
    if "time" in data:
        since = np.atleast_1d(instants(data["time"])) - reference
        time = since.astype(np.float64) * 1e-9
    if counts.ndim == 2 and edges.size == counts.shape[1] and edges.size > 1:
        # Begin of each bin: files of the filewriter leave the last edge out
        edges = np.append(edges, 2 * edges[-1] - edges[-2])
    if counts.shape != (time.size, edges.size - 1) or np.any(np.diff(edges) <= 0):
        raise UserError(
            f"read the histogram {where(data)}",
            f"its signal has the shape {counts.shape}, its axes {time.size} times and "
            f"{edges.size} ascending edges",
            "Correct the file, or name another monitor as [monitor] name.",
        )
    return time, edges, counts


def _counts(signal: h5py.Dataset) -> FloatArray:
    unit = text(signal.attrs.get("units", ""))
    factor = 1.0 if unit in _PLAIN else conversion(signal, "counts")
    counts = np.asarray(signal[()], dtype=np.float64) * factor
    wrong = ~(np.isfinite(counts) & (counts >= 0.0))
    if np.any(wrong):
        raise UserError(
            f"read the histogram {where(signal)}",
            f"{np.count_nonzero(wrong):,} of its {wrong.size:,} values are negative or no "
            f"number, as {counts[wrong][0]:g}",
            "Correct the file, or name another monitor as [monitor] name.",
        )
    return counts


def _count(
    source: EventSource, period: float, interval: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    bins = max(round(period / BIN_WIDTH), 1)
    edges = np.linspace(0.0, period, bins + 1)
    pulses = source.pulse_time
    span = float(np.ptp(pulses)) + period if pulses.size else period
    rows = max(int(np.ceil(span / interval)), 1) if np.isfinite(interval) else 1
    first = float(pulses[0]) if pulses.size else 0.0
    time = first + np.arange(rows, dtype=np.float64) * (span / rows)
    counts = np.zeros(rows * bins)
    for slab in source.slabs():
        when = slab.offset.astype(np.float64) * slab.scale
        row = (pulses[slab.pulse_of_event()] - first) * (rows / span)
        place = np.clip(row.astype(np.int64), 0, rows - 1) * bins
        place += np.clip((np.mod(when, period) * (bins / period)).astype(np.int64), 0, bins - 1)
        counts += np.bincount(place, minlength=rows * bins)
    return np.asarray(time), edges, counts.reshape(rows, bins)
