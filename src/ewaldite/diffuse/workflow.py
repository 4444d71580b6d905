"""The diffuse chain: its steps in order, what each needs and makes."""

from __future__ import annotations

from collections.abc import Sequence

from ewaldite.diffuse.absolute.steps import inputs_of, rescale
from ewaldite.diffuse.collect_step import integrate_wedges
from ewaldite.diffuse.combine_step import combine_tables
from ewaldite.diffuse.context import REINDEX, Context
from ewaldite.diffuse.correction_step import write_corrections
from ewaldite.diffuse.early_check import check_late_inputs
from ewaldite.diffuse.export_step import export_tables
from ewaldite.diffuse.image_steps import (
    filter_images,
    mask_pixels,
    pass_inputs,
    stamps,
    stamps_of,
)
from ewaldite.diffuse.maps.files import map_name
from ewaldite.diffuse.maps.steps import make_maps, make_pdf
from ewaldite.diffuse.merging.steps import MERGED, merge_observations
from ewaldite.diffuse.pass_loops import pass_loops
from ewaldite.diffuse.run_forecast import forecast_run
from ewaldite.diffuse.scaling.steps import scale_observations, start_files
from ewaldite.errors import UserError
from ewaldite.io.nexus import packing
from ewaldite.model.provenance import installed_version
from ewaldite.run.first_use import compile_first
from ewaldite.run.load_early import load_early
from ewaldite.run.steps import Step, run_steps, stale_steps

STEPS = (
    "mask",
    "filter",
    "integrate",
    "correct",
    "export",
    "combine",
    "scale",
    "merge",
    "rescale",
    "map",
    "pdf",
)

#: Chains of the list of compiled loops.
LOOPS = ("diffuse",)

_JOINING = {"merge_within_degrees", "bragg_within_degrees"}
# Options of [scale] that the table of observations depends on, not the model
_TABLE = {*_JOINING, "subdivide", "mode", "minimum_pixels"}
# Options of [map] that pictures depend on, not maps
_PICTURES = {"slice", "line"}


def workflow(context: Context) -> list[Step]:
    """Steps of a run, each with all that its result depends on.

    ``filter`` makes the only pass over the images: it feeds the histograms of the filter, the
    integration and, with the multiplicity of every pixel in every voxel, the corrections. The
    steps after it read its sums.

    Parameters
    ----------
    context:
        The run.

    Returns
    -------
    :
        The steps in order.
    """
    options, out, work = context.options, context.out, context.work
    numbers = range(len(options.sweep))
    version = installed_version()
    images = {
        "version": version,
        **{f"sweep {n}": pass_inputs(options, n) for n in numbers},
        "files": [stamps(context, n) for n in numbers],
    }
    masks = {
        "version": version,
        "mask": options.mask,
        "map": [options.map.d_min, options.map.d_max],
        "sweep": [sweep.model_dump(exclude={"reindex"}) for sweep in options.sweep],
        "corrections": options.corrections,
        "files": images["files"],
    }
    crystal = {"crystal": options.crystal}
    return [
        Step("mask", (), (out / "masks.nxs",), masks, lambda: mask_pixels(context)),
        Step(
            "filter",
            ("mask",),
            (work / "filter.json",),
            images,
            lambda: filter_images(context),
        ),
        Step(
            "integrate",
            ("filter",),
            (work / "integrate.json",),
            {"filter": {"refine": options.filter.refine}},
            lambda: integrate_wedges(context),
        ),
        Step(
            "correct",
            ("mask",),
            (out / "corrections.nxs",),
            {
                "corrections": options.corrections,
                "integrate": {"wedge_degrees": options.integrate.wedge_degrees},
            },
            lambda: write_corrections(context),
        ),
        Step(
            "export",
            ("integrate",),
            tuple(work / f"{n}.nxs" for n in ("observations", "map_observations", "bragg")),
            {"scale": {"minimum_pixels": options.scale.minimum_pixels}, **crystal},
            lambda: export_tables(context),
        ),
        Step(
            "combine",
            ("export",),
            (out / "observations.nxs", out / "bragg.nxs", work / REINDEX),
            {
                "reindex": [sweep.reindex for sweep in options.sweep],
                "scale": options.scale.model_dump(include=_JOINING),
                **crystal,
            },
            lambda: _combine(context),
        ),
        Step(
            "scale",
            ("combine",),
            (out / "scales.nxs", out / "scaled.nxs"),
            {
                "scale": options.scale.model_dump(exclude=_TABLE),
                "start": stamps_of(list(start_files(context).values())),
                **crystal,
            },
            lambda: scale_observations(context),
        ),
        Step(
            "merge",
            ("export", "combine", "scale"),
            tuple(out / f"{n}.nxs" for n in MERGED),
            {"merge": options.merge, **crystal},
            lambda: merge_observations(context),
        ),
        *_finishing(context),
    ]


