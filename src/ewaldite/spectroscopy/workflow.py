"""The neutron chain: its steps in order, what each needs and makes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import scipp as sc

from ewaldite.io.nexus import load, packing
from ewaldite.model.provenance import installed_version
from ewaldite.run.budget import usable_processors
from ewaldite.run.executor import Executor
from ewaldite.run.first_use import compile_first
from ewaldite.run.progress import Progress, SilentProgress
from ewaldite.run.steps import Step, run_steps, stale_steps
from ewaldite.spectroscopy.checks import check
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
from ewaldite.spectroscopy.live import frozen
from ewaldite.spectroscopy.open_runs import RUNS
from ewaldite.spectroscopy.options import SpectroscopyOptions
from ewaldite.spectroscopy.run_forecast import forecast_run
from ewaldite.spectroscopy.run_steps import tally_shards, view_runs
from ewaldite.spectroscopy.run_view import VIEWS
from ewaldite.spectroscopy.sharded import tidy
from ewaldite.spectroscopy.time_level import LEVEL
from ewaldite.spectroscopy.time_level_step import level_shards, measure_level
from ewaldite.spectroscopy.vanadium_step import (
    EMPTY,
    VANADIUM,
    make_vanadium,
    read_background,
)

#: Chains of the list of compiled loops.
LOOPS = ("spectroscopy",)
# Options of [normalise] that the flux and the grid depend on; the others, S alone
_EXPOSURE = {"monitor", "minimum_counts", "point_group"}
# Masks that need a crystal: they do not apply to vanadium and the empty run
_OF_CRYSTAL = {"bragg", "currat_axe", "higher_orders", "polygon"}


def workflow(context: Context) -> list[Step]:
    """Steps of a run, each with all that its result depends on.

    Parameters
    ----------
    context:
        The run.

    Returns
    -------
    :
        The steps in order: vanadium and backgrounds where there are any, then cut by cut
        exposure, events, coverage, backgrounds, and the cut itself; last what the report shows
        of the runs.
    """
    steps = _common(context)
    for cut in context.options.cut:
        steps += _of_cut(context, cut)
    if context.options.run:
        inputs = _of_runs(context)
        views = context.out / VIEWS
        steps.append(
            Step(
                "runs",
                (),
                (views,),
                inputs,
                lambda: view_runs(context, inputs),
                lambda: tidy(tally_shards(context)),
            )
        )
    return steps


def _common(context: Context) -> list[Step]:
    options = context.options
    steps = []
    if options.vanadium is not None:
        files = (options.vanadium.file, options.vanadium.empty)
        steps.append(
            Step(
                "vanadium",
                (),
                (context.out / VANADIUM,),
                {
                    "vanadium": options.vanadium,
                    **_reading(context, *files),
                    **(_levels(context) if _of_vanadium(context) else {}),
                },
                lambda: make_vanadium(context),
            )
        )
    if options.time_background is not None:
        inputs = {**_levels(context), **_of_runs(context)}
        steps.append(
            Step(
                "time background",
                (),
                (context.out / LEVEL,),
                inputs,
                lambda: measure_level(context, inputs),
                lambda: tidy(level_shards(context)),
            )
        )
    if options.background is not None:
        steps.append(
            Step(
                "background",
                (),
                (context.work / EMPTY,),
                {
                    "background": options.background,
                    "sample": options.sample,
                    **_reading(context, options.background.file),
                    **_levels(context),
                },
                lambda: read_background(context),
            )
        )
    return steps


def _reading(context: Context, *files: Path | None) -> dict[str, object]:
    """What the events and the flux of any run depend on."""
    options = context.options
    return {
        "version": installed_version(),
        "primary": options.primary,
        "monitor": options.monitor,
        "mask": options.mask.model_dump(exclude=_OF_CRYSTAL),
        "calibration": options.calibration,
        "normalise": options.normalise.model_dump(include={"monitor", "minimum_counts"}),
        "files": context.stamps(*files, options.mask.file, options.primary.table),
    }


def _levels(context: Context) -> dict[str, object]:
    """What the level of a run depends on, besides all that its events do."""
    asked = context.options.time_background
    if asked is None:
        return {}
    return {"time_background": asked.model_dump(exclude={"vanadium"})}


def _of_vanadium(context: Context) -> bool:
    """Whether the vanadium loses a constant background of its own."""
    asked = context.options.time_background
    return asked is not None and asked.vanadium


def _of_runs(context: Context) -> dict[str, object]:
    """What the events of the sample's runs depend on."""
    options = context.options
    return {
        **_reading(context, *(run.file for run in options.run)),
        "run": options.run,
        "sample": options.sample,
        "mask": options.mask,
    }


