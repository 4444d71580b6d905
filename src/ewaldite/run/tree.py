"""Sums of shards added as a binary tree whose shape depends on their number alone."""

from __future__ import annotations

from typing import Any

from ewaldite.run.interrupts import next_ended
from ewaldite.run.pool import Pool, Promise
from ewaldite.run.shards import Shards

#: A sum: its level, 0 for that of a shard, and its place among those of the level.
Node = tuple[int, int]


def depth(shards: int) -> int:
    """Levels of additions, the next whole number to log2 of the number of shards."""
    return (shards - 1).bit_length()


def held_sums(shards: int, workers: int) -> int:
    """Most sums that are in memory at any moment.

    Each level may have one sum that waits for its neighbour; beside them there are those in the
    making, as many as workers and one, and as many that were made before their turn.
    """
    return min(shards, depth(shards) + 2 * (workers + 1))


class Tree:
    """The tree: sum k of a level is that of 2k and 2k + 1 of the level below.

    A sum without a neighbour, at the end of a level, goes up as it is, as does one whose
    neighbour was left out. So n shards need n − 1 additions in ``depth(n)`` levels, and the sum
    is the same to the bit whoever adds and in whatever order the shards come.

    Parameters
    ----------
    shards:
        Their number, at least 1.
    """

    def __init__(self, shards: int) -> None:
        self._shards = shards
        self._waiting: dict[Node, Promise | None] = {}
        self.done = False
        self.total: Promise | None = None

    def put(self, node: Node, promise: Promise | None) -> tuple[Node, Promise, Promise] | None:
        """Put a finished sum in its place; None for one that was left out.

        Returns
        -------
        :
            The addition that has become possible, if one has: its place, left and right.
        """
        level, place = node
        while level < depth(self._shards):
            beside = level, place ^ 1
            if beside[1] <= (self._shards - 1) >> level:
                if beside not in self._waiting:
                    self._waiting[level, place] = promise
                    return None
                other = self._waiting.pop(beside)
                if promise is not None and other is not None:
                    pair = (other, promise) if place & 1 else (promise, other)
                    return (level + 1, place >> 1), *pair
                promise = other if promise is None else promise
            level, place = level + 1, place >> 1
        self.done, self.total = True, promise
        return None


def tree_sum(shards: Shards[Any], count: int, pool: Pool, workers: int) -> Promise:
    """Add the sums of all shards where they are; see :class:`Tree`.

    Parameters
    ----------
    shards:
        What is reduced.
    count:
        Their number.
    pool:
        Who reduces and adds.
    workers:
        How many there are.

    Returns
    -------
    :
        The sum of all.
    """
    growing = _Growing(shards, count, pool)
    while not growing.tree.done:
        growing.begin(workers)
        growing.take_one()
    if growing.tree.total is None:
        raise ValueError("all shards were left out")
    return growing.tree.total


class _Growing:
    """A tree while its shards are on their way."""

    def __init__(self, shards: Shards[Any], count: int, pool: Pool) -> None:
        self.tree = Tree(count)
        self._shards = shards
        self._pool = pool
        self._settled: set[int] = set()
        self._first = self._adding = self._ended = 0

    def begin(self, workers: int) -> None:
        """Begin shards, but no more than :func:`held_sums` allows: an addition holds two."""
        begun = self._shards.begun
        room = workers + 1 - (begun - self._ended) - 2 * self._adding
        self._shards.begin(min(begun + max(room, 0), self._first + workers + 1))

    def take_one(self) -> None:
        """Wait for a shard or an addition, and begin the addition that it makes possible."""
        ticket, promise = next_ended(self._pool.ended)
        addition = None
        if isinstance(ticket, int):
            well = self._shards.settle(ticket, promise)
            if well is not None:
                self._settle(ticket)
                addition = self.tree.put((0, ticket), promise if well else None)
        else:
            self._adding -= 1
            error = promise.exception()
            if error is not None:
                raise error
            addition = self.tree.put(ticket, promise)
        if addition is not None:
            self._adding += 1
            self._pool.add(*addition)

    def _settle(self, number: int) -> None:
        self._ended += 1
        self._settled.add(number)
        while self._first in self._settled:
            self._settled.remove(self._first)
            self._first += 1
