"""Workers: the seam between those who hand out shards and those who reduce them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Generic, Protocol, TypeVar

from ewaldite.run.checkpoint import ShardStore
from ewaldite.run.telling import heard_by

Shard = TypeVar("Shard")
Result = TypeVar("Result")

#: What a piece of work is known by: the number of a shard, or level and place of a sum.
Ticket = int | tuple[int, int]


class Promise(Protocol):
    """What a worker is making; it may be kept elsewhere."""

    def result(self) -> Any:
        """Wait for it and fetch it, or raise what the work raised."""

    def exception(self) -> BaseException | None:
        """What the work raised; nothing is fetched."""


class WorkerDied(Exception):
    """The process that worked on a shard is gone: killed, out of memory, or crashed.

    Parameters
    ----------
    message:
        What is known of it.
    times:
        How many workers it has cost.
    certain:
        Whether it was this shard: a worker may have had others at the same time.
    """

    def __init__(self, message: str, times: int = 1, certain: bool = True) -> None:
        super().__init__(message)
        self.times = times
        self.certain = certain


@dataclass(frozen=True)
class Task(Generic[Shard, Result]):
    """What a worker does with a shard; plain data, for workers that are other processes.

    Attributes
    ----------
    reduce:
        Result of a shard.
    store:
        Where results are kept and looked for.
    """

    reduce: Callable[[Shard], Result]
    store: ShardStore[Shard, Result] | None

    def __call__(self, shard: Shard) -> Result:
        """Load the result of a shard, or make and keep it."""
        if self.store is None:
            return self.reduce(shard)
        kept = self.store.get(shard)
        if kept is not None:
            return kept
        result = self.reduce(shard)
        self.store.put(shard, result)
        return result


class Pool(Protocol):
    """Some workers with one task.

    Attributes
    ----------
    ended:
        What has ended, well or not, in the order in which it did; to be taken with
        :func:`~ewaldite.run.interrupts.next_ended`.
    """

    ended: SimpleQueue[tuple[Ticket, Promise]]

    def submit(self, ticket: Ticket, shard: Any, hear: Callable[[int], None]) -> None:
        """Have a shard reduced; ``hear`` is told how far it is, if the worker can."""

    def add(self, ticket: Ticket, left: Promise, right: Promise) -> None:
        """Have two sums added that have ended well; they are not used again."""

    def cancel(self) -> int:
        """Call off what is not begun; give the number of those that go on."""

    def close(self) -> None:
        """Wait for what was begun, as far as possible, and let the workers go."""


class ThreadPool:
    """Threads of this process.

    Parameters
    ----------
    task:
        What is done with a shard.
    add:
        Sum of two results; None where none are added.
    workers:
        How many, at least 1.
    name:
        Of the threads.
    """

    def __init__(
        self,
        task: Callable[[Any], Any],
        add: Callable[[Any, Any], Any] | None,
        workers: int,
        name: str,
    ) -> None:
        self.ended: SimpleQueue[tuple[Ticket, Promise]] = SimpleQueue()
        self._task = task
        self._add = add
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._open: set[Future[Any]] = set()

    def submit(self, ticket: Ticket, shard: Any, hear: Callable[[int], None]) -> None:
        """Have a shard reduced."""

        def work() -> Any:
            with heard_by(hear):
                return self._reduce(shard)

        self._watch(ticket, self._threads.submit(work))

    def add(self, ticket: Ticket, left: Promise, right: Promise) -> None:
        """Have two sums added; the first may be changed in place."""
        if self._add is None:
            raise ValueError("this pool adds nothing")
        add = self._add
        self._watch(ticket, self._threads.submit(lambda: add(left.result(), right.result())))

    def cancel(self) -> int:
        """Call off what is not begun; give the number of those that go on."""
        return sum(future.running() for future in list(self._open) if not future.cancel())

    def close(self) -> None:
        """Wait for what was begun."""
        self._threads.shutdown(wait=True)

    def _reduce(self, shard: Any) -> Any:
        return self._task(shard)

    def _watch(self, ticket: Ticket, future: Future[Any]) -> None:
        self._open.add(future)

        def over(ended: Future[Any]) -> None:
            self._open.discard(ended)
            self.ended.put((ticket, ended))

        future.add_done_callback(over)