def _of_cut(context: Context, cut: Cut) -> list[Step]:
    options, name = context.options, cut.name
    paths = CutPaths(context.out, name)
    before: tuple[str, ...] = () if options.vanadium is None else ("vanadium",)
    exposure, events, coverage = (
        f"{what} {name}" for what in ("exposure", "events", "coverage")
    )
    steps = [
        Step(
            exposure,
            before,
            (paths.setup,),
            {
                **_of_runs(context),
                "cut": cut.model_dump(exclude={"name", "scale"}),
                "normalise": options.normalise.model_dump(include=_EXPOSURE),
            },
            lambda: expose(context, cut),
        ),
        Step(
            events,
            (exposure,),
            (paths.events,),
            {},
            lambda: sum_events(context, cut),
            lambda: tidy(paths.event_shards),
        ),
        Step(
            coverage,
            (exposure,),
            (paths.coverage,),
            {"device": options.computing.device},
            lambda: cover(context, cut),
            lambda: tidy(paths.coverage_shards),
        ),
    ]
    needs = [events, coverage]
    if options.background is not None:
        background = f"background {name}"
        steps.append(
            Step(
                background,
                ("background", exposure),
                (paths.background,),
                {},
                lambda: turn_background(context, cut),
                lambda: tidy(paths.background_shards),
            )
        )
        needs.append(background)
    if options.time_background is not None:
        constant = f"time background {name}"
        needed = () if options.background is None else ("background",)
        steps.append(
            Step(
                constant,
                ("time background", exposure, *needed),
                (paths.time_background,),
                {
                    "estimator": options.normalise.estimator,
                    "device": options.computing.device,
                },
                lambda: spread_time_background(context, cut),
                lambda: tidy(paths.time_background_shards),
            )
        )
        needs.append(constant)
    steps.append(
        Step(
            f"cut {name}",
            tuple(needs),
            (paths.result,),
            {
                "normalise": options.normalise.model_dump(exclude=_EXPOSURE),
                "sample_factors": options.sample_factors,
                "cut": {"name": name, "scale": cut.scale},
            },
            lambda: finish_cut(context, cut),
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
    if only is None:
        check(context.options, context.base)
    context = replace(context, options=frozen(context.options, context.base))
    context.work.mkdir(parents=True, exist_ok=True)
    compile_first(LOOPS, context.log, progress=context.progress)
    planned = forecast_run(context, stale(context, only))
    planned.announce(context.log)
    most = usable_processors()
    threads = min(context.options.computing.workers or most, most)
    with Executor.of(context.options.computing) as executor, packing(threads):
        # workers elsewhere have another working directory
        base, folder = context.base.absolute(), context.out.absolute()
        steps = workflow(replace(context, executor=executor, base=base, folder=folder))
        try:
            return run_steps(steps, context.work / "state.json", context.log, only)
        finally:
            RUNS.close()


def stale(context: Context, only: Sequence[str] | None = None) -> dict[str, str]:
    """Steps that :func:`run` would do now, with the reasons."""
    if only is None:
        check(context.options, context.base)
    return stale_steps(workflow(context), context.work / "state.json", only)


@dataclass(frozen=True)
class Reduced:
    """A finished cut.

    Attributes
    ----------
    cut:
        What was made.
    path:
        Its file.
    data:
        What is in it.
    """

    cut: Cut
    path: Path
    data: sc.DataGroup[Any]


def reduce_cuts(
    options: SpectroscopyOptions,
    out: Path,
    *,
    base: Path,
    command: str = "",
    log: logging.Logger,
    progress: Progress | None = None,
) -> list[Reduced]:
    """Make all cuts of a configuration, or what is not done of them.

    Parameters
    ----------
    options:
        The configuration.
    out:
        Folder for results; it exists.
    base:
        Folder to which paths of the options refer.
    command:
        Command line, for the provenance.
    log:
        Is told what is done, and what a user should know.
    progress:
        Is told how far it is.

    Returns
    -------
    :
        The cuts, in the files ``cuts/NAME.nxs``.

    Raises
    ------
    UserError
        If there is nothing to do, a file cannot be used, or options do not fit.
    """
    told = progress or SilentProgress()
    context = Context(options, base, out, command, log=log, progress=told)
    run(context)
    paths = {cut.name: CutPaths(out, cut.name).result for cut in options.cut}
    return [Reduced(cut, paths[cut.name], load(paths[cut.name])) for cut in options.cut]
