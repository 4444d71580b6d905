"""Steps that look at images: the pixel mask, and the pass that counts and filters."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import scipp as sc

from ewaldite.diffuse.context import LEFT_OUT, Context
from ewaldite.diffuse.maps.map_size import check_map_size
from ewaldite.diffuse.max_count import automatic_max_count
from ewaldite.diffuse.memory import BAND_COST, predict_need
from ewaldite.diffuse.options import DiffuseOptions
from ewaldite.diffuse.shard_file import load_wedge, save_wedge
from ewaldite.diffuse.step_shards import plan_step
from ewaldite.diffuse.sweep_input import SweepInput
from ewaldite.diffuse.sweep_mask import sweep_mask
from ewaldite.diffuse.trace import BAND_PIXELS
from ewaldite.diffuse.wedge_job import WedgeJob
from ewaldite.diffuse.wedge_store import Shard, Summary, SummaryStore, WedgeKeys
from ewaldite.diffuse.wedge_sums import WedgeSums
from ewaldite.diffuse.wedge_work import WedgeWork, wedge_job
from ewaldite.io.atomic import write_text
from ewaldite.io.nexus import GroupWriter
from ewaldite.model.provenance import installed_version
from ewaldite.run.checkpoint import CheckpointStore, ShardStore
from ewaldite.run.digest import FileStamp, digest
from ewaldite.run.reduce_shards import run_shards
from ewaldite.run.shards import ShardProgress

# Part of the values below the smallest valid count that is worth a warning
_MANY = 0.05
#: File with the summaries of the wedges.
FILTER = "filter.json"
#: What the reader of a folder of XDS, or of a file in it, looks at.
XDS_FILES = ("XDS.INP", "INTEGRATE.LP", "GXPARM.XDS", "XPARM.XDS")


#: Options of [map] that say which voxels there are; the others make pictures and files of them.
GRID = {"subdivide", "mode", "d_min", "d_max"}


def mask_pixels(context: Context) -> None:
    """Step ``mask``: write the named pixel masks of every sweep to ``masks.nxs``."""
    # A wrong space group or cell, or too fine a map, is told before any image is read
    context.log.info("space group %s", context.group.name)
    if context.options.map.d_min is not None:
        check_map_size(context)
    with GroupWriter(context.path("masks.nxs"), context.provenance()) as writer:
        for entry in context.entries:
            writer.put(entry.options.name, _mask_of(context, entry))
            if entry.number:
                # those of the first sweep are wanted once more; of many sweeps they were many
                entry.samples.forget()


def _mask_of(context: Context, entry: SweepInput) -> sc.DataGroup[sc.Variable]:
    """Named masks of a sweep, counted in the log."""
    mask = sweep_mask(entry, context.options, context.base)
    good = mask.good
    context.log.info(
        "mask of %s: %d of %d pixels take part",
        entry.options.name,
        np.count_nonzero(good),
        good.size,
    )
    for reason, count in mask.counts().items():
        if count:
            context.log.info("  %s: %d pixels", reason, count)
    return sc.DataGroup(
        {
            reason: sc.array(dims=["slow", "fast"], values=excluded)
            for reason, excluded in mask.reasons.items()
        }
    )


def filter_images(context: Context) -> None:
    """Step ``filter``: one pass over all images, wedge by wedge in parallel.

    Each wedge leaves a checkpoint with its sums and the voxels that it holds for Bragg peaks;
    the summaries of all go to ``work/filter.json``.
    """
    shards = all_shards(context)
    jobs = [_job(context, number) for number in range(len(context.entries))]
    sums_of = wedge_store(context)
    plan = plan_step(
        context,
        "filter",
        predict_need(jobs),
        len(shards),
        max_bands=max(most_bands(job) for job in jobs),
        band_cost=BAND_COST,
    )
    executor = context.executor.planned(plan)
    work = WedgeWork(
        context.options,
        context.base.absolute(),
        tuple(job.bins for job in jobs),
        plan.bands,
        sums_of,
        dict(enumerate(jobs)),
    )
    results = run_shards(
        shards,
        work,
        workers=plan.workers,
        name="images",
        # The sums stay on disk: what waits for its turn is small
        store=SummaryStore(sums_of.store, sums_of.key),
        progress=ShardProgress(context.progress, size=lambda s: s.frames, unit="frames"),
        executor=executor,
        label=work.label,
    )
    with closing(results):
        found = list(zip(shards, results, strict=True))
    summaries = {shard: summary for shard, summary in found if summary is not None}
    named = [
        {"sweep": context.options.sweep[shard.sweep].name, "wedge": shard.wedge, **summary}
        for shard, summary in summaries.items()
    ]
    left_out = [str(one) for one in executor.skipped]
    write_text(context.work / LEFT_OUT, json.dumps(left_out, indent=1))
    write_text(context.work / FILTER, json.dumps(named, indent=1))
    _say(context, list(summaries.values()))
    if left_out:
        context.log.warning("%d of %d wedges were left out", len(left_out), len(shards))


def _say(context: Context, summaries: Sequence[Summary]) -> None:
    """Log what the pass found, and what it left out."""

    def total(name: str) -> int:
        return int(sum(summary[name] for summary in summaries))

    context.log.info(
        "filter: %d of %d voxels are Bragg peaks", total("voxels masked"), total("voxels")
    )
    for name in ("without a count", "below the minimum", "overloaded"):
        if total(f"pixels {name}"):
            context.log.info("  (pixel, frame) pairs %s: %d", name, total(f"pixels {name}"))
    below = total("pixels below the minimum")
    if below > _MANY * (below + total("pixels counted")):
        context.log.warning(
            "%d %% of the pixels' values are below the smallest valid count: where photons are "
            "counted, leaving them out makes intensities too high (see [mask] minimum)",
            round(100 * below / (below + total("pixels counted"))),
        )
    if total("frames skipped"):
        context.log.warning(
            "%d frames could not be read and were skipped", total("frames skipped")
        )


def most_bands(job: WedgeJob) -> int:
    """Bands that a detector can be cut into."""
    rows = job.entry.features(job.entry.sweep.wedges[0]).band_rows(BAND_PIXELS)
    return int(-(-job.good.shape[0] // rows))


def all_shards(context: Context) -> list[Shard]:
    """Return the wedges of all sweeps, in order."""
    return [
        Shard(entry.number, wedge.index, len(wedge))
        for entry in context.entries
        for wedge in entry.sweep.wedges
    ]


def kept_shards(context: Context) -> list[Shard]:
    """Return the wedges that the pass over the images did not leave out, in order."""
    summaries = json.loads((context.work / FILTER).read_text(encoding="utf-8"))
    kept = {(summary["sweep"], summary["wedge"]) for summary in summaries}
    names = [sweep.name for sweep in context.options.sweep]
    return [s for s in all_shards(context) if (names[s.sweep], s.wedge) in kept]


def wedge_store(context: Context) -> ShardStore[Shard, WedgeSums]:
    """Checkpoints of the wedges."""
    version = installed_version()
    inputs = [
        digest(version, pass_inputs(context.options, n), stamps(context, n))
        for n in _numbers(context)
    ]

    names = tuple(sweep.name for sweep in context.options.sweep)
    store = CheckpointStore(context.work.absolute() / "wedges", suffix=".npz")
    return ShardStore(store, WedgeKeys(names, tuple(inputs)), save_wedge, load_wedge)


def pass_inputs(options: DiffuseOptions, number: int) -> dict[str, object]:
    """Options that the sums of a sweep depend on."""
    return {
        "sweep": options.sweep[number].model_dump(exclude={"reindex"}),
        "mask": options.mask,
        "filter": options.filter.model_dump(exclude={"refine"}),
        "integrate": options.integrate,
        "corrections": options.corrections,
        "scale": options.scale.grid,
        "map": options.map.model_dump(include=GRID),
    }


def stamps(context: Context, number: int) -> list[str]:
    """What tells the files of a sweep from others."""
    entry, mask = context.entries[number], context.options.mask.file
    masks = [] if mask is None else stamps_of([context.base / mask])
    return [
        entry.images.digest(),
        entry.background_digest,
        *geometry_stamps(context, number),
        *masks,
    ]


def geometry_stamps(context: Context, number: int) -> list[str]:
    """Size and time of the geometry files of a sweep."""
    given = context.options.sweep[number].geometry
    found = []
    for name in [given] if isinstance(given, str) else given:
        path = context.base / name
        folder = path if path.is_dir() else path.parent
        # The files of XDS are read together, whichever of them is named
        beside = [folder / file for file in XDS_FILES]
        xds = path.is_dir() or path.name in XDS_FILES
        found += stamps_of([f for f in beside if f.is_file()] if xds else [path])
    return found


def stamps_of(files: Sequence[Path]) -> list[str]:
    """Name, size and time of the files that are there."""
    stamps = [FileStamp.of(file) for file in files if file.is_file()]
    return [f"{Path(s.path).name} {s.size} {s.mtime}" for s in stamps]


def _numbers(context: Context) -> range:
    return range(len(context.options.sweep))


def _job(context: Context, number: int) -> WedgeJob:
    entry = context.entries[number]
    good = context.good(number)
    bins = bins_of(context, number, good)
    entry.samples.forget()
    if context.options.filter.max_count == "auto" and bins:
        name = context.options.sweep[number].name
        context.log.info("filter of %s: counts up to %d", name, bins - 1)
    return wedge_job(context, entry, bins, good)


def bins_of(
    context: Context, number: int, good: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
) -> int:
    """Length of the histograms that the filter wants of a sweep, 0 if it wants none.

    Parameters
    ----------
    context:
        The run.
    number:
        Of the sweep; a few of its frames are read.
    good:
        Pixels that take part; dims (slow, fast).
    """
    options, entry = context.options.filter, context.entries[number]
    if options.method != "poisson":
        return 0
    if options.max_count != "auto":
        return options.max_count + 1
    return automatic_max_count(entry.samples.all, good) + 1
