"""Shards whose worker dies with others beside them."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import pytest

from ewaldite.run.failure import ShardError, Skipped
from ewaldite.run.pool import Promise, Ticket, WorkerDied
from ewaldite.run.shards import ShardProgress, Shards, in_order
from run.recorder import Recorder


class Ended:
    def __init__(self, result: object, error: BaseException | None = None) -> None:
        self._result, self._error = result, error

    def result(self) -> object:
        return self._result

    def exception(self) -> BaseException | None:
        return self._error


class OneWorker:
    """Has all shards at once that are on their way; a killer takes the others with it."""

    def __init__(self, killers: set[int]) -> None:
        self.ended: SimpleQueue[tuple[Ticket, Promise]] = SimpleQueue()
        self.killers = killers
        self.at_work: list[int] = []
        self.history: list[tuple[int, ...]] = []

    def submit(self, ticket: Ticket, shard: Any, hear: Callable[[int], None]) -> None:
        assert isinstance(ticket, int)
        hear(1)
        self.at_work.append(ticket)

    def work(self) -> None:
        together, self.at_work = self.at_work, []
        self.history.append(tuple(together))
        dead = self.killers.intersection(together)
        for number in together:
            error = WorkerDied("dead", times=3, certain=False) if dead else None
            self.ended.put((number, Ended(number * 10, error)))

    def add(self, *_: object) -> None: ...

    def cancel(self) -> int:
        return 0

    def close(self) -> None: ...


class Patient(SimpleQueue[Any]):
    """Lets the worker work when somebody waits for it."""

    pool: OneWorker

    def get(self, *_: Any, **__: Any) -> Any:
        if self.empty():
            self.pool.work()
        return super().get()


def shards_of(
    killers: set[int], failures: Any, skipped: list[Skipped]
) -> tuple[Shards[int], OneWorker, Recorder]:
    pool, heard = OneWorker(killers), Recorder()
    pool.ended = Patient()
    pool.ended.pool = pool
    told: ShardProgress[int] = ShardProgress(heard, size=lambda shard: 3)
    return Shards(range(7), pool, told, None, str, failures, skipped), pool, heard


def test_the_innocent_are_cleared_and_the_killer_is_left_out() -> None:
    skipped: list[Skipped] = []
    shards, pool, heard = shards_of({1, 5}, "skip", skipped)
    assert list(in_order(shards, 7, pool, 2)) == [0, None, 20, 30, 40, None, 60]
    assert [s.label for s in skipped] == ["1", "5"]
    assert (0, 1, 2) in pool.history
    assert {(0,), (1,), (2,)} <= set(pool.history)  # each suspect on its own
    assert sum(n for verb, n in heard.heard if verb == "advance") <= 7 * 3  # type: ignore[misc]
    assert sum(n for _, n in heard.heard) == 7 * 3  # type: ignore[misc]


def test_a_killer_that_is_alone_ends_the_run() -> None:
    shards, pool, _ = shards_of({2}, "stop", [])
    results = in_order(shards, 7, pool, 2)
    assert [next(results), next(results)] == [0, 10]
    with pytest.raises(ShardError, match="reduce 2: it failed 3 times, at last with dead"):
        next(results)
