"""The plan of a neutron run: predicted memory of every step that will be done."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ewaldite.errors import UserError
from ewaldite.io.bifrost.raw_file import open_bifrost
from ewaldite.io.nexus import is_result
from ewaldite.run.budget import memory_budget
from ewaldite.run.executor import Executor
from ewaldite.run.forecast import Forecast, StepNeed, forecast
from ewaldite.run.plan import Need
from ewaldite.spectroscopy.context import Context
from ewaldite.spectroscopy.event_ranges import event_shards
from ewaldite.spectroscopy.options import SECTION
from ewaldite.spectroscopy.step_needs import (
    GROUPS,
    PARTS,
    Workload,
    background_need,
    coverage_need,
    event_need,
    held_bytes,
    program_bytes,
    root_bytes,
    tally_need,
    time_background_need,
)

# Files that are opened to see how many events they have; of others the size tells
_LOOKED_AT = 3
# Steps of the rotation and intervals of energy, where masks depend on hkl
_CELLS = 200 * 13_500 * 300
_PARTS = 26
# Most events of an empty run at once: those of a sample that stands at ten rotations
_EFFORT = 5_000_000
# Groups of pixels that can have a level of the time-independent background
GROUPS_OF = {"instrument": 1, "arc": 5, "triplet": 45, "tube": 135}
_REMEDY = "Make [[cut]] '{}' of fewer bins"


@dataclass(frozen=True)
class _Sizes:
    """What the memory of the steps depends on.

    Attributes
    ----------
    shards:
        Of the events of all runs.
    empty:
        Events of the empty run.
    bins:
        Of each cut by its name.
    """

    shards: int
    empty: int
    bins: dict[str, int]


def forecast_run(context: Context, redone: Collection[str]) -> Forecast:
    """Predict the memory of the steps that will be done, and plan them under the budget.

    Nothing is written, and no event is read.

    Parameters
    ----------
    context:
        The run.
    redone:
        Names of the steps that will be done, in their order.

    Returns
    -------
    :
        Workers and predicted peak of each.

    Raises
    ------
    UserError
        If a file cannot be read. Whether all fits is for the caller to ask
        (:meth:`~ewaldite.run.forecast.Forecast.check`).
    """
    options = context.options
    budget = memory_budget(options.computing.memory, section=SECTION)
    processors = options.computing.processors
    if not redone:
        return forecast([], budget, processors=processors)
    check_files(context, redone)
    empty = [] if options.background is None else [context.base / options.background.file]
    counts = event_counts([context.base / run.file for run in options.run])
    sizes = _Sizes(
        shards=len(event_shards(counts, options.computing.events)),
        empty=sum(event_counts(empty)),
        bins={cut.name: cut.size for cut in options.cut},
    )
    with Executor.of(options.computing) as executor:
        needs = [_need(context, executor, step, sizes, processors) for step in redone]
    return forecast(needs, budget, processors=processors)


def check_files(context: Context, redone: Collection[str]) -> None:
    """Refuse to begin where a file is missing that a step will read.

    Raises
    ------
    UserError
        It names the file.
    """
    options = context.options
    wanted: list[Path | None] = []
    if options.vanadium is not None and "vanadium" in redone:
        wanted += [options.vanadium.file, options.vanadium.empty]
    if options.background is not None and "background" in redone:
        wanted.append(options.background.file)
    if any(step.startswith("exposure ") for step in redone):
        wanted += [run.file for run in options.run]
    for file in wanted:
        if file is not None and not (context.base / file).exists():
            raise UserError(
                f"read {context.base / file}",
                "there is no such file",
                "See whether its name is right.",
            )


def event_counts(files: Sequence[Path]) -> list[int]:
    """Number of events of raw files: of many, from the sizes of those that are not opened.

    Raises
    ------
    UserError
        If a file cannot be read.
    """
    counts: list[int] = []
    for path in files[:_LOOKED_AT]:
        with open_bifrost(path) as raw:
            counts.append(sum(source.size for source in raw.sources))
    if len(files) > len(counts) and any(counts):
        seen = sum(path.stat().st_size for path in files[:_LOOKED_AT])
        each = sum(counts) / max(seen, 1)
        rest = (p.stat().st_size if p.is_file() else 0 for p in files[_LOOKED_AT:])
        counts += [round(each * size) for size in rest]
    return counts


def _need(
    context: Context, executor: Executor, step: str, sizes: _Sizes, processors: int
) -> StepNeed:
    what, _, name = step.partition(" ")
    bins, remedy = sizes.bins.get(name, 0), _REMEDY.format(name) if name else ""
    shards = _PARTS if what == "coverage" else sizes.shards
    work = Workload(shards, min(processors, shards))
    if what == "events":
        need = event_need(bins, work)
    elif what == "coverage":
        need = coverage_need(bins, GROUPS if context.options.vanadium else 0, work)
    elif what == "background" and name:
        largest = min(sizes.empty, _EFFORT)
        need = background_need(bins, sizes.empty, largest, replace(work, shards=_PARTS))
    elif what == "time" and name != "background":
        cut_name = name.removeprefix("background ")
        bins, remedy = sizes.bins.get(cut_name, 0), _REMEDY.format(cut_name)
        parts = min(PARTS, _groups(context))
        work = Workload(parts, min(processors, parts))
        need = time_background_need(bins, _groups(context), work, sizes.empty)
    elif what in ("runs", "time"):
        remedy = ""
        need = tally_need(len(context.options.run), work)
    else:
        given = context.options.vanadium
        reduced = given is not None and is_result(context.base / given.file)
        held = 0
        if not (what == "vanadium" and reduced):
            held = held_bytes(
                step,
                runs=len(context.options.run),
                bins=bins,
                cells=_CELLS if context.options.mask.of_crystal else 0,
                empty=sizes.empty,
            )
        if what == "cut" and context.options.time_background is not None:
            held += root_bytes(bins, (2 if sizes.empty else 1) * _groups(context))
        if what in ("exposure", "cut"):
            held += executor.idle_bytes(processors)
        return StepNeed(step, Need(base=program_bytes(), worker=held), remedy=remedy)
    idle = max(processors - shards, 0)
    return StepNeed(step, executor.need(need, idle), shards=shards, remedy=remedy)


def _groups(context: Context) -> int:
    """Most groups of pixels with a level of their own."""
    given = context.options.time_background
    return 1 if given is None else GROUPS_OF[given.group]
