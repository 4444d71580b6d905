"""Steps from observations to the merged table, its statistics, and the map."""

from __future__ import annotations

from ewaldite.diffuse.context import Context
from ewaldite.diffuse.maps.expand import expand
from ewaldite.diffuse.maps.map_size import check_map_size
from ewaldite.diffuse.merging.quality import Resolution
from ewaldite.diffuse.merging.stream import Merge, merge_blocks
from ewaldite.diffuse.observations import Observations
from ewaldite.diffuse.table_steps import rotation_of
from ewaldite.io.nexus import iterate, load, save
from ewaldite.run.memory import current_rss

_BLOCK = 500_000


def merge_observations(context: Context) -> None:
    """Step ``merge``: merge the observations on the map's grid, block by block.

    Writes ``merged.nxs`` and the statistics by shell, batch and rotation, ``statistics.nxs``.

    Raises
    ------
    UserError
        If there is no observation, or the map, whose voxels the statistics count, would not fit
        in memory.
    """
    check_map_size(context, current_rss())
    options = context.options.merge
    path = context.work / "map_observations.nxs"
    result = merge_blocks(
        lambda: (Observations.from_scipp(b) for b in iterate(path, rows=_BLOCK)),
        context.group,
        estimator=options.estimator,
        noise=options.noise,
        friedel=options.friedel,
        seed=options.seed,
        outlier_sigma=options.outlier_sigma,
        error_model=options.error_model,
        resolution=Resolution(context.metric, context.d_min, options.shells),
        names=[sweep.name for sweep in context.options.sweep],
        half_sets=options.half_sets,
        angle=lambda o: rotation_of(context, o.sweep, o.iz),
        rotation_width=options.rotation_degrees,
    )
    say_merged(context, result)
    sample = context.sample(context.options.map.grid)
    save(context.path("merged.nxs"), result.merged, context.provenance(), sample=sample)
    if result.statistics is not None:
        path = context.path("statistics.nxs")
        save(path, result.statistics, context.provenance(), sample=sample)


def say_merged(context: Context, result: Merge) -> None:
    """Log what was merged, what was rejected, and the systematic errors."""
    rejected, total = int(result.rejected.sum()), len(result.rejected)
    context.log.info("merge: %d voxels", len(result.merged))
    if context.options.merge.outlier_sigma is not None:
        context.log.info("merge: %d of %d observations are outliers", rejected, total)
    if result.error is not None:
        for number, sweep in enumerate(context.options.sweep[: len(result.error.value)]):
            context.log.info(
                "merge: %s has a systematic error of %.1f %% (χ² %.2f, with it %.2f)",
                sweep.name,
                100 * result.error.value[number],
                result.error.chi2_before[number],
                result.error.chi2_after[number],
            )


def make_map(context: Context) -> None:
    """Step ``map``: spread the merged table over reciprocal space, ``map.nxs``.

    Raises
    ------
    UserError
        If the dense map does not fit in memory.
    """
    check_map_size(context, current_rss())
    options = context.options
    merged = load(context.path("merged.nxs"))
    dense = expand(
        merged, context.group, context.metric, context.d_min, friedel=options.merge.friedel
    )
    context.log.info("map: %s voxels", " × ".join(str(n) for n in dense.shape))
    save(
        context.path("map.nxs"),
        dense,
        context.provenance(),
        sample=context.sample(options.map.grid),
    )
