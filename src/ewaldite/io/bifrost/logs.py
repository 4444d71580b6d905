"""Logs of a raw file."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np

from ewaldite.errors import UserError
from ewaldite.io.bifrost.access import instants, need, numbers, where
from ewaldite.model.experiment import FloatArray, IntArray
from ewaldite.model.time_log import LONGEST_GAP, TimeLog


def log_group(node: Any) -> Any:
    """Find the NXlog in what stands for a logged value.

    Files nest it differently: the group is the log, or holds it as ``value``, or that does.

    Returns
    -------
    :
        The group with datasets ``time`` and ``value``; the node itself if it is a dataset.
    """
    while isinstance(node, h5py.Group) and isinstance(node.get("value"), h5py.Group):
        node = node["value"]
    return node


def read_entries(node: Any, unit: str) -> tuple[IntArray, FloatArray]:
    """Times since 1970 (ns, int64) and values of a log; dims (entry).

    Parameters
    ----------
    node:
        An NXlog, or a group that has one as ``value``.
    unit:
        Unit wanted.

    Raises
    ------
    UserError
        If it is no log, has no entries, its time decreases, or its unit is wrong.
    """
    group = log_group(node)
    asked = f"read the log {where(node)}"
    if not isinstance(group, h5py.Group):
        remedy = "Give one with 'time' and 'value', or the value as an option."
        raise UserError(asked, "it is a single value", remedy)
    time = np.atleast_1d(instants(need(group, "time")))
    if not time.size:
        raise UserError(
            asked,
            "it has no entries",
            "See whether the device was logged; else give the value as an option.",
        )
    stored = need(group, "value")
    # Some files give the unit on the group alone
    units = stored.attrs.get("units", group.attrs.get("units"))
    value = np.atleast_1d(numbers(stored, unit, units)).ravel()
    if value.size != time.size:
        found = f"it has {time.size} times and {value.size} values"
        raise UserError(asked, found, "Correct the file, or give the value as an option.")
    falls = np.flatnonzero(np.diff(time) < 0)
    if falls.size:
        raise UserError(
            asked,
            f"its time decreases after entry {falls[0] + 1} of {time.size}",
            "Correct the file, or give the value as an option.",
        )
    # Doubled entries: the last one is what the device said in the end
    last = np.append(np.diff(time) > 0, True)
    return time[last], value[last]


def read_log(node: Any, unit: str, reference: int, longest_gap: float = LONGEST_GAP) -> TimeLog:
    """Read a log, times counted from a reference.

    Parameters
    ----------
    node:
        An NXlog, or a group that has one as ``value``.
    unit:
        Unit wanted.
    reference:
        ns since 1970.
    longest_gap:
        Entries further apart are not joined by a line; s.

    Raises
    ------
    UserError
        As :func:`read_entries`, and if a value is not a number.
    """
    time, value = read_entries(node, unit)
    wrong = np.flatnonzero(~np.isfinite(value))
    if wrong.size:
        raise UserError(
            f"read the log {where(log_group(node))}",
            f"{wrong.size} of its {value.size} entries are no numbers, as entry {wrong[0] + 1}",
            "Correct the file, or give the value as an option.",
        )
    return TimeLog(np.asarray((time - reference) * 1e-9, np.float64), value, longest_gap)
