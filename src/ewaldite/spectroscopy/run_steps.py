"""The step that looks at the runs: what pictures and the report need of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import scipp as sc

from ewaldite.io.nexus import save
from ewaldite.model.provenance import installed_version
from ewaldite.run.checkpoint import ContentKeys
from ewaldite.run.digest import digest
from ewaldite.run.shards import ShardProgress
from ewaldite.spectroscopy.context import Context
from ewaldite.spectroscopy.open_runs import RUNS
from ewaldite.spectroscopy.run_view import VIEWS, view_run
from ewaldite.spectroscopy.sharded import reduce, run_sizes
from ewaldite.spectroscopy.tally_shards import TallyEvents, load_tallies, save_tallies


def view_runs(context: Context, inputs: object) -> None:
    """Step ``runs``: events by pixel and mask, monitor and choppers, to ``runs.nxs``.

    Parameters
    ----------
    context:
        The run.
    inputs:
        All that the tallies depend on.
    """
    options = context.options
    tallies = reduce(
        context,
        TallyEvents(options.model_dump_json(), context.base, run_sizes(context)),
        "runs",
        tally_shards(context),
        ContentKeys(digest(installed_version(), inputs)),
        (save_tallies, load_tallies),
        ShardProgress(context.progress, size=lambda s: s.size, unit="events"),
    )
    views = {}
    for number, given in enumerate(options.run):
        run = RUNS.get(options, number, context.base)
        name = given.file.name if given.file.name not in views else str(given.file)
        views[name] = view_run(run, tallies[number], options)
        context.log.info("runs: %s: %s", name, _said(views[name]))
    files = (run.file for run in options.run)
    save(context.out / VIEWS, sc.DataGroup(views), context.provenance(*files))


def _said(view: sc.DataGroup[Any]) -> str:
    """What became of the events of a run, in a line."""
    events, rejected = int(view["events"]), int(view["rejected"])
    masks = [f"{name} {number:,}" for name, number in view["masks"].items() if number]
    return f"{events:,} events, {events - rejected:,} without a mask" + (
        f" ({', '.join(masks)})" if masks else ""
    )


def tally_shards(context: Context) -> Path:
    """Folder of tallies of some of the events."""
    return context.work / "runs"
