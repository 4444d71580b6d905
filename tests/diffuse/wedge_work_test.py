"""A worker and the sweeps that it has open."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ewaldite.diffuse.wedge_store import Shard
from ewaldite.diffuse.wedge_work import WedgeWork
from ewaldite.diffuse.workspace import Workspace


@dataclass
class Job:
    """Tells how it is called."""

    told: list[tuple[int, Workspace]]
    bands: int = 1
    workspace: Workspace = field(default_factory=Workspace)

    @property
    def entry(self) -> Any:
        return SimpleNamespace(sweep=SimpleNamespace(wedges=["first", "second"]))

    def reduce(self, wedge: str) -> Any:
        self.told.append((self.bands, self.workspace))
        return SimpleNamespace(summary={"wedge": float(wedge == "second")})


def test_sweeps_take_turns_with_the_same_memory() -> None:
    """Else a worker would hold the largest arrays of every sweep that it has been at."""
    told: list[tuple[int, Workspace]] = []
    kept: list[Shard] = []
    sums: Any = SimpleNamespace(put=lambda shard, result: kept.append(shard))
    jobs: Any = {0: Job(told), 1: Job(told)}
    options: Any = None
    work = WedgeWork(options, Path(), (5, 5), 3, sums, jobs)
    shards = [Shard(0, 1, 10), Shard(1, 0, 10)]
    assert [work(shard) for shard in shards] == [{"wedge": 1.0}, {"wedge": 0.0}]
    assert kept == shards
    assert told == [(3, work.workspace), (3, work.workspace)]


def test_what_is_open_stays_in_its_process() -> None:
    options: Any = None
    sums: Any = None
    work = WedgeWork(options, Path(), (5,), 3, sums, {0: Job([])})  # type: ignore[dict-item]
    work.workspace.image = "large"  # type: ignore[assignment]
    other = pickle.loads(pickle.dumps(work))
    assert (other.bands, other.bins) == (3, (5,))
    assert other.jobs == {}
    assert other.workspace.image is None
