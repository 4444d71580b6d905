"""The pass over the images as a worker does it, in whatever process."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ewaldite.crystal.cell import cell_from_axes, orthogonalization
from ewaldite.diffuse.context import Context
from ewaldite.diffuse.options import DiffuseOptions
from ewaldite.diffuse.sweep_input import SweepInput, open_sweep
from ewaldite.diffuse.wedge_job import WedgeJob
from ewaldite.diffuse.wedge_store import Shard, Summary
from ewaldite.diffuse.wedge_sums import WedgeSums
from ewaldite.diffuse.workspace import Workspace
from ewaldite.run.checkpoint import ShardStore

# Sweeps that a process has open at once: wedges come in their order
_OPEN = 2

_lock = threading.Lock()


@dataclass(frozen=True)
class WedgeWork:
    """Reduces wedges: paths and options alone, which another process opens anew.

    Attributes
    ----------
    options:
        The configuration.
    base:
        Folder to which its paths refer, absolute.
    bins:
        Length of the filter's histograms of each sweep.
    bands:
        Bands of the detector.
    sums:
        Where the sums go.
    jobs:
        Sweeps that are open in this process, by number; not sent to another.
    workspace:
        Memory that each worker uses again, whatever the sweep.
    """

    options: DiffuseOptions
    base: Path
    bins: tuple[int, ...]
    bands: int
    sums: ShardStore[Shard, WedgeSums]
    jobs: dict[int, WedgeJob] = field(default_factory=dict, compare=False)
    workspace: Workspace = field(default_factory=Workspace, compare=False)

    def __call__(self, shard: Shard) -> Summary:
        """Reduce a wedge, keep its sums and give its summary."""
        job = replace(self._job(shard.sweep), bands=self.bands, workspace=self.workspace)
        sums = job.reduce(job.entry.sweep.wedges[shard.wedge])
        self.sums.put(shard, sums)
        return sums.summary

    def __getstate__(self) -> dict[str, Any]:
        """All but what is open."""
        return {**vars(self), "jobs": {}}

    def label(self, shard: Shard) -> str:
        """Name a wedge with its files."""
        name = self.options.sweep[shard.sweep].name
        job = self._job(shard.sweep)
        wedge = job.entry.sweep.wedges[shard.wedge]
        files = [job.entry.images.source(i) for i in (wedge.start, wedge.stop - 1)]
        return f"wedge {shard.wedge} of the sweep '{name}' ({files[0]} to {files[1]})"

    def _job(self, number: int) -> WedgeJob:
        with _lock:
            if number not in self.jobs:
                while len(self.jobs) >= _OPEN:
                    del self.jobs[next(iter(self.jobs))]
                context = Context(self.options, self.base)
                entry = open_sweep(self.options, number, self.base)
                self.jobs[number] = wedge_job(context, entry, self.bins[number])
            return self.jobs[number]


def wedge_job(
    context: Context, entry: SweepInput, bins: int, good: NDArray[np.bool_] | None = None
) -> WedgeJob:
    """What the wedges of a sweep have in common.

    Parameters
    ----------
    context:
        The run.
    entry:
        The sweep.
    bins:
        Length of the filter's histograms.
    good:
        Pixels that take part; those of the mask step's file if None; dims (slow, fast).

    Returns
    -------
    :
        The job, on the whole detector.
    """
    # Of the sweep's own cell: the sums do not depend on symmetry or on other sweeps
    cell = np.mean([cell_from_axes(w.mean_axes) for w in entry.sweep.wedges], axis=0)
    return WedgeJob(
        entry=entry,
        options=context.options,
        good=context.good_of(entry) if good is None else good,
        partition=context.partition,
        bins=bins,
        reciprocal_lengths=np.linalg.norm(np.linalg.inv(orthogonalization(cell)), axis=1),
    )
