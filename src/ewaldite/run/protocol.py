"""The four verbs of a reduction that is cut into shards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from ewaldite.run.budget import Budget
from ewaldite.run.plan import Plan

Shard = TypeVar("Shard")
Sums = TypeVar("Sums")
Result = TypeVar("Result", covariant=True)


@dataclass(frozen=True)
class Work(Generic[Shard]):
    """What there is to do.

    Attributes
    ----------
    plan:
        Workers and bands.
    shards:
        All pieces, in the order in which their sums are added; at least one.
    """

    plan: Plan
    shards: Sequence[Shard]


class Reduction(Protocol[Shard, Sums, Result]):
    """A computation that is cut into shards whose sums add up.

    Shards and sums are plain data that can be sent to another process. ``reduce_shard`` runs in
    several threads at once and changes nothing but its own variables.
    """

    def plan(self, budget: Budget, processors: int) -> Work[Shard]:
        """Cut the work; what a shard may be is for the reduction to say.

        The shards' sums must not depend on the plan, or else the digest of a checkpoint must.
        """
        ...

    def reduce_shard(self, shard: Shard) -> Sums:
        """Sum up one shard."""
        ...

    def add(self, total: Sums, more: Sums) -> Sums:
        """Sum of two; ``total`` may be changed in place and returned."""
        ...

    def finish(self, total: Sums) -> Result:
        """Make the result from the sum of all shards."""
        ...