def _combine(context: Context) -> None:
    combine_tables(context)
    # what comes after it needs no workers
    context.executor.close()


def _finishing(context: Context) -> list[Step]:
    """Steps after merging: those that the options ask for."""
    options, out = context.options, context.out
    crystal = {"crystal": options.crystal}
    steps = []
    merged, spots = "merged.nxs", "bragg_merged.nxs"
    needs: tuple[str, ...] = ("merge",)
    if options.contents.given:
        files = ("absolute", "absolute_bragg", "absolute_scale", "absolute_scales")
        digest = {
            "contents": options.contents,
            "absolute": options.absolute,
            "files": stamps_of(inputs_of(options, context.base)),
        }
        steps.append(
            Step(
                "rescale",
                ("scale", "merge"),
                tuple(out / f"{n}.nxs" for n in files),
                digest,
                lambda: rescale(context),
            )
        )
        merged, spots = "absolute.nxs", "absolute_bragg.nxs"
        needs = ("merge", "rescale")
    steps.append(
        Step(
            "map",
            needs,
            tuple(out / map_name(part) for part in options.map.parts),
            {"map": options.map.model_dump(exclude=_PICTURES), **crystal},
            lambda: make_maps(context, merged, spots),
        )
    )
    if options.pdf.enabled:
        steps.append(
            Step(
                "pdf",
                needs,
                (out / "pdf.nxs",),
                {"pdf": options.pdf, **crystal},
                lambda: make_pdf(context, merged),
            )
        )
    return steps


def run(context: Context, only: Sequence[str] | None = None) -> list[str]:
    """Bring results up to date.

    Parameters
    ----------
    context:
        The run.
    only:
        Names of steps to bring up to date, with all that they need; None for all.

    Returns
    -------
    :
        Names of the steps that were done.

    Raises
    ------
    UserError
        For every mistake in the input; finished steps stay finished.
    """
    for name in only or ():
        _check_asked(context, name)
    check_late_inputs(context, only)
    compile_first(LOOPS, context.log, counts=context.count_types, progress=context.progress)
    redone = list(stale(context, only))
    if "filter" in redone:
        load_early(pass_loops(context.count_types))
    planned = forecast_run(context, redone)
    planned.announce(context.log)
    context.planned.update((step.needed.step, step.plan) for step in planned.steps)
    context.work.mkdir(parents=True, exist_ok=True)
    with context.executor, packing(context.options.run.packers):
        return run_steps(workflow(context), context.work / "state.json", context.log, only)


def _check_asked(context: Context, name: str) -> None:
    """Refuse a step that the options leave out."""
    if name == "rescale" and not context.options.contents.given:
        raise UserError(
            "put the merged table on the absolute scale",
            "the options do not say what the unit cell holds",
            "Give [contents], as in docs/how-to/absolute.md.",
        )
    if name == "pdf" and not context.options.pdf.enabled:
        raise UserError(
            "make the 3D-ΔPDF", "[pdf] enabled is false", "Set enabled = true in [pdf]."
        )


def stale(context: Context, only: Sequence[str] | None = None) -> dict[str, str]:
    """Steps that :func:`run` would do now, with the reasons."""
    return stale_steps(workflow(context), context.work / "state.json", only)
