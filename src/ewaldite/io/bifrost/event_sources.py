"""Events of all triplets of a file, and which pulses they have in common."""

from __future__ import annotations

from collections.abc import Sequence

import h5py
import numpy as np

from ewaldite.io.bifrost.access import children, instants, need
from ewaldite.io.bifrost.events import EventSource, event_group
from ewaldite.io.bifrost.monitors import monitor_groups
from ewaldite.io.bifrost.triplets import triplet_groups

_MOST_NAMED = 6


def triplet_sources(
    instrument: h5py.Group, reference: int, notes: list[str]
) -> list[EventSource]:
    """Events of the triplets, in file order; those without a group of events have none.

    Parameters
    ----------
    instrument:
        The NXinstrument.
    reference:
        Zero of times, ns since 1970.
    notes:
        Grows by triplets without a group of events, detectors whose pixels are not known, and
        events that are not whole.

    Raises
    ------
    UserError
        See :meth:`EventSource.of`.
    """
    found: list[EventSource] = []
    for name, group in triplet_groups(instrument).items():
        events = event_group(group)
        if events is None:
            notes.append(f"{name} has no events group")
            empty = np.zeros(0)
            nothing = empty.astype(np.int64)
            found.append(EventSource(name, 0, empty, nothing, None, None, 1e-9))
            continue
        need(events, "event_id")
        found.append(EventSource.of(events, reference, found[-1] if found else None))
        lengths = [len(need(events, field)) for field in ("event_id", "event_time_offset")]
        lost = max(lengths) - found[-1].size
        # while a file grows its lists are never of one length
        if lost and not instrument.file.swmr_mode:
            notes.append(f"{name}: {lost:,} events at the end are not whole, and are left out")
    for name, group in children(instrument, "NXdetector").items():
        if "detector_number" not in group and event_group(group) is not None:
            notes.append(f"{name} has no detector_number: its events are left out")
    return found


def last_common(
    counted: Sequence[EventSource], instrument: h5py.Group, reference: int
) -> float:
    """Last pulse that all sources have, and all monitors with events; s from the reference.

    Parameters
    ----------
    counted:
        Sources that have events, at least one.
    instrument, reference:
        As in :func:`triplet_sources`.
    """
    found = [event_group(g) for g in monitor_groups(instrument).values()]
    monitors = [EventSource.of(g, reference) for g in found if g is not None]
    return float(min(s.pulse_time[-1] for s in (*counted, *monitors) if s.size))


def frames_of_triplets(instrument: h5py.Group) -> tuple[int, int | None]:
    """First and last frame of any triplet, ns since 1970; 0 and None where there is none.

    Parameters
    ----------
    instrument:
        The NXinstrument.
    """
    first, last = [], []
    for group in triplet_groups(instrument).values():
        events = event_group(group)
        if events is not None and len(need(events, "event_time_zero")):
            frames = np.atleast_1d(instants(need(events, "event_time_zero")))
            first.append(int(frames[0]))
            last.append(int(frames[-1]))
    return min(first, default=0), max(last, default=None)


def extent(sources: Sequence[EventSource]) -> str:
    """Up to which pulse sources were read, in words."""
    number = max(s.pulse_time.size for s in sources)
    end = max((float(s.pulse_time[-1]) for s in sources if s.pulse_time.size), default=0.0)
    return f"read up to pulse {number:,}, {end:.1f} s after its first one"


def silent(sources: Sequence[EventSource]) -> list[str]:
    """A note on sources without events, if there are any."""
    dead = [source.name for source in sources if not source.size]
    if not dead:
        return []
    named = ", ".join(dead[:_MOST_NAMED]) + (" …" if len(dead) > _MOST_NAMED else "")
    return [f"no events in {len(dead)} of {len(sources)} triplets: {named}"]
