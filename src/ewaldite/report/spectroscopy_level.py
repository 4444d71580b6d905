"""Section of the report on the background that is constant in time."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipp as sc

from ewaldite.report.model import Section, Table


def level_section(data: sc.DataGroup[Any]) -> Section:
    """Levels by groups of pixels, with the counts that they rest on.

    Parameters
    ----------
    data:
        ``time_background.nxs``: ``level`` with variances (dims (group); coordinates ``arc``,
        ``channel``, ``tube``, as far as groups are of one), ``events`` and ``live``.
    """
    level = data["level"]
    used = np.flatnonzero(~level.masks["not_counted"].values)
    events, live = data["events"].values, data["live"].values
    total, time = int(events[used].sum()), float(live[used].sum())
    names = [name for name in ("arc", "channel", "tube") if name in level.coords]
    rows = tuple(
        (
            ", ".join(f"{name} {level.coords[name].values[g] + 1}" for name in names)
            or "all pixels",
            int(events[g]),
            float(live[g]),
            float(level.values[g]),
            float(np.sqrt(level.variances[g])),
        )
        for g in used
    )
    heads = ("group", "events", "pixel time (s)", "level (counts/s)", "error (counts/s)")
    text = (
        f"{total:,} events in forbidden time: {total / max(time, 1e-300):.3g} counts/s in a "
        "pixel on average. What a level puts into a bin is subtracted from it."
    )
    table = Table(heads, rows, "Levels of a pixel by groups, from what these count")
    return Section("Time-independent background", text=text, tables=(table,))
