"""Reductions of the neutron chain, with checkpoints that go when they are done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from ewaldite.run.budget import memory_budget, usable_processors
from ewaldite.run.checkpoint import CheckpointStore, Key, ShardStore
from ewaldite.run.protocol import Reduction
from ewaldite.run.reduction import run_reduction
from ewaldite.run.shards import ShardProgress
from ewaldite.spectroscopy.context import Context
from ewaldite.spectroscopy.open_runs import RUNS

Shard = TypeVar("Shard")
Sums = TypeVar("Sums")
Result = TypeVar("Result", covariant=True)


class NamedReduction(Reduction[Shard, Sums, Result], Protocol):
    """A reduction that names its shards."""

    def name(self, shard: Shard) -> str:
        """Name a shard and its file, for errors."""
        ...


def reduce(
    context: Context,
    reduction: NamedReduction[Shard, Sums, Result],
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
        For the sums of finished shards; it is emptied when all are added.
    keys:
        Name and digest of a shard; other processes are sent it.
    files:
        What writes sums to a path, and what reads them.
    progress:
        Who is told.
    """
    options = context.options.computing
    work = reduction.plan(memory_budget(options.memory), options.workers or usable_processors())
    store = CheckpointStore(folder, suffix=".npz")
    result = run_reduction(
        reduction,
        work,
        name=name,
        store=ShardStore(store, keys, *files),
        progress=progress,
        executor=context.executor,
        label=reduction.name,
    )
    store.prune()
    return result


def run_sizes(context: Context) -> tuple[int, ...]:
    """Number of events of each run."""
    options = context.options
    runs = [RUNS.get(options, n, context.base) for n in range(len(options.run))]
    return tuple(run.size for run in runs)
