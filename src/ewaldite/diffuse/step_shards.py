"""Steps whose shards are reduced where the workers are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TypeVar

from ewaldite.diffuse.context import Context
from ewaldite.diffuse.memory import program_bytes
from ewaldite.diffuse.wedge_store import Shard
from ewaldite.errors import UserError
from ewaldite.run.budget import memory_budget
from ewaldite.run.checkpoint import ShardStore
from ewaldite.run.plan import Need, Plan
from ewaldite.run.reduce_shards import run_shards
from ewaldite.run.shards import ShardProgress

Part = TypeVar("Part")
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


def plan_step(
    context: Context,
    name: str,
    need: Need,
    shards: int,
    *,
    max_bands: int = 1,
    band_cost: float = 0.1,
) -> Plan:
    """Plan a step within the memory of the run, and say so in the log.

    Parameters
    ----------
    context:
        The run.
    name:
        Of the step.
    need, shards, max_bands, band_cost:
        As of :func:`~ewaldite.run.plan.plan_workers`.
    """
    options = context.options.run
    plan = context.executor.plan(
        need,
        memory_budget(options.memory),
        processors=options.processors,
        shards=shards,
        max_bands=max_bands,
        band_cost=band_cost,
    )
    context.log.info("%s: %s", name, plan)
    return plan


@contextmanager
def worked_on(
    context: Context,
    name: str,
    shards: Sequence[Part],
    work: Callable[[Part], Result],
    need: Need,
    *,
    unit: str,
    label: Callable[[Part], str],
    store: ShardStore[Part, Result] | None = None,
) -> Iterator[Iterator[Result]]:
    """Results of a step, shard by shard, within the memory of the run.

    None is left out: what is read was made by an earlier step.

    Parameters
    ----------
    context:
        The run.
    name:
        Of the step.
    shards:
        Wedges, or other parts of the work.
    work:
        Result of a shard; plain data, which another process may be sent.
    need:
        Predicted memory, besides the program.
    unit:
        What the shards are, in plural, for the progress.
    label:
        Names a shard in errors.
    store:
        Where results are kept.

    Yields
    ------
    :
        Results, in the order of the shards.
    """
    plan = plan_step(
        context, name, replace(need, base=need.base + program_bytes()), len(shards)
    )
    results = run_shards(
        shards,
        work,
        workers=plan.workers,
        name=name,
        store=store,
        progress=ShardProgress(context.progress, unit=unit),
        executor=context.executor.planned(plan, failures="stop"),
        label=label,
    )
    with closing(results):
        yield (result for result in results if result is not None)


def wedge_label(context: Context) -> Callable[[Shard], str]:
    """Names wedges in errors."""
    names = [sweep.name for sweep in context.options.sweep]
    return lambda shard: f"wedge {shard.wedge} of the sweep '{names[shard.sweep]}'"
