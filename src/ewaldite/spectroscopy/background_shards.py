"""The turned background of a cut, shard by shard."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ewaldite.run.plan import Need
from ewaldite.spectroscopy.cut_background import Background, turned_background
from ewaldite.spectroscopy.cut_setup import load_setup
from ewaldite.spectroscopy.empty_run import EmptyRun, load_empty
from ewaldite.spectroscopy.sharded import Sharded
from ewaldite.spectroscopy.step_needs import Workload, background_need

# Events times steps of a shard: some seconds of one core
_EFFORT = 50_000_000


@dataclass(frozen=True)
class BackgroundShard:
    """Events of an empty run in order of their energy, whole readings of its monitor."""

    first: int
    stop: int

    @property
    def key(self) -> str:
        """Name of its checkpoint."""
        return f"{self.first}"

    @property
    def size(self) -> int:
        """Number of events."""
        return self.stop - self.first


@dataclass(frozen=True)
class TurnBackground(Sharded[BackgroundShard, Background, Background]):
    """The reduction of an empty run to the background of a cut. Plain data.

    Attributes
    ----------
    setup:
        File of the :class:`~ewaldite.spectroscopy.cut_setup.CutSetup`.
    empty:
        File of the :class:`~ewaldite.spectroscopy.empty_run.EmptyRun`.
    """

    setup: Path
    empty: Path

    @property
    def shards(self) -> list[BackgroundShard]:
        """Ranges of events that end where a reading of the monitor does."""
        empty, steps = self._empty, len(load_setup(self.setup).exposed)
        return background_shards(
            empty.k_i, empty.flux.intervals.edges, _EFFORT // max(steps, 1)
        )

    def need(self, work: Workload) -> Need:
        """Predicted memory."""
        size = self._empty.k_i.size
        largest = max(shard.size for shard in self.shards)
        return background_need(load_setup(self.setup).grid.size, size, largest, work)

    def reduce_shard(self, shard: BackgroundShard) -> Background:
        """Turn the events of a shard."""
        empty, part = self._empty, slice(shard.first, shard.stop)
        return turned_background(
            load_setup(self.setup).events,
            empty.pixel[part],
            empty.k_i[part],
            empty.flux,
            empty.factor,
        )

    def add(self, total: Background, more: Background) -> Background:
        """Add the background of two shards."""
        return Background(
            total.total + more.total,
            total.counting + more.counting,
            total.common + more.common,
            total.lost + more.lost,
        )

    def finish(self, total: Background) -> Background:
        """Background of all events."""
        return total

    def name(self, shard: BackgroundShard) -> str:
        """Name a shard, for errors."""
        return f"events {shard.first:,} to {shard.stop:,} of the empty run"

    @property
    def _empty(self) -> EmptyRun:
        return cached_empty(self.empty)


def cached_empty(path: Path) -> EmptyRun:
    """Read an empty run; once in a process for the same file."""
    seen = path.stat()
    return _loaded(path, seen.st_mtime_ns, seen.st_size)


@lru_cache(maxsize=1)
def _loaded(path: Path, time: int, size: int) -> EmptyRun:
    return load_empty(path)


def background_shards(
    k_i: NDArray[np.float64], edges: NDArray[np.float64], most: int
) -> list[BackgroundShard]:
    """Cut events between readings of the monitor, whose errors they share.

    Parameters
    ----------
    k_i:
        Of the events, ascending; dims (event), 1/Å.
    edges:
        Of the readings, ascending; dims (reading + 1), 1/Å.
    most:
        Events of a shard, where no reading alone has more.

    Returns
    -------
    :
        At least one.
    """
    ends = np.unique(np.append(np.searchsorted(k_i, edges, side="left"), k_i.size))
    shards, first, before = [], 0, 0
    for end in ends.tolist():
        if before > first and end - first > most:
            shards.append(BackgroundShard(first, before))
            first = before
        before = end
    return [*shards, BackgroundShard(first, k_i.size)]


def save_background(background: Background, path: Path) -> None:
    """Write a background to an NPZ file."""
    with path.open("wb") as stream:
        np.savez(stream, **vars(background))


def load_background(path: Path) -> Background:
    """Read what :func:`save_background` wrote."""
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as content:
        return Background(
            content["total"], content["counting"], content["common"], int(content["lost"])
        )
