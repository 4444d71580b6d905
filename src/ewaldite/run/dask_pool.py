"""Workers of a dask cluster: sums stay with them until they are one."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from concurrent.futures import CancelledError
from functools import lru_cache
from queue import SimpleQueue
from typing import Any
from uuid import uuid4

from ewaldite.errors import UserError
from ewaldite.model.provenance import installed_version
from ewaldite.run.failure import ATTEMPTS
from ewaldite.run.memory import give_back
from ewaldite.run.pool import Promise, Task, Ticket, WorkerDied
from ewaldite.run.process_pool import pickled

# What dask raises for a task whose workers died: all that were with them are counted
_KILLED = "KilledWorker"


class DaskPool:
    """The workers of a cluster.

    A shard whose worker dies is given to another by the scheduler, as is what else was lost
    with the worker.

    Parameters
    ----------
    client:
        A ``distributed.Client``.
    task:
        What is done with a shard; plain data.
    add:
        Sum of two results; None where none are added.
    name:
        Of the work; begins the keys of its tasks, as the dashboard shows them.
    """

    def __init__(
        self,
        client: Any,
        task: Task[Any, Any],
        add: Callable[[Any, Any], Any] | None,
        name: str,
    ) -> None:
        self.ended: SimpleQueue[tuple[Ticket, Promise]] = SimpleQueue()
        self._client = client
        self._name = name
        self._open: dict[str, Any] = {}
        # Itself the result of a task, so that it can be made again where it is lost
        content = pickled((installed_version(), task, add))
        self._work = client.submit(bytes, content, key=self._key("task"), pure=False)

    def submit(self, ticket: Ticket, shard: Any, hear: Callable[[int], None]) -> None:
        """Have a shard reduced; how far it is, is known at its end only."""
        self._watch(ticket, _reduce, "reduce", pickle.dumps(shard))

    def add(self, ticket: Ticket, left: Promise, right: Promise) -> None:
        """Have two sums added by a worker, as a rule by one that has one of them."""
        assert isinstance(left, _Remote)
        assert isinstance(right, _Remote)
        self._watch(ticket, _add, "add", left.future, right.future)

    def cancel(self) -> int:
        """Call off what is not begun; what is done now is not waited for."""
        self._client.cancel(list(self._open.values()))
        return 0

    def close(self) -> None:
        """Forget the task."""
        self._open.clear()
        self._work.release()

    def _watch(
        self, ticket: Ticket, function: Callable[..., Any], verb: str, *of: Any, tried: int = 1
    ) -> None:
        key = self._key(verb)
        future = self._client.submit(function, self._work, *of, key=key, pure=False)
        self._open[key] = future

        def over(ended: Any) -> None:
            self._open.pop(key, None)
            if function is _add and tried < ATTEMPTS and _killed(ended):
                # it was with a worker that a shard killed
                self._watch(ticket, function, verb, *of, tried=tried + 1)
                return
            self.ended.put((ticket, _Remote(ended)))

        future.add_done_callback(over)

    def _key(self, verb: str) -> str:
        return f"{self._name} {verb}-{uuid4().hex}"


class _Remote:
    """A result that is with a worker."""

    def __init__(self, future: Any) -> None:
        self.future = future

    def result(self) -> Any:
        """Fetch it."""
        return self.future.result()

    def exception(self) -> BaseException | None:
        """What was raised."""
        try:
            error: BaseException | None = self.future.exception()
        except CancelledError as lost:
            return UserError(
                "reach dask's scheduler",
                f"the connection was lost ({lost})",
                "Run the same command again: finished shards are kept.",
            )
        if type(error).__name__ == _KILLED:
            return WorkerDied("its worker died each time", times=ATTEMPTS, certain=False)
        return error


def _killed(future: Any) -> bool:
    """Whether a task is given up because its workers died."""
    return future.status == "error" and type(future.exception()).__name__ == _KILLED


# one step is done after the other, and each task may hold a detector's tables
@lru_cache(maxsize=1)
def _unpacked(content: bytes) -> tuple[str, Any, Any]:
    version, task, add = pickle.loads(content)
    return version, task, add


def _reduce(content: bytes, shard: bytes) -> Any:
    """What a worker does with a shard."""
    version, task, _ = _unpacked(content)
    if version != installed_version():
        raise UserError(
            "reduce on dask's workers",
            f"they have version {installed_version()} of ewaldite, not {version}",
            "Install the same version where the workers run.",
        )
    try:
        return task(pickle.loads(shard))
    finally:
        give_back()  # a worker of dask lives on, through steps that need none


def _add(content: bytes, left: Any, right: Any) -> Any:
    """Add two sums; the worker may be asked for the first one again, so it is copied."""
    return _unpacked(content)[2](copy.deepcopy(left), right)
