"""Reductions of the neutron chain, with checkpoints."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar

from ewaldite.run.budget import Budget, memory_budget
from ewaldite.run.checkpoint import CheckpointStore, Key, ShardStore
from ewaldite.run.plan import Need, plan_workers
from ewaldite.run.protocol import Work
from ewaldite.run.reduction import run_reduction
from ewaldite.run.shards import ShardProgress
from ewaldite.spectroscopy.context import Context
from ewaldite.spectroscopy.open_runs import RUNS
from ewaldite.spectroscopy.options import SECTION
from ewaldite.spectroscopy.step_needs import Workload

Shard = TypeVar("Shard")
Sums = TypeVar("Sums")
Result = TypeVar("Result")


class Sharded(ABC, Generic[Shard, Sums, Result]):
    """A reduction that knows its shards and what it needs, and names them. Plain data."""

    @property
    @abstractmethod
    def shards(self) -> Sequence[Shard]:
        """All shards, the same for any number of workers."""

    @abstractmethod
    def need(self, work: Workload) -> Need:
        """Predicted memory, with that of the program."""

    @abstractmethod
    def name(self, shard: Shard, /) -> str:
        """Name a shard and its file, for errors."""

    @abstractmethod
    def reduce_shard(self, shard: Shard, /) -> Sums:
        """Sum up one shard."""

    @abstractmethod
    def add(self, total: Sums, more: Sums) -> Sums:
        """Sum of two; the first may be changed in place."""

    @abstractmethod
    def finish(self, total: Sums) -> Result:
        """Make the result from the sum of all shards."""

    def plan(self, budget: Budget, processors: int) -> Work[Shard]:
        """Choose the number of threads."""
        shards = self.shards
        need = self.need(Workload(len(shards), processors))
        plan = plan_workers(need, budget, processors=processors, shards=len(shards))
        return Work(plan, shards)


def reduce(
    context: Context,
    reduction: Sharded[Shard, Sums, Result],
    name: str,
    folder: Path,
    keys: Callable[[Shard], Key],
    files: tuple[Callable[[Sums, Path], None], Callable[[Path], Sums]],
    progress: ShardProgress[Shard],
) -> Result:
    """Reduce all shards where and with what the options say.

    Parameters
    ----------
    context:
        The run.
    reduction:
        The four verbs.
    name:
        Of the work, for log and progress.
    folder:
        For the sums of finished shards; see :func:`tidy`.
    keys:
        Name and digest of a shard; other processes are sent it.
    files:
        What writes sums to a path, and what reads them.
    progress:
        Who is told.
    """
    options = context.options.computing
    shards = reduction.shards
    processors = options.processors
    plan = context.executor.plan(
        reduction.need(Workload(len(shards), min(processors, len(shards)))),
        memory_budget(options.memory, section=SECTION),
        processors=processors,
        shards=len(shards),
    )
    return run_reduction(
        reduction,
        Work(plan, shards),
        name=name,
        store=ShardStore(_store(folder), keys, *files),
        progress=progress,
        executor=context.executor,
        label=reduction.name,
    )


def tidy(folder: Path) -> None:
    """Remove the checkpoints of a reduction whose result is kept: they may be large."""
    if folder.is_dir():
        _store(folder).prune()
        with suppress(OSError):  # one that holds something else stays
            folder.rmdir()


def _store(folder: Path) -> CheckpointStore:
    return CheckpointStore(folder, suffix=".npz")


def run_sizes(context: Context) -> tuple[int, ...]:
    """Number of events of each run."""
    options = context.options
    runs = [RUNS.get(options, n, context.base) for n in range(len(options.run))]
    return tuple(run.size for run in runs)
