"""Events in forbidden time, shard by shard."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ewaldite.run.plan import Need
from ewaldite.spectroscopy.event_ranges import EventShard, OverEvents
from ewaldite.spectroscopy.forbidden_time import count_run
from ewaldite.spectroscopy.step_needs import Workload, tally_need

#: Counts by the number of the run; dims (pixel, half).
Forbidden = dict[int, NDArray[np.int64]]


def save_forbidden(counts: Forbidden, path: Path) -> None:
    """Write counts to an NPZ file."""
    with path.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **{str(run): n for run, n in counts.items()})


def load_forbidden(path: Path) -> Forbidden:
    """Read what :func:`save_forbidden` wrote."""
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as content:
        return {int(run): content[run] for run in content.files}


@dataclass(frozen=True)
class CountForbidden(OverEvents[Forbidden]):
    """The reduction of events to counts in forbidden time. Plain data.

    Attributes
    ----------
    guard:
        See :meth:`~ewaldite.spectroscopy.forbidden_time.ForbiddenTime.of`; s.
    """

    guard: float

    def need(self, work: Workload) -> Need:
        """Predicted memory: less than that of tallies, which have as many numbers."""
        return tally_need(len(self.sizes), work)

    def reduce_shard(self, shard: EventShard) -> Forbidden:
        """Count the events of a shard."""
        run = self.run_of(shard)
        return {shard.run: count_run(run, self.guard, shard.first, shard.stop)}

    def add(self, total: Forbidden, more: Forbidden) -> Forbidden:
        """Add the counts of two shards."""
        for run, counts in more.items():
            total[run] = total[run] + counts if run in total else counts
        return total
