"""Angles of the sample table and the tank in a raw file."""

from __future__ import annotations

from typing import Any

import h5py

from ewaldite.errors import UserError
from ewaldite.io.bifrost.access import numbers, where
from ewaldite.io.bifrost.logs import log_group, read_log
from ewaldite.model.time_log import TimeLog


def sample_table(entry: h5py.Group, instrument: h5py.Group, place: str | None) -> Any:
    """Find the angle of the sample table.

    Parameters
    ----------
    entry, instrument:
        Of the file.
    place:
        Path in the entry, None for the usual ones.

    Returns
    -------
    :
        What stands there, None if nothing does.
    """
    if place is not None:
        return entry.get(place)
    for name, group in instrument.items():
        if "sample_stack" in name and "rotation_stage" in group:
            return group["rotation_stage"]
    for path in ("sample_rotation", "rotation_stage"):
        if path in instrument:
            return instrument[path]
    return entry.get("parameters/a3")


def read_angle(node: Any, reference: int, longest_gap: float, notes: list[str]) -> TimeLog:
    """Read an angle, logged or not.

    Parameters
    ----------
    node:
        A log, however nested, or a dataset of one value.
    reference:
        Zero of times, ns since 1970.
    longest_gap:
        Entries further apart are not joined by a line; s.
    notes:
        Told when it is a single value.

    Returns
    -------
    :
        In degrees.

    Raises
    ------
    UserError
        If it is no proper log, or several values without times.
    """
    stored = log_group(node)
    if isinstance(stored, h5py.Group):
        return read_log(stored, "deg", reference, longest_gap)
    values = numbers(stored, "deg").ravel()
    if values.size != 1:
        raise UserError(
            f"read the angle {where(stored)}",
            f"it has {values.size} values and no times",
            "Give it as an option of [[run]].",
        )
    notes.append(f"{stored.name} is a single value, not a log: it holds all the time")
    return TimeLog.constant(float(values[0]))
