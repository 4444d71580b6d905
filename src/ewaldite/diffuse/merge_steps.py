"""Steps from observations to the merged table, its statistics, and the map."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import scipp as sc

from ewaldite.diffuse.context import Context
from ewaldite.diffuse.maps.expand import expand
from ewaldite.diffuse.maps.map_size import check_map_size
from ewaldite.diffuse.merging.merge import finish
from ewaldite.diffuse.merging.merge_sums import MergeSums
from ewaldite.diffuse.merging.prepared import prepare
from ewaldite.diffuse.merging.outliers import OUTLIER, mask_outliers
from ewaldite.diffuse.merging.rates import ShellSums
from ewaldite.diffuse.merging.statistics import shell_table
from ewaldite.diffuse.observations import Observations
from ewaldite.errors import UserError
from ewaldite.io.nexus import iterate, load, save
from ewaldite.run.memory import current_rss

_BLOCK = 500_000
_SHELLS = 20


def merge_observations(context: Context) -> None:
    """Step ``merge``: merge the observations on the map's grid, block by block.

    Writes ``merged.nxs`` and the statistics in resolution shells, ``statistics.nxs``.

    Raises
    ------
    UserError
        If there is no observation, or the map, whose voxels the statistics count, would not fit
        in memory.
    """
    check_map_size(context, current_rss())
    options = context.options.merge
    source = _blocks(context)
    rates = ShellSums(np.zeros((5, 1, 1)))
    for block in source():
        rates = rates + prepare(block, None, None)[1]
    sums: MergeSums | None = None
    for number, block in enumerate(source()):
        part = MergeSums.of(
            prepare(block, None, None, rates)[0],
            context.group,
            estimator=options.estimator,
            friedel=options.friedel,
            rng=np.random.default_rng([options.seed, number]),
        )
        sums = part if sums is None else sums + part
    if sums is None or len(sums.key) == 0:
        raise UserError(
            "merge the observations",
            "there is none",
            "Look at the masks in the report: the pixel mask or the filter left nothing.",
        )
    merged = finish(sums, options.noise)
    sample = context.sample(context.options.map.grid)
    context.log.info("merge: %d voxels", len(merged))
    save(context.path("merged.nxs"), merged, context.provenance(), sample=sample)
    statistics = shell_table(
        merged,
        context.group,
        context.metric,
        context.d_min,
        width=1.0 / context.d_min / _SHELLS,
        kind=options.half_sets,
    )
    save(
        context.path("statistics.nxs"),
        sc.DataGroup(dict(statistics.items())),
        context.provenance(),
        sample=sample,
    )


def _blocks(context: Context) -> Callable[[], Iterator[Observations]]:
    """What begins another pass over the observations, without outliers if the options ask."""
    if context.options.merge.outlier_sigma is not None:
        table = _without_outliers(context, context.options.merge.outlier_sigma)
        return lambda: iter([table])
    path = context.work / "map_observations.nxs"
    return lambda: (Observations.from_scipp(b) for b in iterate(path, rows=_BLOCK))


def _without_outliers(context: Context, sigma: float) -> Observations:
    """All observations, those masked that their equivalents contradict."""
    table = mask_outliers(
        Observations.from_scipp(load(context.work / "map_observations.nxs")),
        context.group,
        k=sigma,
        friedel=context.options.merge.friedel,
    )
    count = int(table.masks[OUTLIER].sum())
    context.log.info("merge: %d of %d observations are outliers", count, len(table))
    return table


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
