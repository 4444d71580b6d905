"""The events of a cut, shard by shard."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ewaldite.kernels.cut_events import EVENT_COLUMNS, SIGNAL
from ewaldite.run.plan import Need
from ewaldite.run.telling import listener
from ewaldite.spectroscopy.cut_events import EventCounts
from ewaldite.spectroscopy.cut_setup import CutSetup, load_setup
from ewaldite.spectroscopy.event_ranges import EventShard, OverEvents
from ewaldite.spectroscopy.reduce_events import CutRun, reduce_events
from ewaldite.spectroscopy.run_input import RunInput
from ewaldite.spectroscopy.step_needs import Workload, event_need

_SPARSE = 0.25


def save_counts(counts: EventCounts, path: Path) -> None:
    """Write counts to an NPZ file: only bins with events where these are few."""
    arrays: dict[str, Any] = dict(counts.arrays())
    used = np.flatnonzero(counts.counts[:, SIGNAL])
    if used.size < _SPARSE * counts.counts.shape[0]:
        size = np.array(counts.counts.shape[0])
        arrays |= {"bins": used, "counts": counts.counts[used], "size": size}
    with path.open("wb") as stream:
        np.savez(stream, **arrays)


def load_counts(path: Path) -> EventCounts:
    """Read what :func:`save_counts` wrote."""
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as content:
        arrays = dict(content)
    if "bins" in arrays:
        whole = np.zeros((int(arrays["size"]), EVENT_COLUMNS), np.int64)
        whole[arrays["bins"]] = arrays["counts"]
        arrays["counts"] = whole
    return EventCounts.of_arrays(arrays)


@dataclass(frozen=True)
class CountEvents(OverEvents[EventCounts]):
    """The reduction of events to a cut. Plain data.

    Attributes
    ----------
    options, base, sizes:
        As of :class:`~ewaldite.spectroscopy.event_ranges.OverEvents`.
    setup:
        File of the :class:`~ewaldite.spectroscopy.cut_setup.CutSetup`.
    """

    setup: Path

    def need(self, work: Workload) -> Need:
        """Predicted memory."""
        return event_need(load_setup(self.setup).grid.size, work)

    def reduce_shard(self, shard: EventShard) -> EventCounts:
        """Sum the events of a shard."""
        run = self.run_of(shard)
        return count_events(load_setup(self.setup), shard.run, run, shard.first, shard.stop)

    def add(self, total: EventCounts, more: EventCounts) -> EventCounts:
        """Add the counts of two shards."""
        return total.add(more)


def count_events(
    setup: CutSetup, number: int, run: RunInput, first: int = 0, stop: int | None = None
) -> EventCounts:
    """Sum events of a run into the bins of a cut.

    Parameters
    ----------
    setup:
        Of the cut.
    number:
        Of the run in it.
    run:
        The run, opened.
    first, stop:
        First event, and the one after the last; all if they are left out.

    Returns
    -------
    :
        The counts.
    """
    cut = CutRun(setup.events, setup.steps[number], setup.first[number], setup.moving)
    span = first, run.size if stop is None else stop
    (counts,) = reduce_events(run, [cut], span, told=listener())
    return counts
