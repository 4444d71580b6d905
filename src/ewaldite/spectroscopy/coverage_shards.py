"""The coverage of a cut, shard by shard."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ewaldite.run.options import Device
from ewaldite.run.plan import Need
from ewaldite.spectroscopy.coverage import Coverage, finish
from ewaldite.spectroscopy.coverage_work import CoverageSums, CoverageWork, Part
from ewaldite.spectroscopy.cut_setup import load_setup
from ewaldite.spectroscopy.sharded import Sharded
from ewaldite.spectroscopy.step_needs import Workload, coverage_need


def save_part(sums: CoverageSums, path: Path) -> None:
    """Write the sums of a part to an NPZ file."""
    with path.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **sums.arrays())


def load_part(path: Path) -> CoverageSums:
    """Read what :func:`save_part` wrote."""
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as content:
        return CoverageSums.of_arrays(dict(content))


@dataclass(frozen=True)
class CoverCut(Sharded[Part, CoverageSums, Coverage]):
    """The reduction of pixels and monitor readings to the coverage of a cut. Plain data.

    Attributes
    ----------
    setup:
        File of the :class:`~ewaldite.spectroscopy.cut_setup.CutSetup`.
    device:
        What sums it.
    """

    setup: Path
    device: Device = "cpu"

    @property
    def work(self) -> CoverageWork:
        """Work that is cut into parts."""
        return replace(load_setup(self.setup).coverage, device=self.device)

    @property
    def shards(self) -> list[Part]:
        """Parts of pixels, and of the monitor's readings."""
        return self.work.parts

    def need(self, work: Workload) -> Need:
        """Predicted memory."""
        return coverage_need(self.work.grid.size, self.work.pixel.modes.shape[0], work)

    def reduce_shard(self, part: Part) -> CoverageSums:
        """Sum one part."""
        return self.work.reduce(part)

    def add(self, total: CoverageSums, more: CoverageSums) -> CoverageSums:
        """Add the sums of two parts."""
        return total.add(more)

    def finish(self, total: CoverageSums) -> Coverage:
        """Coverage from the sums of all parts."""
        return finish(total, self.work)

    def name(self, part: Part) -> str:
        """Name a part, for errors."""
        return f"coverage of {part.kind} {part.first:,} to {part.last:,}"
