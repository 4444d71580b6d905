"""Ranges of events as shards of what is summed over the events of all runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import numpy as np

from ewaldite.spectroscopy.open_runs import RUNS
from ewaldite.spectroscopy.options import SpectroscopyOptions
from ewaldite.spectroscopy.run_input import RunInput
from ewaldite.spectroscopy.sharded import Sharded

Sums = TypeVar("Sums")


@dataclass(frozen=True)
class EventShard:
    """Events of a run, from the first number up to, not including, the second."""

    run: int
    first: int
    stop: int

    @property
    def key(self) -> str:
        """Name of its checkpoint."""
        return f"{self.run}/{self.first}"

    @property
    def size(self) -> int:
        """Number of events."""
        return self.stop - self.first


@dataclass(frozen=True)
class OverEvents(Sharded[EventShard, Sums, Sums]):
    """A reduction over the events of all runs, whose result is the sum of its shards.

    Attributes
    ----------
    options:
        The configuration, as JSON.
    base:
        Folder to which its paths refer.
    sizes:
        Events of each run.
    """

    options: str
    base: Path
    sizes: tuple[int, ...]

    @property
    def shards(self) -> list[EventShard]:
        """Ranges of events of about equal size."""
        return event_shards(self.sizes, self._options().computing.events)

    def finish(self, total: Sums) -> Sums:
        """Sums of all events."""
        return total

    def name(self, shard: EventShard) -> str:
        """Name a shard and its file, for errors."""
        file = self._options().run[shard.run].file
        return f"events {shard.first:,} to {shard.stop:,} of {file}"

    def run_of(self, shard: EventShard) -> RunInput:
        """The run of a shard; a process opens each once."""
        return RUNS.get(self._options(), shard.run, self.base)

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
