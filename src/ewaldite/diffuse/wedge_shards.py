"""Steps after the pass over the images, which read what it kept of each wedge, in parallel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TypeVar

from ewaldite.diffuse.context import Context
from ewaldite.diffuse.memory import program_bytes
from ewaldite.diffuse.wedge_store import Shard
from ewaldite.errors import UserError
from ewaldite.run.budget import memory_budget, usable_processors
from ewaldite.run.checkpoint import ShardStore
from ewaldite.run.executor import run_shards
from ewaldite.run.plan import Need
from ewaldite.run.shards import ShardProgress

Result = TypeVar("Result")
Kept = TypeVar("Kept")


class LostCheckpoint(UserError):
    """What an earlier step kept of a wedge is not there."""


def kept_of(store: ShardStore[Shard, Kept], shard: Shard) -> Kept:
    """Load what was kept of a wedge.

    Raises
    ------
    LostCheckpoint
        If there is nothing.
    """
    found = store.get(shard)
    if found is None:
        raise LostCheckpoint(
            "read what was kept of the wedges",
            f"the checkpoint of wedge {shard.wedge} in {store.store.folder} does not stay",
            "See whether another program removes files there.",
        )
    return found


def again_if_lost(once: Callable[[], Result], renew: Callable[[], None]) -> Result:
    """Do a step; where a checkpoint that it reads was lost, make it again first, once."""
    try:
        return once()
    except LostCheckpoint:
        renew()
    return once()


def run_wedges(
    context: Context,
    name: str,
    shards: Sequence[Shard],
    work: Callable[[Shard], Result],
    need: Need,
    store: ShardStore[Shard, Result] | None = None,
) -> list[Result]:
    """Work on wedges where the run's workers are.

    No wedge is left out: what is read was made by an earlier step.

    Parameters
    ----------
    context:
        The run.
    name:
        Of the step.
    shards:
        The wedges.
    work:
        Small result of a wedge; plain data, which another process may be sent.
    need:
        Memory of a worker, besides the program.
    store:
        Where results are kept.

    Returns
    -------
    :
        Results, in the order of the wedges.
    """
    plan = context.executor.plan(
        replace(need, base=need.base + program_bytes()),
        memory_budget(context.options.run.memory),
        processors=context.options.run.workers or usable_processors(),
        shards=len(shards),
    )
    context.log.info("%s: %s", name, plan)
    names = [sweep.name for sweep in context.options.sweep]
    results = run_shards(
        shards,
        work,
        workers=plan.workers,
        name=name,
        store=store,
        progress=ShardProgress(context.progress, unit="wedges"),
        executor=context.executor.planned(plan, failures="stop"),
        label=lambda shard: f"wedge {shard.wedge} of the sweep '{names[shard.sweep]}'",
    )
    with closing(results):
        return [result for result in results if result is not None]
