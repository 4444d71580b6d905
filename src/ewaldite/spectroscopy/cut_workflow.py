"""The steps that make one cut."""

from __future__ import annotations

from ewaldite.run.steps import Step
from ewaldite.spectroscopy.context import Context
from ewaldite.spectroscopy.cut import Cut
from ewaldite.spectroscopy.cut_paths import CutPaths
from ewaldite.spectroscopy.cut_steps import (
    cover,
    expose,
    finish_cut,
    spread_time_background,
    sum_events,
    turn_background,
)
from ewaldite.spectroscopy.sharded import tidy
from ewaldite.spectroscopy.step_inputs import run_inputs

# Options of [normalise] that the flux and the grid depend on; the others, S alone
_EXPOSURE = {"monitor", "minimum_counts", "point_group"}


def cut_workflow(context: Context, cut: Cut) -> list[Step]:
    """Steps of a cut: exposure, events, coverage, backgrounds, and the cut itself.

    Parameters
    ----------
    context:
        The run.
    cut:
        What is made.

    Returns
    -------
    :
        In their order.
    """
    options, paths = context.options, CutPaths(context.out, cut.name)
    sums = [*_sums(context, cut, paths), *_backgrounds(context, cut, paths)]
    result = Step(
        f"cut {cut.name}",
        tuple(step.name for step in sums),
        (paths.result,),
        {
            "normalise": options.normalise.model_dump(exclude=_EXPOSURE),
            "sample_factors": options.sample_factors,
            "cut": {"name": cut.name, "scale": cut.scale},
        },
        lambda: finish_cut(context, cut),
    )
    exposure = Step(
        _exposure(cut),
        () if options.vanadium is None else ("vanadium",),
        (paths.setup,),
        {
            **run_inputs(context),
            "cut": cut.model_dump(exclude={"name", "scale"}),
            "normalise": options.normalise.model_dump(include=_EXPOSURE),
        },
        lambda: expose(context, cut),
    )
    return [exposure, *sums, result]


def _exposure(cut: Cut) -> str:
    return f"exposure {cut.name}"


def _sums(context: Context, cut: Cut, paths: CutPaths) -> list[Step]:
    return [
        Step(
            f"events {cut.name}",
            (_exposure(cut),),
            (paths.events,),
            {},
            lambda: sum_events(context, cut),
            lambda: tidy(paths.event_shards),
        ),
        Step(
            f"coverage {cut.name}",
            (_exposure(cut),),
            (paths.coverage,),
            {"device": context.options.computing.device},
            lambda: cover(context, cut),
            lambda: tidy(paths.coverage_shards),
        ),
    ]


def _backgrounds(context: Context, cut: Cut, paths: CutPaths) -> list[Step]:
    options, steps = context.options, []
    empty = () if options.background is None else ("background",)
    if empty:
        steps.append(
            Step(
                f"background {cut.name}",
                (*empty, _exposure(cut)),
                (paths.background,),
                {},
                lambda: turn_background(context, cut),
                lambda: tidy(paths.background_shards),
            )
        )
    if options.time_background is not None:
        steps.append(
            Step(
                f"time background {cut.name}",
                ("time background", _exposure(cut), *empty),
                (paths.time_background,),
                {
                    "estimator": options.normalise.estimator,
                    "device": options.computing.device,
                },
                lambda: spread_time_background(context, cut),
                lambda: tidy(paths.time_background_shards),
            )
        )
    return steps
