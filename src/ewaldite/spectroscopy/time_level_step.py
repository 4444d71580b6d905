"""The step that measures the time-independent background: ``time_background.nxs``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ewaldite.errors import UserError
from ewaldite.io.nexus import load, read_info, save
from ewaldite.model.provenance import installed_version
from ewaldite.model.quantity import parse_quantity
from ewaldite.run.checkpoint import ContentKeys
from ewaldite.run.digest import digest
from ewaldite.run.shards import ShardProgress
from ewaldite.spectroscopy.context import Context
from ewaldite.spectroscopy.forbidden_time import forbidden_live
from ewaldite.spectroscopy.level_notes import level_lines, level_notes
from ewaldite.spectroscopy.level_shards import (
    CountForbidden,
    load_forbidden,
    save_forbidden,
)
from ewaldite.spectroscopy.open_runs import RUNS
from ewaldite.spectroscopy.sharded import reduce, run_sizes
from ewaldite.spectroscopy.time_level import (
    LEVEL,
    TimeLevel,
    check_measured,
    time_level,
)


def measure_level(context: Context, inputs: object) -> None:
    """Step ``time background``: its level by groups of pixels, to ``time_background.nxs``.

    Parameters
    ----------
    context:
        The run.
    inputs:
        All that the counts depend on.

    Raises
    ------
    UserError
        If a run has no forbidden time, or its detectors are not those of the others.
    """
    options = context.options
    asked = options.time_background
    assert asked is not None
    guard = parse_quantity(asked.guard, "s", "[time_background] guard")
    runs = [RUNS.get(options, n, context.base) for n in range(len(options.run))]
    one = runs[0].converter.instrument
    for run in runs[1:]:
        number = run.converter.instrument.detector_number
        if not np.array_equal(number, one.detector_number):
            raise UserError(
                f"reduce {run.raw.path.name} together with {runs[0].raw.path.name}",
                "their detectors are not the same",
                "Reduce them one by one.",
            )
    live = np.array([forbidden_live(run, guard) for run in runs])
    text = options.model_dump_json()
    counted = reduce(
        context,
        CountForbidden(text, context.base, run_sizes(context), guard),
        "time background",
        level_shards(context),
        ContentKeys(digest(installed_version(), inputs)),
        (save_forbidden, load_forbidden),
        ShardProgress(context.progress, size=lambda s: s.size, unit="events"),
    )
    events = np.array([counted[n] for n in range(len(runs))])
    level = time_level(one, events.sum(axis=(0, 2)), live.sum(axis=(0, 2)), asked.group)
    for run in runs:
        check_measured(level, run.keep, run.raw.path.name)
    names = [run.raw.path.name for run in runs]
    halves, whole = ((x.sum(axis=(0, 1)), x.sum(axis=(1, 2))) for x in (events, live))
    notes = level_notes(level, (halves[0], whole[0]), (halves[1], whole[1]), names)
    context.note(*notes)
    for line in level_lines(level):
        context.log.info("time-independent background: %s", line)
    files = [run.file for run in options.run]
    save(
        context.out / LEVEL,
        level.to_scipp(),
        context.provenance(*files, notes=tuple(notes)),
    )


def level_of(context: Context) -> tuple[TimeLevel | None, tuple[str, ...]]:
    """What the step found, with its notes; nothing without it."""
    if context.options.time_background is None:
        return None, ()
    path = context.out / LEVEL
    return TimeLevel.from_scipp(load(path)), read_info(path).provenance.notes


def level_shards(context: Context) -> Path:
    """Folder of counts of some of the events."""
    return context.work / "time_background"
