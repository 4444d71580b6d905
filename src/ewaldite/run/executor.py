"""Where shards are reduced: threads, processes, or a cluster."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Self

from ewaldite.run.budget import Budget
from ewaldite.run.cluster import Cluster
from ewaldite.run.dask_pool import DaskPool
from ewaldite.run.failure import Skipped
from ewaldite.run.interrupts import interrupts_to
from ewaldite.run.options import Failures, Kind, RunOptions
from ewaldite.run.plan import Need, Plan, plan_workers
from ewaldite.run.pool import Pool, Task, ThreadPool
from ewaldite.run.process_pool import ProcessPool
from ewaldite.run.shards import wind_up

#: What a process of its own adds before it reduces anything: the interpreter, what libraries
#: keep, kernels. Files of libraries are mapped by all processes of a machine together.
PROGRAM_BYTES = 180_000_000
#: These files.
MAPPED_BYTES = 135_000_000


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
        """Workers for a task; at an exception what is not begun is called off.

        Ctrl-C is heard where the end of a shard is waited for, or at the end of the work.
        """
        pool = self._open(task, add, workers, name)
        try:
            with interrupts_to(pool.ended):
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
