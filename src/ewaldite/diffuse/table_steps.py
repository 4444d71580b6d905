"""Steps from the sums of wedges to the tables of observations and Bragg reflections."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import TypeVar

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.diffuse.bragg import bragg_table, join_reflections
from ewaldite.diffuse.collect import Collected, collect, masked_with_neighbours
from ewaldite.diffuse.combine import join_neighbours
from ewaldite.diffuse.context import REINDEX, Context
from ewaldite.diffuse.export import observations_of
from ewaldite.diffuse.image_steps import filter_images, kept_shards, wedge_store
from ewaldite.diffuse.observations import Observations
from ewaldite.diffuse.reindexed import check_grid, reindexed, reindexed_bragg
from ewaldite.diffuse.reindexing import resolve
from ewaldite.diffuse.shard_file import load_collected, load_masked, save_collected
from ewaldite.diffuse.sweep_input import cell_of
from ewaldite.diffuse.wedge_job import BRAGG_GRID
from ewaldite.diffuse.wedge_store import Shard
from ewaldite.diffuse.wedge_sums import WedgeSums
from ewaldite.errors import UserError
from ewaldite.io.atomic import atomic_path, write_text
from ewaldite.io.nexus import TableWriter, iterate, load, save
from ewaldite.model.grid import Grid
from ewaldite.run.checkpoint import ShardStore
from ewaldite.run.memory import give_back

Kept = TypeVar("Kept")

#: Grids of the collected sums.
SCALE, MAP, BRAGG = "scale", "map", "bragg"


def grids(context: Context) -> dict[str, Grid]:
    """Grids that the sums of a wedge are collected on."""
    options = context.options
    return {SCALE: options.scale.grid, MAP: options.map.grid, BRAGG: BRAGG_GRID}


def integrate_wedges(context: Context) -> None:
    """Step ``integrate``: sum every wedge into the grids, Bragg peaks apart.

    The mask of a wedge is joined with those of the wedges before and after it.
    """
    refine = context.options.filter.refine
    summaries = []
    for shard, sums, neighbours in _with_neighbours(context):
        masked = masked_with_neighbours(sums, neighbours if refine else [])
        by_grid = {grid: collect(sums, grid, masked) for grid in set(grids(context).values())}
        collected = {name: by_grid[grid] for name, grid in grids(context).items()}
        with atomic_path(_collected_path(context, shard)) as path:
            save_collected(collected, path)
        name = context.options.sweep[shard.sweep].name
        summaries.append({"sweep": name, "wedge": shard.wedge, "voxels masked": len(masked)})
    write_text(context.work / "integrate.json", json.dumps(summaries, indent=1))


def _collected_path(context: Context, shard: Shard) -> Path:
    folder = context.work / "collected" / context.options.sweep[shard.sweep].name
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{shard.wedge}.npz"


Neighbourhood = tuple[Shard, WedgeSums, list[NDArray[np.int64]]]


def _with_neighbours(context: Context) -> Iterator[Neighbourhood]:
    """Wedges with the Bragg peaks of those before and after them in their sweep.

    The sums of one wedge are in memory at a time.
    """
    store = wedge_store(context)
    masks = ShardStore(store.store, store.key, lambda masked, path: None, load_masked)
    for _, group in groupby(kept_shards(context), key=lambda shard: shard.sweep):
        shards = list(group)
        for i, shard in enumerate(shards):
            sums = _kept(context, store, shard)
            beside = [shards[j] for j in (i - 1, i + 1) if 0 <= j < len(shards)]
            yield shard, sums, [_kept(context, masks, other) for other in beside]
            del sums


def _kept(context: Context, store: ShardStore[Shard, Kept], shard: Shard) -> Kept:
    """Load what was kept of a wedge; where a checkpoint was lost it is made again."""
    found = store.get(shard)
    if found is None:
        filter_images(context)
        found = store.get(shard)
    if found is None:
        raise UserError(
            "read the sums of the wedges",
            f"the checkpoint of wedge {shard.wedge} in {context.work} does not stay",
            "See whether another program removes files there.",
        )
    return found


def export_tables(context: Context) -> None:
    """Step ``export``: observations and Bragg reflections of every wedge, as tables on disk."""
    writers = {SCALE: "observations", MAP: "map_observations", BRAGG: "bragg"}
    with ExitStack() as stack:
        open_ = {
            name: stack.enter_context(
                TableWriter(
                    context.work / f"{file}.nxs",
                    context.provenance(),
                    sample=context.sample(grids(context)[name], reindexed=False),
                )
            )
            for name, file in writers.items()
        }
        for shard in kept_shards(context):
            collected = load_collected(_collected_path(context, shard))
            for name in (SCALE, MAP):
                table = _observations(context, shard, collected[name], grids(context)[name])
                open_[name].append(table.to_scipp())
            _, volume = cell_of(context.entries[shard.sweep].sweep.wedges[shard.wedge])
            spots = collected[BRAGG]
            open_[BRAGG].append(
                bragg_table(
                    spots.excluded,
                    spots.included,
                    cell_volume=volume,
                    wedge=shard.wedge,
                    sweep=shard.sweep,
                )
            )


def _observations(
    context: Context, shard: Shard, collected: Collected, grid: Grid
) -> Observations:
    wedge = context.entries[shard.sweep].sweep.wedges[shard.wedge]
    _, volume = cell_of(wedge)
    return observations_of(
        collected.included,
        grid,
        cell_volume=volume,
        panels=wedge.panels,
        wedge=shard.wedge,
        sweep=shard.sweep,
        minimum_pixels=context.options.scale.minimum_pixels,
    )


def combine_tables(context: Context) -> None:
    """Step ``combine``: one table of all sweeps, in one setting, and the Bragg table.

    Parts of a voxel or a reflection that the border of two wedges cut are joined. The
    observations of one sweep are in memory at a time.
    """
    options = context.options
    spots = load(context.work / "bragg.nxs")
    place = rotation_of(context, spots.coords["sweep"].values, spots.coords["iz"].values)
    bragg = join_reflections(spots, place, options.scale.bragg_within_degrees)
    _say_incomplete(context, bragg)
    rows = _rows_of_sweeps(context)

    def joined(sweep: int) -> Observations:
        found = load(context.work / "observations.nxs", rows=(rows[sweep], rows[sweep + 1]))
        table = Observations.from_scipp(found)
        phi = rotation_of(context, table.sweep, table.iz)
        return join_neighbours(table, phi, options.scale.merge_within_degrees)

    operators = _reindex(context, joined, bragg)
    result = reindexed_bragg(bragg, operators)
    sample = context.sample(BRAGG_GRID)
    save(context.path("bragg.nxs"), result, context.provenance(), sample=sample)
    path, sample = context.path("observations.nxs"), context.sample(options.scale.grid)
    with TableWriter(path, context.provenance(), sample=sample) as writer:
        for sweep in range(len(context.entries)):
            writer.append(reindexed(joined(sweep), operators).to_scipp())
            give_back()
    if writer.rows < rows[-1]:
        context.log.info("combine: %d observations joined to %d", rows[-1], writer.rows)
    context.log.info("combine: %d observations", writer.rows)


def _rows_of_sweeps(context: Context) -> list[int]:
    """Where the rows of each sweep begin in the exported table, and where the last ends."""
    number = np.zeros(len(context.entries), dtype=np.int64)
    for block in iterate(context.work / "observations.nxs", columns=["sweep"]):
        number += np.bincount(block.coords["sweep"].values, minlength=len(number))
    return [0, *np.cumsum(number).tolist()]


def _reindex(
    context: Context, observations: Callable[[int], Observations], bragg: sc.DataArray
) -> dict[int, NDArray[np.int64]]:
    """Bring all sweeps to one setting; returns the operators, also written to a file."""
    names = [sweep.name for sweep in context.options.sweep]
    decisions = resolve(
        observations,
        context.group,
        context.cells,
        given=context.given_operators,
        bragg=bragg,
        names=names,
    )
    for name, decision in zip(names, decisions, strict=True):
        if len(decision.candidates) > 1 or decision.why == "given":
            context.log.info("reindex %s: %s", name, decision.text())
        check_grid(context.options.map.grid, decision.operator)
    written = {str(n): decision.name for n, decision in enumerate(decisions)}
    write_text(context.work / REINDEX, json.dumps(written, indent=1))
    return context.operators


def rotation_of(
    context: Context, sweep: NDArray[np.int32], iz: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Spindle angle at positions ``iz`` in the scans of sweeps; dims (voxel), degrees."""
    phi = np.empty(iz.size)
    for entry in context.entries:
        rows = sweep == entry.number
        scan = entry.sweep.scan
        phi[rows] = np.interp(iz[rows], np.arange(len(scan)), scan.phi)
    return phi


def _say_incomplete(context: Context, bragg: sc.DataArray) -> None:
    for name, mask in bragg.masks.items():
        count = int(mask.values.sum())
        context.log.info("Bragg table: %d of %d reflections are '%s'", count, len(mask), name)
