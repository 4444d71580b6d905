"""The plan of a diffuse run: predicted memory of every step that will be done."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace

import numpy as np

from ewaldite.diffuse.context import Context
from ewaldite.diffuse.correction_step import all_bands
from ewaldite.diffuse.image_steps import all_shards, bins_of, most_bands
from ewaldite.diffuse.maps.expand import map_bytes, map_shape
from ewaldite.diffuse.maps.map_size import check_map_size, held_map_bytes, map_remedy
from ewaldite.diffuse.maps.pdf import pdf_bytes
from ewaldite.diffuse.memory import (
    BAND_COST,
    evenly_spread,
    predict_need,
    program_bytes,
)
from ewaldite.diffuse.run_sizes import RunSizes, guess_of_good, run_sizes
from ewaldite.diffuse.step_needs import (
    MOST_SLABS,
    SEGMENT_BYTES,
    SLAB_COST,
    collect_need,
    collected_bytes,
    combine_need,
    correct_need,
    export_need,
    map_table_bytes,
    mask_bytes,
    merge_need,
    report_bytes,
    scale_bytes,
)
from ewaldite.diffuse.wedge_job import WedgeJob
from ewaldite.diffuse.wedge_work import wedge_job
from ewaldite.errors import UserError
from ewaldite.io.images import FrameError
from ewaldite.kernels import walk
from ewaldite.run.budget import memory_budget
from ewaldite.run.forecast import Forecast, StepNeed, forecast
from ewaldite.run.plan import Need

# Steps whose need is told from pixels and their paths
_SEE_IMAGES = {"mask", "filter", "integrate", "export"}
# Sweeps that are looked at
_LOOKED_AT = 4
# So many pixels tell how far the detector reaches
_PIXELS = 20_000
# Length of the filter's histograms where no frame can be looked at
_BINS = 64
_REMEDY = {
    "filter": "Choose a smaller [integrate] wedge_degrees or a larger [map] d_min",
    "integrate": "Choose a smaller [integrate] wedge_degrees",
    "export": "Choose a smaller [integrate] wedge_degrees",
    "combine": "Choose a coarser [scale] subdivide",
    "scale": "Choose a coarser [scale] subdivide",
    "merge": "Choose a larger [map] d_min or a smaller subdivide",
    "pdf": "Choose a larger [pdf] d_min or a smaller padding",
}


def forecast_run(context: Context, redone: Collection[str]) -> Forecast:
    """Predict the memory of the steps that will be done, and plan them under the budget.

    Nothing is written; of the images at most a few frames of the first sweep are read.

    Parameters
    ----------
    context:
        The run.
    redone:
        Names of the steps that will be done, in their order; ``report`` besides those of the
        workflow.

    Returns
    -------
    :
        Workers, bands or slabs, and predicted peak of each.

    Raises
    ------
    UserError
        If the input is not as it must be. Whether all fits is for the caller to ask
        (:meth:`~ewaldite.run.forecast.Forecast.check`).
    """
    run = context.options.run
    budget = memory_budget(run.memory)
    processors = run.processors
    if not redone:
        return forecast([], budget, processors=processors)
    # what comes after the export of tables knows their sizes without looking at an image
    masked = "mask" not in redone
    jobs = _jobs(context, masked=masked) if _SEE_IMAGES & set(redone) else []
    if "filter" not in redone:
        context.entries[0].samples.forget()
    if not masked and context.options.map.d_min is None:
        context = _with_resolution(context, jobs[0])
    if {"map", "merge"} & set(redone):
        check_map_size(context)
    sizes = run_sizes(context, jobs, redone)
    base = program_bytes()
    needs = [_step_need(context, step, sizes, jobs, base) for step in redone]
    return forecast(needs, budget, processors=processors)


def _step_need(
    context: Context, step: str, sizes: RunSizes, jobs: list[WedgeJob], base: int
) -> StepNeed:
    if step == "filter":
        return _filter_need(context, jobs, base)
    if step == "merge":
        merge = context.options.merge
        fine = merge_need(sizes.map_rows, sizes.map_voxels, sizes.sweeps, merge)
        return StepNeed(
            step,
            replace(fine, base=base),
            max_bands=MOST_SLABS,
            band_cost=SLAB_COST,
            remedy=_REMEDY[step],
        )
    sharded = _sharded(context, step, sizes)
    if sharded is not None:
        need, shards = sharded
        processors = context.options.run.processors
        idle = max(processors - shards, 0)
        need = context.executor.need(replace(need, base=need.base + base), idle)
        return StepNeed(step, need, shards=shards, remedy=_REMEDY.get(step, ""))
    held = _held(context, step, sizes)
    remedy = map_remedy(context.options.map) if step == "map" else _REMEDY.get(step, "")
    return StepNeed(step, Need(base=base, worker=held), remedy=remedy)


def _held(context: Context, step: str, sizes: RunSizes) -> int:
    """What a step that works on one thing at a time holds besides the program."""
    options, voxels = context.options, sizes.map_voxels
    if step == "mask":
        return mask_bytes(sizes, options)
    if step == "scale":
        return scale_bytes(sizes.scale_rows, options)
    if step == "map":
        return held_map_bytes(context) + map_table_bytes(voxels, options)
    if step == "pdf":
        d_min = max(context.d_min, options.pdf.d_min or 0.0)
        box = options.map.grid, context.group, context.metric, d_min
        whole = map_bytes(*box) + pdf_bytes(map_shape(*box), options.pdf.padding)
        return whole + map_table_bytes(voxels, options)
    if step == "rescale":
        return 600 * voxels + 600 * sizes.coarse_voxels
    # pictures that are asked for are made of the whole map
    whole = 0
    if options.map.slice or options.map.line:
        box = options.map.grid, context.group, context.metric, context.d_min
        whole = map_bytes(*box, options.map.limits)
    return report_bytes(sizes) + whole


def _sharded(context: Context, step: str, sizes: RunSizes) -> tuple[Need, int] | None:
    """What a step needs besides the program, and its shards; None where it has none."""
    if step == "integrate":
        return collect_need(SEGMENT_BYTES * sizes.segments), len(all_shards(context))
    if step == "correct":
        return correct_need(sizes.pixels), len(all_bands(context))
    if step == "export":
        kept = collected_bytes(sizes, context.options)
        return export_need(kept), len(all_shards(context))
    if step == "combine":
        return combine_need(sizes.sweep_rows, sizes.bragg_rows), sizes.sweeps
    return None


def _filter_need(context: Context, jobs: list[WedgeJob], base: int) -> StepNeed:
    masks = jobs[0].good.size * len(context.entries)
    need = context.executor.need(replace(predict_need(jobs), base=base + masks))
    return StepNeed(
        "filter",
        need,
        shards=len(all_shards(context)),
        max_bands=max(most_bands(job) for job in jobs),
        band_cost=BAND_COST,
        remedy=_REMEDY["filter"],
    )


def _jobs(context: Context, *, masked: bool) -> list[WedgeJob]:
    """Jobs of some sweeps; where their masks are not made, with a guess of the first one's."""
    guess = context.good(0) if masked else guess_of_good(context)
    bins = _BINS
    # the step that needs the frame, or counts too much under its real mask, says so itself
    with suppress(FrameError, UserError):
        bins = bins_of(context, 0, guess)
    jobs = []
    for entry in context.entries[:_LOOKED_AT]:
        good = guess
        if entry.number and masked:
            good = context.good(entry.number)
        elif guess.shape != entry.sweep.image_shape:
            good = np.ones(entry.sweep.image_shape, dtype=bool)
        jobs.append(wedge_job(context, entry, bins, good))
    return jobs


def _with_resolution(context: Context, job: WedgeJob) -> Context:
    """The same run, with a resolution that does not need the masks to be made."""
    options, entry = context.options, job.entry
    pixels = evenly_spread(job.good, _PIXELS)
    s = entry.features(entry.sweep.wedges[0]).at(pixels)[:, walk.SX : walk.SZ + 1]
    d_min = 1.0 / float(np.linalg.norm(s, axis=1).max())
    changed = options.map.model_copy(update={"d_min": d_min})
    found = replace(context, options=options.model_copy(update={"map": changed}))
    # what was opened need not be opened again
    found.__dict__["entries"] = context.entries
    return found
