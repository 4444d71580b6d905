"""A reduction from its shards to its result."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from ewaldite.run.checkpoint import ShardStore
from ewaldite.run.executor import Executor
from ewaldite.run.memory import peak_rss
from ewaldite.run.protocol import Reduction, Work
from ewaldite.run.reduce_shards import sum_shards
from ewaldite.run.shards import ShardProgress
from ewaldite.run.sizes import counted, format_bytes

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
    executor: Executor | None = None,
    label: Callable[[Shard], str] = str,
) -> Result:
    """Reduce all shards, add their sums as a tree, and finish.

    The shape of the tree depends on the number of shards alone, so that the result is the same
    to the bit for any executor and any number of workers. The log gets the plan and, at the
    end, the measured peak of memory of this process.

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
    executor:
        Where the work is done; threads if None. Other processes are sent the reduction, the
        store and the shards, which are then plain data.
    label:
        Names a shard and its file, for errors.

    Raises
    ------
    ValueError
        If there are no shards.
    UserError
        If a shard failed three times, and is not to be left out.
    """
    if not work.shards:
        raise ValueError(f"{name}: a reduction needs at least one shard")
    _logger.info("%s: %s, %s", name, counted(len(work.shards), "shards"), work.plan)
    total = sum_shards(
        work.shards,
        reduction.reduce_shard,
        reduction.add,
        workers=work.plan.workers,
        name=name,
        store=store,
        progress=progress,
        stop=stop,
        executor=executor,
        label=label,
    )
    _logger.info("%s: the peak of memory was %s", name, format_bytes(peak_rss()))
    return reduction.finish(total)
