"""Raw files of BIFROST, as ESS writes them, from plain arrays: for simulations and tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ewaldite.io.atomic import PathLike, atomic_path

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

EPOCH = "2026-01-01T00:00:00"
_UP, _ALONG = (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)


@dataclass(frozen=True)
class TripletDrawing:
    """One triplet with its analyser, as it is drawn.

    Attributes
    ----------
    channel, arc:
        From 0.
    arm:
        Angle of the channel's arm about y, degrees.
    half_take_off:
        Rotation to the analyser's planes, and once more to the detector, degrees.
    sample_analyser, analyser_detector:
        m.
    x, y:
        Offsets of pixels; dims (tube, pixel), m.
    detector_number:
        dims (tube, pixel), int.
    d_spacing:
        Å.
    """

    channel: int
    arc: int
    arm: float
    half_take_off: float
    sample_analyser: float
    analyser_detector: float
    x: FloatArray
    y: FloatArray
    detector_number: IntArray
    d_spacing: float = 3.355


@dataclass(frozen=True)
class ChopperDrawing:
    """A disc.

    Attributes
    ----------
    name:
        Of its group.
    distance:
        From the source, m.
    slit:
        Begin and end of its slit, degrees.
    speed, delay:
        Hz and s; None: it stands and logs nothing.
    """

    name: str
    distance: float
    slit: tuple[float, float] = (-85.0, 85.0)
    speed: float | None = None
    delay: float | None = None


@dataclass(frozen=True)
class EventList:
    """Events of one detector or monitor, in the order of time.

    Attributes
    ----------
    number:
        Detector number, None for a monitor; dims (event), int.
    frame:
        Time of the frame in which each was counted, ascending; dims (event), ns, int64.
    offset:
        Time in the frame; dims (event), ns, int64.
    """

    number: IntArray | None
    frame: IntArray
    offset: IntArray


@dataclass(frozen=True)
class RawRun:
    """What is written.

    Attributes
    ----------
    triplets:
        In the order of the file, with their events.
    primary_length:
        m.
    a3, a4:
        Times (s) and angles (degrees) of their logs.
    monitor_distance:
        From the source, m.
    monitor:
        Events; or times of intervals (s), edges (s) and counts, dims (interval, bin).
    choppers:
        In the beam.
    charge:
        Times (s) and charges (µC) of pulses; None: not logged.
    title:
        Of the run.
    """

    triplets: Sequence[tuple[TripletDrawing, EventList]]
    primary_length: float
    a3: tuple[FloatArray, FloatArray]
    a4: tuple[FloatArray, FloatArray]
    monitor_distance: float
    monitor: EventList | tuple[FloatArray, FloatArray, FloatArray]
    choppers: Sequence[ChopperDrawing] = ()
    charge: tuple[FloatArray, FloatArray] | None = None
    title: str = "BIFROST"
    extra: Mapping[str, str] = field(default_factory=dict)


def write_raw(path: PathLike, run: RawRun) -> None:
    """Write a raw file; it appears under its name when it is complete.

    Parameters
    ----------
    path:
        The file.
    run:
        What is in it.

    Raises
    ------
    UserError
        If it cannot be written.
    """
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        entry = _group(file, "entry", "NXentry")
        for name, value in {"title": run.title, "start_time": EPOCH, **run.extra}.items():
            entry[name] = value
        instrument = _group(entry, "instrument", "NXinstrument")
        instrument["name"] = "bifrost"
        source = _group(instrument, "source", "NXmoderator")
        _place(source, run.primary_length)
        tank = _group(instrument, "detector_tank_angle", "NXcoordinate_system")
        turn = _log(_group(tank, "transformations", "NXtransformations"),
                    "detector_tank_angle_r0", *run.a4, "deg")  # fmt: skip
        _transformation(turn, "rotation", _UP, ".")
        stack = _group(instrument, "114_sample_stack", "NXpositioner")
        _log(_group(stack, "rotation_stage", "NXcollection"), "value", *run.a3, "deg")
        for channel in sorted({t.channel for t, _ in run.triplets}):
            arm = next(t.arm for t, _ in run.triplets if t.channel == channel)
            _arm(instrument, channel, arm, turn.name)
        for triplet, events in run.triplets:
            _triplet(instrument, triplet, events)
        for chopper in run.choppers:
            _chopper(instrument, chopper, run.primary_length)
        _monitor(instrument, run)
        if run.charge is not None:
            info = _group(instrument, "neutron_prod_info", "NXcollection")
            _log(info, "pulse_charge", *run.charge, "uC")


def _group(parent: h5py.Group, name: str, kind: str) -> h5py.Group:
    group = parent.create_group(name)
    group.attrs["NX_class"] = kind
    return group


def _number(parent: h5py.Group, name: str, value: Any, unit: str) -> h5py.Dataset:
    dataset = parent.create_dataset(name, data=value)
    dataset.attrs["units"] = unit
    return dataset


def _times(parent: h5py.Group, name: str, nanoseconds: IntArray) -> None:
    _number(parent, name, nanoseconds, "ns").attrs["start"] = EPOCH


def _log(
    parent: h5py.Group, name: str, time: FloatArray, value: FloatArray, unit: str
) -> h5py.Group:
    log = _group(parent, name, "NXlog")
    _times(log, "time", np.rint(np.asarray(time) * 1e9).astype(np.int64))
    _number(log, "value", value, unit)
    return log


def _transformation(node: Any, kind: str, vector: Sequence[float], depends_on: str) -> None:
    node.attrs["transformation_type"] = kind
    node.attrs["vector"] = np.array(vector, dtype=np.float64)
    node.attrs["depends_on"] = depends_on


def _chain(
    group: h5py.Group, steps: Sequence[tuple[str, str, float, Sequence[float]]], base: str
) -> None:
    """Write steps, the first one next to ``base``, and let the group depend on the last."""
    chain, last = _group(group, "transformations", "NXtransformations"), base
    for name, kind, value, vector in steps:
        unit = "m" if kind == "translation" else "deg"
        node = _number(chain, name, value, unit)
        _transformation(node, kind, vector, last)
        last = node.name
    group["depends_on"] = last


def _place(group: h5py.Group, upstream: float) -> None:
    _chain(group, [("t0", "translation", -upstream, _ALONG)], ".")


def _arm(instrument: h5py.Group, channel: int, angle: float, tank: str) -> None:
    arm = _group(instrument, f"channel_{channel + 1}_arm", "NXcoordinate_system")
    _chain(arm, [("r0", "rotation", angle, _UP)], tank)


def _triplet(instrument: h5py.Group, t: TripletDrawing, events: EventList) -> None:
    stem = f"channel_{t.channel + 1}_{t.arc + 1}"
    arm = f"{instrument.name}/channel_{t.channel + 1}_arm/transformations/r0"
    crystal = _group(instrument, f"{stem}_monochromator", "NXcrystal")
    _number(crystal, "d_spacing", t.d_spacing, "angstrom")
    crystal["usage"] = "Bragg"
    _chain(
        crystal,
        [
            ("t0", "translation", t.sample_analyser, _ALONG),
            ("r0", "rotation", 90.0, _ALONG),
            ("r1", "rotation", t.half_take_off, _UP),
        ],
        arm,
    )
    detector = _group(instrument, f"{stem}_triplet", "NXdetector")
    detector.attrs["inputs"] = [f"{stem}_monochromator"]
    detector.create_dataset("detector_number", data=t.detector_number.astype(np.int32))
    _number(detector, "x_pixel_offset", t.x, "m")
    _number(detector, "y_pixel_offset", t.y, "m")
    _chain(
        detector,
        [
            ("r0", "rotation", t.half_take_off, _UP),
            ("t0", "translation", t.analyser_detector, _ALONG),
        ],
        f"{crystal.name}/transformations/r1",
    )
    _events(detector, "data", events)


def _events(parent: h5py.Group, name: str, events: EventList) -> None:
    group = _group(parent, name, "NXevent_data")
    frames, first = np.unique(events.frame, return_index=True)
    if events.number is not None:
        group.create_dataset("event_id", data=events.number.astype(np.int32))
    _number(group, "event_time_offset", events.offset.astype(np.int32), "ns")
    _times(group, "event_time_zero", frames)
    group.create_dataset("event_index", data=first.astype(np.int64))


def _chopper(instrument: h5py.Group, c: ChopperDrawing, length: float) -> None:
    group = _group(instrument, c.name, "NXdisk_chopper")
    _place(group, length - c.distance)
    _number(group, "slit_edges", np.array(c.slit), "deg")
    group["slits"] = 1
    start = np.zeros(1)
    if c.speed is not None:
        _log(group, "rotation_speed", start, np.array([c.speed]), "Hz")
    if c.delay is not None:
        _log(group, "delay", start, np.array([c.delay * 1e9]), "ns")


def _monitor(instrument: h5py.Group, run: RawRun) -> None:
    group = _group(instrument, "normalization_monitor", "NXmonitor")
    _place(group, run.primary_length - run.monitor_distance)
    if isinstance(run.monitor, EventList):
        _events(group, "data", run.monitor)
        return
    time, edges, counts = run.monitor
    data = _group(group, "data", "NXdata")
    data.attrs["signal"] = "signal"
    data.attrs["axes"] = ["time", "frame_time"]
    _times(data, "time", np.rint(time * 1e9).astype(np.int64))
    _number(data, "frame_time", edges * 1e9, "ns")
    _number(data, "signal", counts, "counts")
