"""A cluster of dask: one of our own on this machine, or one that is there."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ewaldite.errors import MissingExtraError, UserError
from ewaldite.run.budget import Budget
from ewaldite.run.failure import ATTEMPTS
from ewaldite.run.plain_main import plain_main

_logger = logging.getLogger(__name__)

# Seconds to wait for a scheduler, and for its first worker
_PATIENCE = 60


class Cluster:
    """A client of dask, with a cluster of our own where no scheduler is given.

    Parameters
    ----------
    scheduler:
        Address, or file that the scheduler wrote; None starts a cluster on this machine.
    workers:
        Of a cluster of our own.

    Raises
    ------
    MissingExtraError
        If distributed is not installed.
    UserError
        If the scheduler is not found, or has no workers.
    """

    def __init__(self, scheduler: str | None, workers: int) -> None:
        try:
            import distributed
        except ImportError as error:
            raise MissingExtraError(
                "distributed", "cluster", "reduce with executor = 'dask'"
            ) from error
        dask: Any = distributed
        self._stack = ExitStack()
        with ExitStack() as starting:
            if scheduler is None:
                cluster = starting.enter_context(_own_cluster(dask, workers))
                client = dask.Client(cluster, set_as_default=False)
            else:
                client = _found(dask, scheduler)
            self.client: Any = starting.enter_context(client)
            self._stack = starting.pop_all()
        self._say(own=scheduler is None)

    def workers(self) -> dict[str, Any]:
        """What the scheduler says of each worker: threads, memory limit."""
        found: dict[str, Any] = self.client.scheduler_info(n_workers=-1)["workers"]
        return found

    def threads(self) -> int:
        """Threads of all workers."""
        return sum(int(worker["nthreads"]) for worker in self.workers().values())

    def budget(self) -> Budget | None:
        """Memory limit of the smallest worker; None where there is none."""
        limits = [int(worker["memory_limit"] or 0) for worker in self.workers().values()]
        found = [limit for limit in limits if limit > 0]
        return Budget(min(found), "the memory limit of dask's workers") if found else None

    def close(self) -> None:
        """Leave the cluster; one of our own ends."""
        self._stack.close()

    def _say(self, own: bool) -> None:
        where = self.client.scheduler.address
        _logger.info("dask: %d workers of %s", len(self.workers()), where)
        # Without bokeh the scheduler answers there as well, but shows nothing
        shown = not own or find_spec("bokeh") is not None
        if shown and "dashboard" in self.client.scheduler_info()["services"]:
            _logger.info("dask: its dashboard is at %s", self.client.dashboard_link)


@contextmanager
def _own_cluster(distributed: Any, workers: int) -> Iterator[Any]:
    import dask

    with _without_interrupts(), plain_main():
        cluster = distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            memory_limit=0,  # planned beforehand
            dashboard_address=":0",
            scheduler_kwargs={"allowed_failures": ATTEMPTS - 1},
        )
    # It would give up a worker that is dead twice within so many seconds
    patient = {"distributed.deploy.lost-worker-timeout": "1000 days"}
    with cluster, dask.config.set(patient):
        yield cluster


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Let processes that are started within ignore Ctrl-C, which a terminal sends to all."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _found(distributed: Any, scheduler: str) -> Any:
    """Client of the scheduler at an address or in a file."""
    place = {"address": scheduler}
    if "://" not in scheduler and Path(scheduler).is_file():
        place = {"scheduler_file": scheduler}
    try:
        client = distributed.Client(**place, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise UserError(
            f"find dask's scheduler '{scheduler}'",
            f"there is none ({error})",
            "Give its address, as tcp://HOST:8786, or the file that it wrote "
            "(dask scheduler --scheduler-file FILE).",
        ) from error
    try:
        client.wait_for_workers(1, timeout=_PATIENCE)
    except TimeoutError as error:
        client.close()
        raise UserError(
            f"work with dask's scheduler '{scheduler}'",
            f"it has no workers after {_PATIENCE} s",
            "Start some: dask worker ADDRESS.",
        ) from error
    return client
