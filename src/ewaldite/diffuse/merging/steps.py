"""Step ``merge``: equivalent observations to one, on the map's grid and on that of scaling."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np

from ewaldite.diffuse.combine_step import rotation_of
from ewaldite.diffuse.context import Context
from ewaldite.diffuse.export import panel_of
from ewaldite.diffuse.maps.map_size import check_map_size
from ewaldite.diffuse.memory import program_bytes
from ewaldite.diffuse.merging.bragg import merge_bragg
from ewaldite.diffuse.merging.bragg_positions import CELLS, bragg_positions
from ewaldite.diffuse.merging.quality import Resolution
from ewaldite.diffuse.merging.stream import Merge, merge_blocks
from ewaldite.diffuse.observations import Observations
from ewaldite.diffuse.reindexed import reindexed
from ewaldite.diffuse.run_sizes import possible_voxels
from ewaldite.diffuse.scaling.steps import load_model, scaled_blocks
from ewaldite.diffuse.step_needs import MOST_SLABS, SLAB_COST, merge_need
from ewaldite.io.nexus import TableWriter, iterate, load, read_info, save
from ewaldite.model.grid import Grid
from ewaldite.run.budget import memory_budget
from ewaldite.run.memory import current_rss, give_back
from ewaldite.run.plan import plan_workers

#: Name of the step.
MERGE = "merge"
#: The table on the map's grid.
FINE = "merged.nxs"
#: Results of the step, without their suffix.
MERGED = ("merged", "statistics", "merged_coarse", "bragg_merged")
# A chunk of a file: a block is held some four times over while it is read
_BLOCK = 65_536


def merge_observations(context: Context) -> None:
    """Step ``merge``: merge with the factors of the scaling model, block by block.

    Writes ``merged.nxs`` (the map's grid), its statistics by shell, sweep and rotation,
    ``statistics.nxs``, ``merged_coarse.nxs`` (the grid of scaling, without the outliers that
    scaling found), and ``bragg_merged.nxs``.

    Raises
    ------
    UserError
        If there is no observation, or the map, whose voxels the statistics count, would not fit
        in memory.
    """
    check_map_size(context, current_rss())
    options = context.options
    fine = _merge(
        context,
        FINE,
        lambda: _blocks(context),
        options.map.grid,
        Resolution(context.metric, context.d_min, options.merge.shells),
    )
    _say(context, fine)
    if fine.statistics is not None:
        path, sample = context.path("statistics.nxs"), context.sample(options.map.grid)
        first = ("shells", "cc_half_anisotropic")
        save(path, fine.statistics, context.provenance(), sample=sample, plot=first)
    del fine
    give_back()
    _merge(
        context, "merged_coarse.nxs", lambda: scaled_blocks(context), options.scale.grid, None
    )
    give_back()
    _merge_spots(context)


def _merge_spots(context: Context) -> None:
    """Merge the Bragg table, scaled without the offset."""
    spots = load(context.path("bragg.nxs"))
    column = {name: spots.coords[name].values for name in ("ix", "iy", "sweep")}
    panel = np.zeros(len(spots), dtype=np.int32)
    for entry in context.entries:
        rows = column["sweep"] == entry.number
        panels = entry.sweep.wedges[0].panels
        panel[rows] = panel_of(panels, column["ix"][rows], column["iy"][rows])
    places = bragg_positions(spots, panel, context.metric)
    result = merge_bragg(
        spots,
        context.group,
        metric=context.metric,
        scale=load_model(context).evaluate(places)[0],
        friedel=context.options.merge.friedel,
        systematic=context.options.merge.error_model == "systematic",
        seed=context.options.merge.seed,
    )
    context.log.info("merge: %d Bragg reflections", len(result.table))
    for name, count in result.left_out.items():
        if count:
            context.log.info("merge: %d rows of the Bragg table are '%s'", count, name)
    sample = context.sample(CELLS)
    save(context.path("bragg_merged.nxs"), result.table, context.provenance(), sample=sample)


def _merge(
    context: Context,
    name: str,
    source: Callable[[], Iterable[Observations]],
    grid: Grid,
    resolution: Resolution | None,
) -> Merge:
    """Merge a table, and write it slab by slab, in as few slabs as memory allows."""
    options = context.options.merge
    slabs = _slabs(context, name, grid, statistics=resolution is not None)
    path, sample = context.path(name), context.sample(grid)
    with TableWriter(path, context.provenance(), sample=sample) as writer:
        return merge_blocks(
            source,
            context.group,
            scaling=load_model(context).evaluate,
            estimator=options.estimator,
            noise=options.noise,
            friedel=options.friedel,
            seed=options.seed,
            outlier_sigma=options.outlier_sigma,
            error_model=options.error_model,
            resolution=resolution,
            names=[sweep.name for sweep in context.options.sweep],
            half_sets=options.half_sets,
            angle=lambda o: rotation_of(context, o.sweep, o.iz),
            rotation_width=options.rotation_degrees,
            slabs=slabs,
            take=writer.append,
        )


def _slabs(context: Context, name: str, grid: Grid, *, statistics: bool) -> int:
    """Slabs of voxels that a merge of a table is cut into under the budget."""
    fine = name == FINE
    source = context.work / "map_observations.nxs" if fine else context.path("observations.nxs")
    rows = read_info(source).sizes["voxel"]
    need = merge_need(
        rows,
        min(rows, possible_voxels(context, grid)),
        len(context.entries),
        context.options.merge,
        statistics=statistics,
    )
    plan = plan_workers(
        replace(need, base=program_bytes()),
        memory_budget(context.options.run.memory),
        processors=1,
        shards=1,
        max_bands=MOST_SLABS,
        band_cost=SLAB_COST,
    )
    bands = plan.bands
    if fine and MERGE in context.planned:
        # what was told is kept to, though it was told of sizes that were not yet known
        bands = max(bands, context.planned[MERGE].bands)
    if bands > 1:
        context.log.info("merge: %s in %d slabs", name, bands)
    return bands


def _blocks(context: Context) -> Iterator[Observations]:
    """Observations on the map's grid, in the common setting."""
    operators = context.operators
    for block in iterate(context.work / "map_observations.nxs", rows=_BLOCK):
        yield reindexed(Observations.from_scipp(block), operators)


def _say(context: Context, result: Merge) -> None:
    """Log what was merged, what was rejected, and the systematic errors."""
    context.log.info("merge: %d voxels", result.voxels)
    if context.options.merge.outlier_sigma is not None:
        rejected, total = int(result.rejected.sum()), len(result.rejected)
        context.log.info("merge: %d of %d observations are outliers", rejected, total)
    if result.error is None:
        return
    for number, sweep in enumerate(context.options.sweep[: len(result.error.value)]):
        context.log.info(
            "merge: %s has a systematic error of %.1f %% (χ² %.2f, with it %.2f)",
            sweep.name,
            100 * result.error.value[number],
            result.error.chi2_before[number],
            result.error.chi2_after[number],
        )
