"""Shards reduced by the workers of an executor, one after the other or summed as a tree."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from ewaldite.run.checkpoint import ShardStore
from ewaldite.run.executor import Executor
from ewaldite.run.pool import Task
from ewaldite.run.progress import SilentProgress
from ewaldite.run.shards import ShardProgress, Shards, in_order
from ewaldite.run.tree import tree_sum

Shard = TypeVar("Shard")
Result = TypeVar("Result")


def run_shards(
    shards: Sequence[Shard],
    reduce: Callable[[Shard], Result],
    *,
    workers: int,
    name: str,
    store: ShardStore[Shard, Result] | None = None,
    progress: ShardProgress[Shard] | None = None,
    stop: threading.Event | None = None,
    executor: Executor | None = None,
    label: Callable[[Shard], str] = str,
) -> Generator[Result | None, None, None]:
    """Reduce shards and yield results in the order of the shards.

    At any moment at most ``workers + 1`` results are held: those in the making, those that
    wait for their turn, and the one that was yielded last. A new shard is started when the next
    result is asked for. Finished shards are kept before their results are yielded; a shard that
    was kept by an earlier run is loaded and not reduced again.

    A shard that raises, or whose worker dies, is tried again, three times in all; a
    :class:`UserError` is not. Then no other is started, those that run are waited for (and
    kept), and an error that names the shard is raised, unless the executor is to leave such
    shards out. Likewise if the caller stops: by an exception, by ``close()``, with Ctrl-C. Use
    it with :func:`contextlib.closing`, which makes this happen at once.

    Parameters
    ----------
    shards:
        Anything that ``reduce`` takes.
    reduce:
        Result of a shard, never None; called from several threads at once. Other processes
        are sent it, with ``store`` and the shards: then it is plain data or a function of a
        module, and so is all that it holds.
    workers:
        How many at once, at least 1.
    name:
        Of the work, for the progress, the log and the threads.
    store:
        Where results are kept; None keeps none.
    progress:
        Who is told, and how; None for nobody.
    stop:
        Is set when the run ends early: a ``reduce`` in a thread that takes long may look at it
        and raise.
    executor:
        Where the work is done; threads if None.
    label:
        Names a shard and its file, for errors.

    Yields
    ------
    :
        Results, one a shard; None for a shard that was left out.
    """
    if workers < 1:
        raise ValueError(f"{workers} workers; at least one is needed")
    where = executor or Executor()
    told = progress or ShardProgress(SilentProgress())

    def results() -> Generator[Result | None, None, None]:
        with (
            where.pool(Task(reduce, store), None, workers, name, stop) as pool,
            _told_of(told, name, shards),  # ends before a second Ctrl-C can end the wait
        ):
            way = Shards(shards, pool, told, store, label, where.failures, where.skipped)
            yield from in_order(way, len(shards), pool, workers)

    return results()


def sum_shards(
    shards: Sequence[Shard],
    reduce: Callable[[Shard], Result],
    add: Callable[[Result, Result], Result],
    *,
    workers: int,
    name: str,
    store: ShardStore[Shard, Result] | None = None,
    progress: ShardProgress[Shard] | None = None,
    stop: threading.Event | None = None,
    executor: Executor | None = None,
    label: Callable[[Shard], str] = str,
) -> Result:
    """Reduce shards and add their sums as a tree, see :mod:`ewaldite.run.tree`.

    Parameters
    ----------
    shards, reduce, workers, name, store, progress, stop, executor, label:
        As in :func:`run_shards`; there is at least one shard.
    add:
        Sum of two; the first may be changed in place.

    Returns
    -------
    :
        The sum of all shards but those that were left out.
    """
    if workers < 1 or not shards:
        raise ValueError(f"{name}: {len(shards)} shards, {workers} workers; one is needed")
    where = executor or Executor()
    told = progress or ShardProgress(SilentProgress())
    with (
        where.pool(Task(reduce, store), add, workers, name, stop) as pool,
        _told_of(told, name, shards),
    ):
        way = Shards(shards, pool, told, store, label, where.failures, where.skipped)
        total: Result = tree_sum(way, len(shards), pool, workers).result()
        return total


@contextmanager
def _told_of(told: ShardProgress[Shard], name: str, shards: Sequence[Shard]) -> Iterator[None]:
    told.start(name, shards)
    try:
        yield
    finally:
        told.progress.finish()
