"""Sums of wedges as checkpoints on disk, one a wedge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ewaldite.diffuse.shard_file import load_summary
from ewaldite.run.checkpoint import CheckpointStore, Key, ShardStore, read_only
from ewaldite.run.digest import digest

#: What a wedge says of itself for the report.
Summary = dict[str, float]


@dataclass(frozen=True)
class Shard:
    """One wedge of one sweep."""

    sweep: int
    wedge: int
    frames: int


@dataclass(frozen=True)
class WedgeKeys:
    """Name and digest of the checkpoint of a wedge.

    Attributes
    ----------
    names:
        Of the sweeps.
    inputs:
        Digests of all that the sums of a sweep depend on.
    """

    names: tuple[str, ...]
    inputs: tuple[str, ...]

    def __call__(self, shard: Shard) -> Key:
        """Key of a wedge."""
        name = f"{self.names[shard.sweep]}/{shard.wedge}"
        return Key(name, digest(self.inputs[shard.sweep], shard.wedge))


@dataclass(frozen=True)
class NeighbourKeys:
    """Name and digest of what is made of a wedge and of some wedges beside it.

    Attributes
    ----------
    wedges:
        Keys of the sums that it is made of.
    beside:
        The wedges that count in each.
    """

    wedges: Callable[[Shard], Key]
    beside: dict[Shard, tuple[Shard, ...]]

    def __call__(self, shard: Shard) -> Key:
        """Key of a wedge."""
        own = self.wedges(shard)
        others = [self.wedges(other).digest for other in self.beside[shard]]
        return Key(own.name, digest(own.digest, others))


class SummaryStore(ShardStore[Shard, Summary]):
    """The summaries of wedges whose sums are kept; these are put there by who makes them."""

    def __init__(self, store: CheckpointStore, key: Callable[[Shard], Key]) -> None:
        super().__init__(store, key, read_only, load_summary)

    def put(self, shard: Shard, result: Summary) -> None:
        """Do nothing."""
