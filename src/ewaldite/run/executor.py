"""Shards in parallel, results in order, memory bounded."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from ewaldite.run.checkpoint import ShardStore
from ewaldite.run.progress import Progress, SilentProgress

_logger = logging.getLogger(__name__)

Shard = TypeVar("Shard")
Result = TypeVar("Result")


def _one(shard: object) -> int:
    return 1


@dataclass(frozen=True)
class ShardProgress(Generic[Shard]):
    """How the progress hears of shards.

    Attributes
    ----------
    progress:
        Who is told.
    size:
        How much a shard counts, as its number of frames.
    unit:
        What is counted, in plural.
    by_reduce:
        Whether the function that reduces a shard calls ``progress.advance`` on its own, in
        smaller steps than a shard.
    """

    progress: Progress
    size: Callable[[Shard], int] = _one
    unit: str = "shards"
    by_reduce: bool = False

    def start(self, name: str, shards: Sequence[Shard]) -> None:
        """Announce all shards."""
        self.progress.start(name, sum(map(self.size, shards)), self.unit)

    def count(self, shard: Shard, loaded: bool) -> None:
        """Count a shard that was reduced or loaded."""
        if loaded:
            self.progress.skip(self.size(shard))
        elif not self.by_reduce:
            self.progress.advance(self.size(shard))


def run_shards(
    shards: Sequence[Shard],
    reduce: Callable[[Shard], Result],
    *,
    workers: int,
    name: str,
    store: ShardStore[Shard, Result] | None = None,
    progress: ShardProgress[Shard] | None = None,
    stop: threading.Event | None = None,
) -> Generator[Result, None, None]:
    """Reduce shards in threads of this process and yield results in the order of the shards.

    At any moment at most ``workers + 1`` results are held: those in the making, those that
    wait for their turn, and the one that was yielded last. A new shard is started when the next
    result is asked for. Finished shards are kept before their results are yielded; a shard that
    was kept by an earlier run is loaded and not reduced again.

    If a shard raises, no other is started, those that run are waited for (and kept), and its
    exception is raised as it is. Likewise if the caller stops: by an exception, by ``close()``,
    with Ctrl-C. Use it with :func:`contextlib.closing`, which makes this happen at once.

    Parameters
    ----------
    shards:
        Anything that ``reduce`` takes.
    reduce:
        Result of a shard, never None; called from several threads at once.
    workers:
        Number of threads, at least 1.
    name:
        Of the work, for the progress, the log and the threads.
    store:
        Where results are kept; None keeps none.
    progress:
        Who is told, and how; None for nobody.
    stop:
        Is set when the run ends early: a ``reduce`` that takes long may look at it and raise.

    Yields
    ------
    :
        Results, one a shard.
    """
    if workers < 1:
        raise ValueError(f"{workers} workers; at least one is needed")
    told = progress or ShardProgress(SilentProgress())
    return _in_order(shards, _Task(reduce, store), workers, name, told, stop)


@dataclass(frozen=True)
class _Task(Generic[Shard, Result]):
    """What a worker does with a shard; plain data, for workers that are other processes."""

    reduce: Callable[[Shard], Result]
    store: ShardStore[Shard, Result] | None

    def __call__(self, shard: Shard) -> tuple[Result, bool]:
        """Give the result, and whether it was loaded."""
        if self.store is None:
            return self.reduce(shard), False
        kept = self.store.get(shard)
        if kept is not None:
            return kept, True
        result = self.reduce(shard)
        self.store.put(shard, result)
        return result, False


@dataclass
class _Running(Generic[Shard, Result]):
    shard: Shard
    future: Future[tuple[Result, bool]]
    counted: bool = False


def _in_order(
    shards: Sequence[Shard],
    task: _Task[Shard, Result],
    workers: int,
    name: str,
    progress: ShardProgress[Shard],
    stop: threading.Event | None,
) -> Generator[Result, None, None]:
    todo = iter(shards)
    running: deque[_Running[Shard, Result]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix=name)
    progress.start(name, shards)
    try:
        while True:
            for shard in islice(todo, workers + 1 - len(running)):
                running.append(_Running(shard, pool.submit(task, shard)))
            if not running:
                return
            _await_first(running, progress)
            yield running[0].future.result()[0]
            running.popleft()
    except BaseException:
        busy = sum(r.future.running() for r in running)
        for one in running:  # before those that run are told to give up and make room
            one.future.cancel()
        if stop is not None:
            stop.set()
        if busy:
            _logger.info("stopping: %d shards are still being finished", busy)
        raise
    finally:
        progress.progress.finish()  # before a second Ctrl-C can end the wait
        pool.shutdown(wait=True)


def _await_first(
    running: deque[_Running[Shard, Result]], progress: ShardProgress[Shard]
) -> None:
    """Wait until the first shard is done; raise as soon as any has failed."""
    while True:
        for one in running:
            if one.future.done() and not one.counted:
                _, loaded = one.future.result()  # raises what the shard raised
                progress.count(one.shard, loaded)
                one.counted = True
        if running[0].counted:
            return
        wait([r.future for r in running if not r.counted], return_when=FIRST_COMPLETED)
