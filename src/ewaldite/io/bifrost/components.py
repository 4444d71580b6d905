"""What stands in the beam before the sample: source, choppers, monitors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from ewaldite.errors import UserError
from ewaldite.io.bifrost.access import children, numbers, where
from ewaldite.io.bifrost.logs import log_group, read_entries
from ewaldite.io.bifrost.transformations import position_of
from ewaldite.model.experiment import FloatArray, IntArray

Entries = tuple[IntArray, FloatArray]


@dataclass(frozen=True)
class RawChopper:
    """A disc as the file describes it.

    Attributes
    ----------
    name:
        Of the group.
    distance:
        From the source along the beam, m.
    slits:
        Begin and end of each slit against the top dead centre, as seen from the source
        anticlockwise; dims (slit, 2), degrees.
    beam:
        Where the beam passes, against the top dead centre when it is read; degrees.
    speed, delay, phase:
        Logs (ns since 1970 and values) of the rotation in Hz, of the time from pulse to top
        dead centre in s, and of the same as an angle in degrees; None where the file has none.
    """

    name: str
    distance: float
    slits: FloatArray
    beam: float
    speed: Entries | None
    delay: Entries | None
    phase: Entries | None


def read_source(instrument: h5py.Group) -> FloatArray:
    """Position of the source: of the NXmoderator, else of an NXsource that is placed; m.

    Raises
    ------
    UserError
        If there is none.
    """
    for kind in ("NXmoderator", "NXsource"):
        for group in children(instrument, kind).values():
            if "depends_on" in group:
                return position_of(group)
    raise UserError(
        f"read {where(instrument)}",
        "no NXmoderator or NXsource says where the source is",
        "Give [primary] length, as in '162 m'.",
    )


def read_choppers(instrument: h5py.Group, source: FloatArray) -> tuple[RawChopper, ...]:
    """Discs in the order in which neutrons meet them.

    Taken from each NXdisk_chopper: ``depends_on``, ``slit_edges``, ``beam_position``,
    ``rotation_speed_setpoint`` or ``rotation_speed``, ``delay``, ``phase``; the last three as
    values or logs.

    Raises
    ------
    UserError
        If slits are no pairs, or a unit is wrong.
    """
    found = [_chopper(g, source) for g in children(instrument, "NXdisk_chopper").values()]
    return tuple(sorted(found, key=lambda chopper: chopper.distance))


def read_distance(group: h5py.Group, source: FloatArray) -> float:
    """Distance of a component from the source along the beam, m."""
    return float(position_of(group)[2] - source[2])


def _chopper(group: h5py.Group, source: FloatArray) -> RawChopper:
    edges = np.zeros((0, 2))
    if "slit_edges" in group:
        flat = numbers(group["slit_edges"], "deg").ravel()
        if flat.size % 2:
            raise UserError(
                f"read {where(group['slit_edges'])}",
                f"it has {flat.size} edges",
                "Give begin and end of each slit.",
            )
        edges = flat.reshape(-1, 2)
    beam = 0.0
    if "beam_position" in group:
        beam = float(numbers(group["beam_position"], "deg").ravel()[0])
    speed = _entries(group, "rotation_speed_setpoint", "Hz")
    return RawChopper(
        name=group.name.rsplit("/", 1)[1],
        distance=read_distance(group, source),
        slits=edges,
        beam=beam,
        speed=speed if speed is not None else _entries(group, "rotation_speed", "Hz"),
        delay=_entries(group, "delay", "s"),
        phase=_entries(group, "phase", "deg"),
    )


def _entries(group: h5py.Group, name: str, unit: str) -> Entries | None:
    node: Any = log_group(group.get(name))
    if node is None:
        return None
    if isinstance(node, h5py.Group):
        empty = "time" not in node or not node["time"].size
        return None if empty else read_entries(node, unit)
    values = numbers(node, unit).ravel()
    return (np.zeros(1, dtype=np.int64), values[:1]) if values.size else None


def read_charge(entry: h5py.Group) -> Entries | None:
    """Proton charge of every pulse: times (ns since 1970) and µC, None where it is not logged.

    Taken from ``instrument/neutron_prod_info/pulse_charge``, or else the first log of the entry
    that is called pulse_charge or proton_charge.

    Raises
    ------
    UserError
        If its unit is no charge.
    """
    usual = entry.get("instrument/neutron_prod_info/pulse_charge")
    node = usual if usual is not None else _named(entry, ("pulse_charge", "proton_charge"))
    group = log_group(node)
    if not isinstance(group, h5py.Group) or "time" not in group or not group["time"].size:
        return None
    return read_entries(group, "uC")


def _named(entry: h5py.Group, names: tuple[str, ...]) -> Any:
    return entry.visititems(
        lambda path, node: node if path.rsplit("/", 1)[-1] in names else None
    )
