"""The neutron chain: its steps in order, what each needs and makes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import scipp as sc

from ewaldite.io.nexus import load, packing
from ewaldite.run.executor import Executor
from ewaldite.run.first_use import compile_first
from ewaldite.run.progress import Progress, SilentProgress
from ewaldite.run.steps import Step, run_steps, stale_steps
from ewaldite.spectroscopy.checks import check
from ewaldite.spectroscopy.context import Context
from ewaldite.spectroscopy.cut import Cut
from ewaldite.spectroscopy.cut_paths import CutPaths
from ewaldite.spectroscopy.cut_workflow import cut_workflow
from ewaldite.spectroscopy.live import frozen
from ewaldite.spectroscopy.open_runs import RUNS
from ewaldite.spectroscopy.options import SpectroscopyOptions
from ewaldite.spectroscopy.run_forecast import forecast_run
from ewaldite.spectroscopy.run_steps import tally_shards, view_runs
from ewaldite.spectroscopy.run_view import VIEWS
from ewaldite.spectroscopy.sharded import tidy
from ewaldite.spectroscopy.step_inputs import (
    level_inputs,
    levels_vanadium,
    reading_inputs,
    run_inputs,
)
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
        steps += cut_workflow(context, cut)
    if context.options.run:
        inputs = run_inputs(context)
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
                    **reading_inputs(context, *files),
                    **(level_inputs(context) if levels_vanadium(context) else {}),
                },
                lambda: make_vanadium(context),
            )
        )
    if options.time_background is not None:
        inputs = {**level_inputs(context), **run_inputs(context)}
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
                    **reading_inputs(context, options.background.file),
                    **level_inputs(context),
                },
                lambda: read_background(context),
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
    computing = context.options.computing
    with Executor.of(computing) as executor, packing(computing.packers):
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
