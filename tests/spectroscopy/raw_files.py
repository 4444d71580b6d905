"""Small raw files of BIFROST, written by hand in the structures that exist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ewaldite.spectroscopy.design import (
    ANALYSER_DETECTOR,
    ARM,
    HALF_TAKE_OFF,
    SAMPLE_ANALYSER,
    TUBE_LENGTH,
)

START = "2026-01-01T00:00:00"
PERIOD_NS = 71_428_571
LENGTH = 161.99882399465903
TANK = "/entry/instrument/detector_tank_angle/transformations/detector_tank_angle_r0"


@dataclass
class Raw:
    """What a file is to hold.

    ``events``: of a triplet (channel, arc from 0), detector number, time in the frame (ns) and
    number of its frame. ``layout``: "mcstas" as the simulated files, "ess" as those of the
    instrument, with nested logs, a positioner for a3, relative paths.
    """

    events: Mapping[tuple[int, int], Sequence[tuple[int, int, int]]]
    a3: Sequence[tuple[float, float]] = ((0.0, 0.0),)
    a4: Sequence[tuple[float, float]] = ((0.0, 50.0),)
    layout: str = "mcstas"
    tank_axis: tuple[float, float, float] = (0.0, 1.0, 0.0)
    choppers: Sequence[Mapping[str, Any]] = ()
    charge: Sequence[tuple[float, float]] | None = None
    monitor: np.ndarray | None = field(default_factory=lambda: np.ones((1, 500)))
    monitor_events: Sequence[tuple[int, int]] | None = None
    chunked: bool = False
    frames: int = 60


def write(path: Path, raw: Raw) -> Path:
    with h5py.File(path, "w") as file:
        entry = group(file, "entry", "NXentry")
        entry["start_time"] = START
        instrument = group(entry, "instrument", "NXinstrument")
        _angles(entry, instrument, raw)
        source = group(instrument, "source", "NXmoderator")
        place(source, -LENGTH)
        for channel in range(9):
            arm = group(instrument, f"channel_{channel + 1}_arm", "NXcoordinate_system")
            steps = group(arm, "transformations", "NXtransformations")
            step(steps, "r0", ARM[channel], "rotation", (0, 1, 0), TANK)
        for (channel, arc), events in raw.events.items():
            _triplet(instrument, channel, arc, events, raw)
        for chopper in raw.choppers:
            _chopper(instrument, **chopper)
        if raw.charge is not None:
            produced = group(instrument, "neutron_prod_info", "NXcollection")
            log(group(produced, "pulse_charge", "NXlog"), raw.charge, "uC")
        _monitor(instrument, raw)
    return path


def group(parent: h5py.Group, name: str, kind: str) -> h5py.Group:
    made = parent.create_group(name)
    made.attrs["NX_class"] = kind
    return made


def step(
    parent: h5py.Group, name: str, value: float, kind: str, vector: Any, after: str
) -> None:
    parent[name] = value
    node = parent[name]
    node.attrs["units"] = "deg" if kind == "rotation" else "m"
    node.attrs["transformation_type"] = kind
    node.attrs["vector"] = np.array(vector, dtype=float)
    node.attrs["depends_on"] = after


def place(parent: h5py.Group, z: float) -> None:
    steps = group(parent, "transformations", "NXtransformations")
    step(steps, "t0", z, "translation", (0, 0, 1), ".")
    parent["depends_on"] = "transformations/t0"


def log(node: h5py.Group, entries: Sequence[tuple[float, float]], units: str) -> None:
    time = np.rint(np.array([t for t, _ in entries]) * 1e9).astype(np.int64)
    node["time"] = time
    node["time"].attrs["units"] = "ns"
    node["time"].attrs["start"] = START
    node["value"] = np.array([v for _, v in entries], dtype=float)
    node["value"].attrs["units"] = units


def _angles(entry: h5py.Group, instrument: h5py.Group, raw: Raw) -> None:
    tank = group(instrument, "detector_tank_angle", "NXcoordinate_system")
    steps = group(tank, "transformations", "NXtransformations")
    ess = raw.layout == "ess"
    turn = group(steps, "detector_tank_angle_r0", "NXpositioner" if ess else "NXlog")
    turn.attrs["transformation_type"] = "rotation"
    turn.attrs["vector"] = np.array(raw.tank_axis)
    turn.attrs["depends_on"] = "."
    log(group(turn, "value", "NXlog") if ess else turn, raw.a4, "degrees" if ess else "deg")
    if ess:
        stack = group(instrument, "114_sample_stack", "NXcollection")
        stage = group(stack, "rotation_stage", "NXpositioner")
        log(group(stage, "value", "NXlog"), raw.a3, "degrees")
    else:
        parameters = group(entry, "parameters", "NXparameters")
        a3 = group(parameters, "a3", "NXcollection")
        log(group(a3, "value", "NXlog"), raw.a3, "deg")


def _triplet(
    instrument: h5py.Group,
    channel: int,
    arc: int,
    events: Sequence[tuple[int, int, int]],
    raw: Raw,
) -> None:
    stem = f"channel_{channel + 1}_{arc + 1}"
    crystal = group(instrument, f"{stem}_monochromator", "NXcrystal")
    steps = group(crystal, "transformations", "NXtransformations")
    arm = f"/entry/instrument/channel_{channel + 1}_arm/transformations/r0"
    if raw.layout == "ess":
        arm = f"../../channel_{channel + 1}_arm/transformations/r0"
    angle, y = HALF_TAKE_OFF[arc], (0, 1, 0)
    step(steps, "t0", SAMPLE_ANALYSER[channel % 3][arc], "translation", (0, 0, 1), arm)
    step(steps, "r0", 90.0, "rotation", (0, 0, 1), f"{steps.name}/t0")
    step(steps, "r1", angle, "rotation", y, f"{steps.name}/r0")
    crystal["depends_on"] = f"{steps.name}/r1"
    crystal["d_spacing"] = 3.355
    crystal["d_spacing"].attrs["units"] = "angstrom"
    triplet = group(instrument, f"{stem}_triplet", "NXdetector")
    triplet.attrs["inputs"] = [f"{stem}_monochromator"]
    own = group(triplet, "transformations", "NXtransformations")
    step(own, "r0", angle, "rotation", y, f"{steps.name}/r1")
    step(own, "t0", ANALYSER_DETECTOR[arc], "translation", (0, 0, 1), "r0")
    triplet["depends_on"] = f"{own.name}/t0"
    tube, pixel = np.indices((3, 100))
    triplet["detector_number"] = 2700 * arc + 900 * tube + 100 * channel + pixel + 1
    half = TUBE_LENGTH[channel % 3][arc] / 2
    offsets = {"x_pixel_offset": (tube - 1) * 0.014}
    offsets["y_pixel_offset"] = half * (1 - (2 * pixel + 1) / 100)
    for name, values in offsets.items():
        triplet[name] = values
        triplet[name].attrs["units"] = "m"
    write_events(
        group(triplet, "data", "NXevent_data"), events, raw.frames, chunked=raw.chunked
    )


def write_events(
    data: h5py.Group,
    events: Sequence[tuple[int, int, int]],
    frames: int,
    *,
    chunked: bool = False,
) -> None:
    ordered = sorted(events, key=lambda event: event[2])
    table = np.array(ordered, dtype=np.int64).reshape(-1, 3)
    options: dict[str, Any] = {"chunks": (7,), "maxshape": (None,)} if chunked else {}
    data.create_dataset("event_id", data=table[:, 0].astype(np.int32), **options)
    data.create_dataset("event_time_offset", data=table[:, 1].astype(np.int32), **options)
    data["event_time_offset"].attrs["units"] = "ns"
    data["event_index"] = np.searchsorted(table[:, 2], np.arange(frames)).astype(np.int64)
    data["event_time_zero"] = np.arange(frames, dtype=np.int64) * PERIOD_NS
    data["event_time_zero"].attrs["units"] = "ns"
    data["event_time_zero"].attrs["start"] = START


def _chopper(
    instrument: h5py.Group,
    *,
    name: str,
    distance: float,
    speed: Sequence[tuple[float, float]] | None = None,
    delay: Sequence[tuple[float, float]] | None = None,
    phase: Sequence[tuple[float, float]] | None = None,
    slits: Sequence[float] = (-85.0, 85.0),
) -> None:
    disc = group(instrument, name, "NXdisk_chopper")
    place(disc, distance - LENGTH)
    disc["slit_edges"] = np.array(slits)
    disc["slit_edges"].attrs["units"] = "deg"
    parts = {"rotation_speed": (speed, "Hz"), "delay": (delay, "s"), "phase": (phase, "deg")}
    for field_name, (entries, units) in parts.items():
        if entries is not None:
            log(group(disc, field_name, "NXlog"), entries, units)


def _monitor(instrument: h5py.Group, raw: Raw) -> None:
    if raw.monitor is None and raw.monitor_events is None:
        return
    monitor = group(instrument, "normalization_monitor", "NXmonitor")
    place(monitor, -0.563)
    if raw.monitor_events is not None:
        events = [(1, offset, frame) for offset, frame in raw.monitor_events]
        write_events(group(monitor, "data", "NXevent_data"), events, raw.frames)
        return
    assert raw.monitor is not None
    data = group(monitor, "data", "NXdata")
    data.attrs["signal"] = "signal"
    data["signal"] = raw.monitor
    data["frame_time"] = np.linspace(0, PERIOD_NS, raw.monitor.shape[1] + 1)
    data["frame_time"].attrs["units"] = "ns"
    data["time"] = np.arange(raw.monitor.shape[0], dtype=np.int64) * 10**9
    data["time"].attrs["units"] = "ns"
    data["time"].attrs["start"] = START
