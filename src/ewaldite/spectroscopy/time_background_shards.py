"""The constant background of a cut, shard by shard."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from ewaldite.io.nexus import load
from ewaldite.run.options import Device
from ewaldite.run.plan import Need
from ewaldite.spectroscopy.background_shards import cached_empty
from ewaldite.spectroscopy.cut_setup import load_setup
from ewaldite.spectroscopy.sharded import Sharded
from ewaldite.spectroscopy.step_needs import Workload, time_background_need
from ewaldite.spectroscopy.time_background import (
    Estimator,
    GroupRange,
    TimeBackground,
    TimeBackgroundWork,
)
from ewaldite.spectroscopy.time_level import TimeLevel


def save_time_background(background: TimeBackground, path: Path) -> None:
    """Write a background to an NPZ file."""
    with path.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **background.arrays())


def load_time_background(path: Path) -> TimeBackground:
    """Read what :func:`save_time_background` wrote."""
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as content:
        return TimeBackground.of_arrays(dict(content))


@dataclass(frozen=True)
class SpreadTime(Sharded[GroupRange, TimeBackground, TimeBackground]):
    """The reduction of levels to the constant background of a cut. Plain data.

    Attributes
    ----------
    setup:
        File of the :class:`~ewaldite.spectroscopy.cut_setup.CutSetup`.
    level:
        File of the :class:`~ewaldite.spectroscopy.time_level.TimeLevel`.
    empty:
        File of the :class:`~ewaldite.spectroscopy.empty_run.EmptyRun` that is subtracted too.
    estimator, device:
        See :class:`~ewaldite.spectroscopy.time_background.TimeBackgroundWork`.
    """

    setup: Path
    level: Path
    empty: Path | None = None
    estimator: Estimator = "coverage"
    device: Device = "cpu"

    @property
    def work(self) -> TimeBackgroundWork:
        """Work that is cut into parts."""
        stamp = self.level.stat()
        level = _loaded(self.level, stamp.st_mtime_ns, stamp.st_size)
        one = load_setup(self.setup)
        empty = None if self.empty is None else cached_empty(self.empty)
        parts = (one.grid, one.pixel, one.exposed)
        return TimeBackgroundWork(*parts, level, self.estimator, empty, device=self.device)

    @property
    def shards(self) -> list[GroupRange]:
        """Ranges of groups."""
        return self.work.parts

    def need(self, work: Workload) -> Need:
        """Predicted memory."""
        one = self.work
        events = 0 if one.empty is None else one.empty.k_i.size
        return time_background_need(one.grid.size, len(one.level), work, empty=events)

    def reduce_shard(self, part: GroupRange) -> TimeBackground:
        """Sum the groups of a part."""
        return self.work.reduce(part)

    def add(self, total: TimeBackground, more: TimeBackground) -> TimeBackground:
        """Add the background of other groups."""
        return total.add(more)

    def finish(self, total: TimeBackground) -> TimeBackground:
        """Background of all groups."""
        return total

    def name(self, part: GroupRange) -> str:
        """Name a part, for errors."""
        level = self.work.level
        first, last = level.name(part.first), level.name(part.last - 1)
        return f"time-independent background of {first} to {last}"


@lru_cache(maxsize=2)
def _loaded(path: Path, time: int, size: int) -> TimeLevel:
    return TimeLevel.from_scipp(load(path))
