"""A reduction from its shards to its result."""

from __future__ import annotations

import logging
import threading
from contextlib import closing
from typing import TypeVar

from ewaldite.run.checkpoint import ShardStore
from ewaldite.run.executor import ShardProgress, run_shards
from ewaldite.run.memory import peak_rss
from ewaldite.run.protocol import Reduction, Work
from ewaldite.run.sizes import format_bytes

_logger = logging.getLogger(__name__)

Shard = TypeVar("Shard")
Sums = TypeVar("Sums")
Result = TypeVar("Result")


def run_reduction(
    reduction: Reduction[Shard, Sums, Result],
    work: Work[Shard],
    *,
    name: str,
    store: ShardStore[Shard, Sums] | None = None,
    progress: ShardProgress[Shard] | None = None,
    stop: threading.Event | None = None,
) -> Result:
    """Reduce all shards, add their sums one by one in the order of the shards, and finish.

    The order of the additions is that of the shards for any number of workers, so that the
    result is the same to the bit. The log gets the plan and, at the end, the measured peak of
    memory.

    Parameters
    ----------
    reduction:
        The four verbs.
    work:
        What :meth:`Reduction.plan` gave.
    name:
        Of the work, for log and progress.
    store:
        Where the sums of finished shards are kept, and looked for.
    progress:
        Who is told.
    stop:
        Is set when the run ends early.

    Raises
    ------
    ValueError
        If there are no shards.
    """
    if not work.shards:
        raise ValueError(f"{name}: a reduction needs at least one shard")
    _logger.info("%s: %d shards, %s", name, len(work.shards), work.plan)
    results = run_shards(
        work.shards,
        reduction.reduce_shard,
        workers=work.plan.workers,
        name=name,
        store=store,
        progress=progress,
        stop=stop,
    )
    with closing(results):
        total = next(results)
        for sums in results:
            total = reduction.add(total, sums)
    _logger.info("%s: the peak of memory was %s", name, format_bytes(peak_rss()))
    return reduction.finish(total)
