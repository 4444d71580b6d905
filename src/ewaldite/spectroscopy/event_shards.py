"""The events of a cut, shard by shard."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ewaldite.kernels.cut_events import EVENT_COLUMNS, SIGNAL
from ewaldite.run.checkpoint import Key
from ewaldite.run.digest import digest
from ewaldite.run.plan import Need
from ewaldite.run.telling import listener
from ewaldite.spectroscopy.cut_events import EventCounts
from ewaldite.spectroscopy.cut_setup import CutSetup, load_setup
from ewaldite.spectroscopy.open_runs import RUNS
from ewaldite.spectroscopy.options import SpectroscopyOptions
from ewaldite.spectroscopy.reduce_events import CutRun, reduce_events
from ewaldite.spectroscopy.run_input import RunInput
from ewaldite.spectroscopy.sharded import Sharded
from ewaldite.spectroscopy.step_needs import Workload, event_need

_SPARSE = 0.25


@dataclass(frozen=True)
class EventShard:
    """Events of a run, from the first number up to, not including, the second."""

    run: int
    first: int
    stop: int

    @property
    def size(self) -> int:
        """Number of events."""
        return self.stop - self.first


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
class EventKeys:
    """Names of the checkpoints of shards.

    Attributes
    ----------
    content:
        Digest of all that the sums depend on besides the shard.
    """

    content: str

    def __call__(self, shard: EventShard) -> Key:
        """Key of a shard."""
        return Key(f"{shard.run}/{shard.first}", digest(self.content, shard))


@dataclass(frozen=True)
class CountEvents(Sharded[EventShard, EventCounts, EventCounts]):
    """The reduction of events to a cut: its shards, and how one is summed. Plain data.

    Attributes
    ----------
    options:
        The configuration, as JSON.
    base:
        Folder to which its paths refer.
    setup:
        File of the :class:`~ewaldite.spectroscopy.cut_setup.CutSetup`.
    sizes:
        Events of each run.
    """

    options: str
    base: Path
    setup: Path
    sizes: tuple[int, ...]

    @property
    def shards(self) -> list[EventShard]:
        """Ranges of events of about equal size."""
        return event_shards(self.sizes, self._options().computing.events)

    def need(self, work: Workload) -> Need:
        """Predicted memory."""
        return event_need(load_setup(self.setup).grid.size, work)

    def reduce_shard(self, shard: EventShard) -> EventCounts:
        """Sum the events of a shard."""
        setup = load_setup(self.setup)
        run = RUNS.get(self._options(), shard.run, self.base)
        return count_events(setup, shard.run, run, shard.first, shard.stop)

    def add(self, total: EventCounts, more: EventCounts) -> EventCounts:
        """Add the counts of two shards."""
        return total.add(more)

    def finish(self, total: EventCounts) -> EventCounts:
        """Sums of all events."""
        return total

    def name(self, shard: EventShard) -> str:
        """Name a shard and its file, for errors."""
        file = self._options().run[shard.run].file
        return f"events {shard.first:,} to {shard.stop:,} of {file}"

    def _options(self) -> SpectroscopyOptions:
        return SpectroscopyOptions.model_validate(json.loads(self.options))


def event_shards(sizes: Sequence[int], most: int) -> list[EventShard]:
    """Ranges of events.

    Parameters
    ----------
    sizes:
        Events of each run.
    most:
        Of a shard.

    Returns
    -------
    :
        Run by run, of equal size in a run; one for a run without events.
    """
    shards = []
    for run, size in enumerate(sizes):
        ends = np.linspace(0, size, max(-(-size // most), 1) + 1).astype(int).tolist()
        shards += [EventShard(run, a, b) for a, b in pairwise(ends)]
    return shards


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
