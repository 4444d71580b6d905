"""Shards on their way through a pool: handed out in order, tried again, counted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any, Generic, TypeVar

from ewaldite.run.checkpoint import ShardStore
from ewaldite.run.failure import Skipped, describe, given_up, may_skip, say_again, tried_enough
from ewaldite.run.interrupts import next_ended
from ewaldite.run.options import Failures
from ewaldite.run.pool import Pool, Promise, WorkerDied
from ewaldite.run.progress import Progress

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
        How much a shard counts, as its number of frames. A function that reduces a shard may
        count a part of it with :func:`ewaldite.run.telling.tell`; the rest is counted when it
        is done.
    unit:
        What is counted, in plural.
    """

    progress: Progress
    size: Callable[[Shard], int] = _one
    unit: str = "shards"

    def start(self, name: str, shards: Sequence[Shard]) -> None:
        """Announce all shards."""
        self.progress.start(name, sum(map(self.size, shards)), self.unit)


class _Share:
    """What was counted of one shard, which may be begun anew."""

    def __init__(self, progress: Progress, size: int) -> None:
        self._progress = progress
        self._size = size
        self._counted = self._told = 0

    def hear(self, done: int) -> None:
        """Count what was not counted in an earlier attempt."""
        self._told += done
        fresh = min(self._told, self._size) - self._counted
        if fresh > 0:
            self._counted += fresh
            self._progress.advance(fresh)

    def again(self) -> None:
        """Begin anew."""
        self._told = 0

    def end(self, loaded: bool) -> None:
        """Count the rest."""
        rest, self._counted = self._size - self._counted, self._size
        if rest > 0:
            (self._progress.skip if loaded else self._progress.advance)(rest)


@dataclass
class _Way(Generic[Shard]):
    """A shard that is not done yet."""

    shard: Shard
    share: _Share
    loaded: bool
    attempts: int = 1
    alone: bool = False


class Shards(Generic[Shard]):
    """Shards that are handed out in order; what fails is tried again.

    Parameters
    ----------
    shards:
        All.
    pool:
        Who reduces them.
    told:
        How the progress hears of them.
    store:
        Where results are kept.
    label:
        Names a shard and its file.
    failures:
        What becomes of a shard that fails as often as it is tried.
    skipped:
        Gets those that are left out.
    """

    def __init__(
        self,
        shards: Sequence[Shard],
        pool: Pool,
        told: ShardProgress[Shard],
        store: ShardStore[Shard, Any] | None,
        label: Callable[[Shard], str],
        failures: Failures,
        skipped: list[Skipped],
    ) -> None:
        self._shards = shards
        self._pool = pool
        self._told = told
        self._store = store
        self._label = label
        self._failures = failures
        self._skipped = skipped
        self._left_out = 0
        self._way: dict[int, _Way[Shard]] = {}
        self._suspects: list[int] = []
        self.begun = 0

    def begin(self, stop: int) -> None:
        """Hand out all shards before a number that are not handed out yet.

        None is while one may have killed workers: it is tried alone.
        """
        if self._suspects or any(way.alone for way in self._way.values()):
            return
        while self.begun < min(stop, len(self._shards)):
            number, shard = self.begun, self._shards[self.begun]
            loaded = self._store is not None and self._store.has(shard)
            share = _Share(self._told.progress, self._told.size(shard))
            self._way[number] = _Way(shard, share, loaded)
            self.begun += 1
            self._pool.submit(number, shard, share.hear)

    def settle(self, number: int, promise: Promise) -> bool | None:
        """Look at a shard that has ended.

        Returns
        -------
        :
            True where it ended well, False where it is left out, None where it is tried again.

        Raises
        ------
        UserError
            Where it is not to be left out.
        """
        error = promise.exception()
        if error is None:
            way = self._way.pop(number)
            way.share.end(way.loaded)
            settled: bool | None = True
        else:
            settled = self._failed(number, error)
        self._try_suspect()
        return settled

    def _failed(self, number: int, error: BaseException) -> bool | None:
        """Have a shard tried again (None), or leave it out (False), or raise."""
        way = self._way[number]
        if isinstance(error, WorkerDied):
            if not error.certain and not way.alone:
                self._suspects.append(number)
                return None
            way.attempts += error.times - 1
        if not tried_enough(error, way.attempts):
            say_again(self._label(way.shard), error, way.attempts)
            way.attempts += 1
            self._again(number)
            return None
        if not may_skip(error, self._failures):
            raise given_up(self._label(way.shard), error, way.attempts)
        del self._way[number]
        self._leave_out(way, error)
        return False

    def _again(self, number: int) -> None:
        way = self._way[number]
        way.share.again()
        self._pool.submit(number, way.shard, way.share.hear)

    def _try_suspect(self) -> None:
        """Try a shard that may have killed workers when no other is on its way.

        Those that were with the same worker are suspected with it.
        """
        if self._suspects and len(self._way) == len(self._suspects):
            number = self._suspects.pop(0)
            way = self._way[number]
            way.alone = True
            _logger.warning("%s may kill workers; it is tried alone", self._label(way.shard))
            self._again(number)

    def _leave_out(self, way: _Way[Shard], error: BaseException) -> None:
        self._left_out += 1
        if self._left_out == len(self._shards):
            raise given_up(self._label(way.shard), error, way.attempts)
        way.share.end(loaded=True)
        one = Skipped(self._label(way.shard), describe(error))
        self._skipped.append(one)
        _logger.warning("%s", one)


def in_order(
    shards: Shards[Any], count: int, pool: Pool, workers: int
) -> Generator[Any, None, None]:
    """Yield results in the order of the shards, None for those that are left out.

    At any moment at most ``workers + 1`` shards are begun and not yielded; that which was
    yielded last counts until the next is asked for.
    """
    settled: dict[int, Promise | None] = {}
    for number in range(count):
        shards.begin(number + workers + 1)
        while number not in settled:
            _settle_one(shards, pool, settled)
        promise = settled[number]
        yield None if promise is None else promise.result()
        del settled[number], promise


def _settle_one(shards: Shards[Any], pool: Pool, settled: dict[int, Promise | None]) -> None:
    ticket, promise = next_ended(pool.ended)
    if isinstance(ticket, int):
        well = shards.settle(ticket, promise)
        if well is not None:
            settled[ticket] = promise if well else None


def wind_up(pool: Pool, stop: Event | None) -> None:
    """Call off what is not begun, because the run ends early."""
    busy = pool.cancel()  # before those that run are told to give up and make room
    if stop is not None:
        stop.set()
    if busy:
        _logger.info("stopping: %d shards are still being finished", busy)
