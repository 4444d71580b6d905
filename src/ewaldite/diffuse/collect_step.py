"""Step ``integrate``: the sums of wedges on the grids, Bragg peaks apart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.collect import CollectedWedge, collect, masked_with_neighbours
from ewaldite.diffuse.context import Context
from ewaldite.diffuse.image_steps import filter_images, kept_shards, wedge_store
from ewaldite.diffuse.shard_file import load_collected, load_masked, save_collected
from ewaldite.diffuse.step_needs import collect_need
from ewaldite.diffuse.step_shards import again_if_lost, kept_of, wedge_label, worked_on
from ewaldite.diffuse.wedge_job import BRAGG_GRID
from ewaldite.diffuse.wedge_store import NeighbourKeys, Shard, Summary, SummaryStore
from ewaldite.diffuse.wedge_sums import WedgeSums
from ewaldite.io.atomic import write_text
from ewaldite.model.grid import Grid
from ewaldite.run.checkpoint import CheckpointStore, ShardStore, read_only

#: Grids of the collected sums.
SCALE, MAP, BRAGG = "scale", "map", "bragg"


@dataclass(frozen=True)
class CollectWork:
    """Sums wedges into the grids: paths and grids alone, which another process may be sent.

    Attributes
    ----------
    grids:
        By name.
    sums:
        What the pass over the images kept.
    masks:
        The Bragg peaks alone of it.
    beside:
        Wedges whose Bragg peaks count in each.
    collected:
        Where the sums on the grids go.
    """

    grids: dict[str, Grid]
    sums: ShardStore[Shard, WedgeSums]
    masks: ShardStore[Shard, NDArray[np.int64]]
    beside: dict[Shard, tuple[Shard, ...]]
    collected: ShardStore[Shard, CollectedWedge]

    def __call__(self, shard: Shard) -> Summary:
        """Sum a wedge, keep it and give its summary."""
        sums = kept_of(self.sums, shard)
        neighbours = [kept_of(self.masks, other) for other in self.beside[shard]]
        masked = masked_with_neighbours(sums, neighbours)
        by_grid = {grid: collect(sums, grid, masked) for grid in set(self.grids.values())}
        summary = {"voxels masked": float(len(masked))}
        collected = {name: by_grid[grid] for name, grid in self.grids.items()}
        self.collected.put(shard, CollectedWedge(collected, summary))
        return summary


def grids(context: Context) -> dict[str, Grid]:
    """Grids that the sums of a wedge are collected on."""
    options = context.options
    return {SCALE: options.scale.grid, MAP: options.map.grid, BRAGG: BRAGG_GRID}


def integrate_wedges(context: Context) -> None:
    """Step ``integrate``: sum every wedge into the grids, Bragg peaks apart, in parallel.

    The mask of a wedge is joined with those of the wedges before and after it. Each wedge
    leaves a checkpoint; the numbers of their masked voxels go to ``work/integrate.json``.
    """

    def once() -> tuple[list[Shard], list[Summary]]:
        shards = kept_shards(context)
        return shards, _collect(context, shards)

    shards, summaries = again_if_lost(once, lambda: filter_images(context))
    said = [
        {
            "sweep": context.options.sweep[shard.sweep].name,
            "wedge": shard.wedge,
            "voxels masked": int(summary["voxels masked"]),
        }
        for shard, summary in zip(shards, summaries, strict=True)
    ]
    write_text(context.work / "integrate.json", json.dumps(said, indent=1))


def _collect(context: Context, shards: Sequence[Shard]) -> list[Summary]:
    sums = wedge_store(context)
    collected = collected_store(context, shards, sums)
    work = CollectWork(
        grids(context),
        sums,
        ShardStore(sums.store, sums.key, read_only, load_masked, in_part=True),
        neighbours(context, shards),
        collected,
    )
    with worked_on(
        context,
        "integrate",
        shards,
        work,
        collect_need(max(map(sums.size, shards))),
        unit="wedges",
        label=wedge_label(context),
        store=SummaryStore(collected.store, collected.key),
    ) as results:
        return list(results)


def collected_store(
    context: Context, shards: Sequence[Shard], sums: ShardStore[Shard, WedgeSums]
) -> ShardStore[Shard, CollectedWedge]:
    """Checkpoints of the wedges on the grids.

    Parameters
    ----------
    context:
        The run.
    shards:
        All wedges that were not left out, in order.
    sums:
        What they are made of.
    """
    store = CheckpointStore(context.work.absolute() / "collected", suffix=".npz")
    keys = NeighbourKeys(sums.key, neighbours(context, shards))
    return ShardStore(store, keys, save_collected, load_collected)


def neighbours(context: Context, shards: Sequence[Shard]) -> dict[Shard, tuple[Shard, ...]]:
    """Wedges before and after each in its sweep, if their Bragg peaks are to count in it."""
    beside: dict[Shard, tuple[Shard, ...]] = {}
    for _, group in groupby(shards, key=lambda shard: shard.sweep):
        of_sweep = list(group)
        for before, shard, after in zip(
            [None, *of_sweep[:-1]], of_sweep, [*of_sweep[1:], None], strict=True
        ):
            found = (before, after) if context.options.filter.refine else ()
            beside[shard] = tuple(other for other in found if other is not None)
    return beside
