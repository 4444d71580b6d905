"""Simulated runs as raw files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ewaldite.io.bifrost.writer import (
    ChopperDrawing,
    EventList,
    RawRun,
    TripletDrawing,
    write_raw,
)
from ewaldite.simulate import bifrost as drawing
from ewaldite.simulate.bifrost import MONITOR, PERIOD, PULSE_SHAPING, SAMPLE
from ewaldite.simulate.bifrost_run import Counted, Run

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_PERIOD_NS = 1e9 / 14.0
#: Discs that confine the band: name, distance (m), and how much longer they are open on either
#: side than neutrons of the mean emission need, s. A wider band would be one of two frames.
_BAND = (
    ("frame_overlap_chopper_1", 8.53, 2.5e-3),
    ("frame_overlap_chopper_2", 14.97, 2.5e-3),
    ("bandwidth_chopper_1", 78.0, 0.0),
)


@dataclass(frozen=True)
class Logged:
    """How a simulated run is logged.

    Attributes
    ----------
    monitor:
        As a histogram by setting, as one histogram of the whole run, or as events.
    charge_spread:
        Relative σ of the protons of a pulse.
    missing:
        Fraction of pulses without protons.
    log_charge:
        Whether the proton charge is in the file.
    late:
        How late all neutrons are stamped, by detectors and monitor, s: what a time zero is.
    band_choppers:
        Whether discs that confine the band to that of the source are in the file too.
    """

    monitor: Literal["settings", "total", "events"] = "settings"
    charge_spread: float = 0.05
    missing: float = 0.01
    log_charge: bool = True
    late: float = 0.0
    band_choppers: bool = False


def write_run(
    path: Path, run: Run, rng: np.random.Generator, logged: Logged | None = None
) -> Counted:
    """Simulate a run and write its raw file, in the structure of ESS files.

    Setting s lasts from ``s · pulses · T`` on. A neutron belongs to the setting in which it
    scatters: its pulse is one of those whose neutrons of that speed scatter in the setting,
    drawn in proportion to their protons.

    Parameters
    ----------
    path:
        The file.
    run:
        What is measured; the file says nominal positions, whatever the truth.
    rng:
        Of everything that is drawn.
    logged:
        How it is logged.

    Returns
    -------
    :
        The true events of the sample, setting by setting; not in the order of the file.
    """
    log = logged or Logged()
    total = run.pulses * run.a3.size
    lead = 6  # pulses before the first frame: their neutrons come in it
    charge = np.maximum(rng.normal(1.0, log.charge_spread, total + lead), 0.1)
    charge[rng.random(charge.size) < log.missing] = 0.0
    cumulative = np.concatenate([[0.0], np.cumsum(charge)])
    shares = charge[lead:].reshape(run.a3.size, run.pulses).mean(axis=1)
    run = replace(run, exposure=shares if run.exposure is None else run.exposure * shares)
    events = run.events(rng)
    pulse = _pulses(run, events.setting, events.at_sample, cumulative, lead, rng)
    starts = np.asarray(np.arange(run.a3.size) * run.pulses * PERIOD, dtype=np.float64)
    number = run.instrument.detector_number[events.pixel]
    pulse_time = np.asarray((np.arange(charge.size) - lead) * PERIOD, dtype=np.float64)
    frame, offset = _frames(pulse, events.arrival + log.late)
    if np.any(np.asarray(run.constant) > 0.0):
        rows, time = run.constant_events(rng)
        others = _frames(np.zeros(rows.size, np.int64), time)
        number = np.concatenate([number, run.instrument.detector_number[rows]])
        frame = np.concatenate([frame, others[0]])
        offset = np.concatenate([offset, others[1]])
    drawings = _triplets(run.instrument.detector_number)
    write_raw(
        path,
        RawRun(
            triplets=list(
                zip(drawings, _by_triplet(drawings, number, frame, offset), strict=True)
            ),
            primary_length=SAMPLE,
            a3=(starts, run.a3),
            a4=(np.zeros(1), np.array([run.a4])),
            monitor_distance=MONITOR,
            monitor=_monitor(run, cumulative, lead, rng, log, starts),
            choppers=_choppers(run, log),
            charge=(pulse_time, charge) if log.log_charge else None,
            title="simulated BIFROST",
        ),
    )
    return events


def _pulses(
    run: Run,
    setting: IntArray,
    at_sample: FloatArray,
    cumulative: FloatArray,
    lead: int,
    rng: np.random.Generator,
) -> IntArray:
    """Pulse of each neutron, in units of the period from the start; dims (event), int64."""
    late = at_sample / PERIOD
    first = np.ceil(setting * run.pulses - late).astype(np.int64) + lead
    low, high = cumulative[first], cumulative[first + run.pulses]
    drawn = low + rng.random(setting.size) * (high - low)
    return np.searchsorted(cumulative, drawn, side="right") - 1 - lead


def _frames(pulse: IntArray, arrival: FloatArray) -> tuple[IntArray, IntArray]:
    """Frame that counts a neutron, and time in it; ns."""
    turns = np.floor(arrival / PERIOD).astype(np.int64)
    frame = np.floor((pulse + turns) * _PERIOD_NS).astype(np.int64)
    offset = np.floor((arrival - turns * PERIOD) * 1e9).astype(np.int64)
    return frame, offset


def _by_triplet(
    drawings: list[TripletDrawing], number: IntArray, frame: IntArray, offset: IntArray
) -> list[EventList]:
    """Events of each triplet in the order of time."""
    table = np.full(int(max(t.detector_number.max() for t in drawings)) + 1, -1)
    for row, t in enumerate(drawings):
        table[t.detector_number] = row
    triplet = table[number]
    order = np.lexsort((offset, frame, triplet))
    ends = np.searchsorted(triplet[order], np.arange(len(drawings) + 1))
    parts = [order[ends[n] : ends[n + 1]] for n in range(len(drawings))]
    return [EventList(number[part], frame[part], offset[part]) for part in parts]


def _triplets(numbers: IntArray) -> list[TripletDrawing]:
    """Drawings of the triplets that have a pixel among the numbers."""
    found = []
    tube, pixel = np.indices((drawing.TUBES, drawing.PIXELS))
    for channel in range(drawing.CHANNELS):
        for arc in range(drawing.ARCS):
            own = 2700 * arc + 900 * tube + 100 * channel + pixel + 1
            if not np.any(np.isin(own, numbers)):
                continue
            along = drawing.along_tube(np.array(channel), np.array(arc), pixel)
            found.append(
                TripletDrawing(
                    channel=channel,
                    arc=arc,
                    arm=10.0 * (channel - 4),
                    half_take_off=-drawing.half_take_off(arc),
                    sample_analyser=drawing.sample_analyser(channel, arc),
                    analyser_detector=drawing.analyser_detector(arc),
                    x=np.asarray((tube - 1) * drawing.TUBE_DISTANCE, dtype=np.float64),
                    y=-along,
                    detector_number=own,
                )
            )
    return found


def _choppers(run: Run, log: Logged) -> list[ChopperDrawing]:
    names = ("pulse_shaping_chopper_1", "pulse_shaping_chopper_2")
    band = _band(run) if log.band_choppers else []
    if run.source.mode == "parked":
        return [ChopperDrawing(n, z) for n, z in zip(names, PULSE_SHAPING, strict=True)] + band
    # a slit that is open for the opening around the time in the middle of both
    speed = 14.0
    half = run.source.opening * speed * 360.0 / 2.0
    return [
        ChopperDrawing(n, z, (-half, half), speed, run.source.psc_time)
        for n, z in zip(names, PULSE_SHAPING, strict=True)
    ] + band


def _band(run: Run) -> list[ChopperDrawing]:
    """Discs that are open while neutrons of the band, and none of another frame, pass."""
    discs = []
    place, when = run.source.reference
    for name, distance, margin in _BAND:
        low, high = run.source.limits
        arrivals = [
            when + (distance - place) / float(drawing.speed_of_energy(np.array(e)))
            for e in (high, low)
        ]
        open_for = arrivals[1] - arrivals[0] + 2.0 * margin
        half = open_for * 360.0 / PERIOD / 2.0
        middle = sum(arrivals) / 2.0
        discs.append(ChopperDrawing(name, distance, (-half, half), 1.0 / PERIOD, middle))
    return discs


def _monitor(
    run: Run,
    cumulative: FloatArray,
    lead: int,
    rng: np.random.Generator,
    log: Logged,
    starts: FloatArray,
) -> EventList | tuple[FloatArray, FloatArray, FloatArray]:
    times = [t + log.late for t in run.monitor_times(rng)]
    if log.monitor == "events":
        setting = np.repeat(np.arange(len(times)), [t.size for t in times])
        time = np.concatenate(times)
        onward = (time - log.late) * SAMPLE / MONITOR
        frame, offset = _frames(_pulses(run, setting, onward, cumulative, lead, rng), time)
        order = np.lexsort((offset, frame))
        return EventList(None, frame[order], offset[order])
    edges = np.linspace(0.0, PERIOD, 511)
    rows = np.stack([np.histogram(t % PERIOD, edges)[0] for t in times]).astype(np.float64)
    if log.monitor == "total":
        return np.zeros(1), edges, rows.sum(axis=0, keepdims=True)
    return starts, edges, rows
