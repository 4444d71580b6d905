"""The events of a cut, shard by shard."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.cut_events import EVENT_COLUMNS, REASONS
from ewaldite.run.budget import Budget
from ewaldite.run.memory import current_rss
from ewaldite.run.plan import Need, plan_workers
from ewaldite.run.protocol import Work
from ewaldite.spectroscopy.cut_events import EventSums
from ewaldite.spectroscopy.cut_setup import CutSetup, load_setup
from ewaldite.spectroscopy.open_runs import RUNS
from ewaldite.spectroscopy.options import SpectroscopyOptions
from ewaldite.spectroscopy.run_input import BLOCK, RunInput

FloatArray = NDArray[np.float64]

# Of an event of a slab: number and time as read, five columns, row, flags, step, and what is
# chosen of them
_EVENT_BYTES = 8 + 8 * 5 + 8 + 8 * 6
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


@dataclass(frozen=True)
class CutSums:
    """Sums over events, that add up; see :class:`~ewaldite.spectroscopy.cut_events.EventSums`.

    Attributes
    ----------
    sums:
        dims (bin, column), float64.
    tally:
        Events by what became of them; dims (reason), int64.
    """

    sums: FloatArray
    tally: NDArray[np.int64]

    def save(self, path: Path) -> None:
        """Write it to an NPZ file: only bins with events where these are few."""
        used = np.flatnonzero(self.sums.any(axis=1))
        arrays: dict[str, Any] = {"tally": self.tally, "size": np.array(self.sums.shape[0])}
        if used.size < _SPARSE * self.sums.shape[0]:
            arrays |= {"bins": used, "sums": self.sums[used]}
        else:
            arrays["sums"] = self.sums
        with path.open("wb") as stream:
            np.savez(stream, **arrays)


def load_sums(path: Path) -> CutSums:
    """Read what :meth:`CutSums.save` wrote."""
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as content:
        sums, tally = content["sums"], content["tally"]
        if "bins" in content.files:
            whole = np.zeros((int(content["size"]), sums.shape[1]))
            whole[content["bins"]] = sums
            sums = whole
    return CutSums(sums, tally)


def add_sums(total: CutSums, more: CutSums) -> CutSums:
    """Add sums; the first is changed in place."""
    total.sums[...] += more.sums
    total.tally[...] += more.tally
    return total


@dataclass(frozen=True)
class CountEvents:
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

    def plan(self, budget: Budget, processors: int) -> Work[EventShard]:
        """Cut the runs into shards of about equal size."""
        options = self._options()
        shards = event_shards(self.sizes, options.computing.events)
        need = event_need(load_setup(self.setup).grid.size, max(s.size for s in shards))
        plan = plan_workers(need, budget, processors=processors, shards=len(shards))
        return Work(plan, shards)

    def reduce_shard(self, shard: EventShard) -> CutSums:
        """Sum the events of a shard."""
        setup = load_setup(self.setup)
        run = RUNS.get(self._options(), shard.run, self.base)
        return count_events(setup, shard.run, run, shard.first, shard.stop)

    def add(self, total: CutSums, more: CutSums) -> CutSums:
        """Add the sums of two shards."""
        return add_sums(total, more)

    def finish(self, total: CutSums) -> CutSums:
        """Sums of all events."""
        return total

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


def event_need(bins: int, events: int) -> Need:
    """Memory for the events of a cut.

    Parameters
    ----------
    bins:
        Of the cut.
    events:
        Of a shard.
    """
    sums = bins * EVENT_COLUMNS * 8 + REASONS * 8
    return Need(
        base=current_rss() + sums,
        worker=sums + min(events, BLOCK) * _EVENT_BYTES,
        result=sums,
    )


def count_events(
    setup: CutSetup, number: int, run: RunInput, first: int = 0, stop: int | None = None
) -> CutSums:
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
        The sums.
    """
    counted = EventSums(setup.grid, setup.pixel, setup.exposed)
    for slab in run.events(first=first, stop=stop):
        good = slab.flags == 0
        step = setup.steps[number].at(slab.time[good])
        step = np.where(step < 0, -1, step + setup.first[number])
        angles = {"a3": slab.a3[good], "a4": slab.a4[good]} if setup.moving else {}
        counted.add(slab.row[good], slab.k_i[good], step, **angles)
    return CutSums(counted.sums, counted.tally)
