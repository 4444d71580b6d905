"""The diffuse chain: its steps in order, what each needs and makes."""

from __future__ import annotations

from collections.abc import Sequence

from ewaldite.diffuse.context import Context
from ewaldite.diffuse.correction_step import write_corrections
from ewaldite.diffuse.image_steps import filter_images, mask_pixels, pass_inputs, stamps
from ewaldite.diffuse.merge_steps import make_map, merge_observations
from ewaldite.diffuse.table_steps import combine_tables, export_tables, integrate_wedges
from ewaldite.model.provenance import installed_version
from ewaldite.run.steps import Step, run_steps, stale_steps

STEPS = ("mask", "filter", "integrate", "correct", "export", "combine", "merge", "map")

_JOINING = {"merge_within_degrees", "bragg_within_degrees"}


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
        "sweep": options.sweep,
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
            (out / "observations.nxs", out / "bragg.nxs"),
            {
                "scale": options.scale.model_dump(include=_JOINING),
                **crystal,
            },
            lambda: combine_tables(context),
        ),
        Step(
            "merge",
            ("export",),
            (out / "merged.nxs", out / "statistics.nxs"),
            {"merge": options.merge, **crystal},
            lambda: merge_observations(context),
        ),
        Step(
            "map",
            ("merge",),
            (out / "map.nxs",),
            {"map": options.map, **crystal},
            lambda: make_map(context),
        ),
    ]


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
    context.work.mkdir(parents=True, exist_ok=True)
    return run_steps(workflow(context), context.work / "state.json", context.log, only)


def stale(context: Context) -> dict[str, str]:
    """Steps that :func:`run` would do now, with the reasons."""
    return stale_steps(workflow(context), context.work / "state.json")
