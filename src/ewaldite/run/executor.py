"""Where shards are reduced: threads, processes, or a cluster."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeVar

from ewaldite.run.budget import Budget
from ewaldite.run.checkpoint import ShardStore
from ewaldite.run.cluster import Cluster
from ewaldite.run.dask_pool import DaskPool
from ewaldite.run.failure import Skipped
from ewaldite.run.options import Failures, Kind, RunOptions
from ewaldite.run.plan import Need, Plan, plan_workers
from ewaldite.run.pool import Pool, Task, ThreadPool
from ewaldite.run.process_pool import ProcessPool
from ewaldite.run.progress import SilentProgress
from ewaldite.run.shards import ShardProgress, Shards, in_order, wind_up
from ewaldite.run.tree import tree_sum

#: What a process of its own adds before it reduces anything: the interpreter, what libraries
#: keep, kernels. Files of libraries are mapped by all processes of a machine together.
PROGRAM_BYTES = 180_000_000
#: These files.
MAPPED_BYTES = 135_000_000

Shard = TypeVar("Shard")
Result = TypeVar("Result")


@dataclass
class Executor:
    """Where shards are reduced, and what becomes of those that fail.

    Use it with ``with``: a cluster of our own is started when it is needed first, and ends
    with it. Copies that :func:`dataclasses.replace` makes share it.

    Attributes
    ----------
    kind:
        What the workers are.
    scheduler:
        Address or file of dask's scheduler; None starts a cluster of our own on this machine.
    failures:
        What becomes of a shard that fails three times.
    skipped:
        Shards that were left out, for the report.
    """

    kind: Kind = "threads"
    scheduler: str | None = None
    failures: Failures = "stop"
    skipped: list[Skipped] = field(default_factory=list)
    _clusters: dict[int, Cluster] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, options: RunOptions) -> Executor:
        """Executor that options ask for."""
        return cls(options.executor, options.scheduler, options.failures)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End a cluster of our own."""
        while self._clusters:
            self._clusters.popitem()[1].close()

    def idle_bytes(self, workers: int) -> int:
        """Memory of workers that wait for a later step: those of a cluster of our own."""
        own = self.kind == "dask" and self.scheduler is None
        return workers * PROGRAM_BYTES if own else 0

    def need(self, need: Need, idle: int = 0) -> Need:
        """Memory that a reduction needs here, of what it needs with threads.

        Processes hold the program once each, and a result is in the process that made it and
        in this one at the same time.

        Parameters
        ----------
        need:
            With threads.
        idle:
            Workers for which there is no shard.
        """
        if self.kind == "threads":
            return need
        return replace(
            need,
            base=need.base + self.idle_bytes(idle),
            worker=need.worker + PROGRAM_BYTES,
            finish=need.finish + PROGRAM_BYTES,
            result=2 * need.result,
        )

    def plan(
        self,
        need: Need,
        budget: Budget,
        *,
        processors: int,
        shards: int,
        max_bands: int = 1,
        band_cost: float = 0.1,
    ) -> Plan:
        """Choose workers and bands; arguments are those of :func:`plan_workers`.

        On a cluster that is there already, the workers are its threads, and the budget is that
        of its smallest worker.
        """
        own, count = self.need(need, max(processors - shards, 0)), 1
        if self.kind == "dask" and self.scheduler is not None:
            cluster = self.cluster(processors)
            count = len(cluster.workers())
            processors = max(cluster.threads() // count, 1)
            budget = cluster.budget() or budget
            own = replace(own, base=MAPPED_BYTES)
        plan = plan_workers(
            own,
            budget,
            processors=processors,
            shards=shards,
            max_bands=max_bands,
            band_cost=band_cost,
        )
        return replace(plan, workers=plan.workers * count, asked=plan.asked * count)

    def cluster(self, workers: int) -> Cluster:
        """The cluster of dask, started with so many workers if it is not there."""
        if not self._clusters:
            self._clusters[workers] = Cluster(self.scheduler, workers)
        return next(iter(self._clusters.values()))

    def planned(self, plan: Plan, failures: Failures | None = None) -> Executor:
        """The same workers for the next piece of work, of which nothing is left out yet.

        A cluster of our own that has too few workers is ended, and one that has more than there
        is memory for: all of them would work, whatever the plan says.

        Parameters
        ----------
        plan:
            Of the work.
        failures:
            What becomes of a shard that fails three times; None for what is so far.
        """
        held = next(iter(self._clusters), plan.workers)
        too_many = held > plan.workers and plan.workers < plan.asked
        if self.scheduler is None and (held < plan.workers or too_many):
            self.close()
        return replace(self, failures=failures or self.failures, skipped=[])

    @contextmanager
    def pool(
        self,
        task: Task[Any, Any],
        add: Callable[[Any, Any], Any] | None,
        workers: int,
        name: str,
        stop: threading.Event | None,
    ) -> Iterator[Pool]:
        """Workers for a task; at an exception what is not begun is called off."""
        pool = self._open(task, add, workers, name)
        try:
            yield pool
        except BaseException:
            wind_up(pool, stop)
            raise
        finally:
            pool.close()

    def _open(
        self,
        task: Task[Any, Any],
        add: Callable[[Any, Any], Any] | None,
        workers: int,
        name: str,
    ) -> Pool:
        if self.kind == "dask":
            return DaskPool(self.cluster(workers).client, task, add, name)
        if self.kind == "processes":
            return ProcessPool(task, add, workers, name)
        return ThreadPool(task, add, workers, name)


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
