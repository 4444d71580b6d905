"""Reduce one wedge: read its frames, sum them, find its Bragg peaks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.clock import Clock
from ewaldite.diffuse.count import NO_CEILING, Tally
from ewaldite.diffuse.count_settings import CountSettings
from ewaldite.diffuse.filter import filter_wedge
from ewaldite.diffuse.integrate import integrate_wedge
from ewaldite.diffuse.options import DiffuseOptions
from ewaldite.diffuse.sweep_input import SweepInput, without_frames
from ewaldite.diffuse.trace import hkl_matrices
from ewaldite.diffuse.wedge_sums import WedgeSums
from ewaldite.diffuse.workspace import Workspace
from ewaldite.errors import UserError
from ewaldite.io.images import FrameError
from ewaldite.model.experiment import FloatArray, Wedge
from ewaldite.model.grid import Grid
from ewaldite.model.partition import Partition
from ewaldite.run.telling import tell

BRAGG_GRID = Grid((1, 1, 1))


@dataclass(frozen=True)
class WedgeJob:
    """All that the wedges of a sweep have in common.

    Attributes
    ----------
    entry:
        The sweep.
    options:
        The whole configuration.
    good:
        Pixels that take part; dims (slow, fast), bool.
    partition:
        Segments: the common refinement of the grids.
    bins:
        Length of the filter's histograms.
    reciprocal_lengths:
        |a*|, |b*|, |c*|; dims (3), 1/Å.
    bands:
        Bands of the detector that are worked on one after the other.
    workspace:
        Memory that each worker uses again.
    samples:
        Features of a sample of pixels of wedges that were looked at, by number of the wedge;
        see :mod:`~ewaldite.diffuse.memory`.
    """

    entry: SweepInput
    options: DiffuseOptions
    good: NDArray[np.bool_]
    partition: Partition
    bins: int
    reciprocal_lengths: FloatArray
    bands: int = 1
    workspace: Workspace = field(default_factory=Workspace)
    samples: dict[int, FloatArray] = field(default_factory=dict, compare=False, repr=False)

    def reduce(self, wedge: Wedge) -> WedgeSums:
        """Reduce a wedge; unreadable frames are skipped and counted if the options say so.

        Raises
        ------
        UserError
            If a frame cannot be read and is not to be skipped, or no frame is left.
        """
        bad: set[int] = set()
        while True:
            positions = without_frames(wedge, bad)
            if positions.size == 0:
                raise UserError(
                    f"reduce wedge {wedge.index} of the sweep '{self.entry.options.name}'",
                    "none of its frames can be read",
                    "Leave them out with frames or exclude.",
                )
            try:
                sums = self._integrate(wedge, positions)
            except _Unreadable as unreadable:
                if self.options.integrate.missing == "error":
                    raise unreadable.error from None
                bad.add(unreadable.position)
            else:
                sums.summary["frames"] = float(positions.size)
                sums.summary["frames skipped"] = float(len(bad))
                return sums

    def _integrate(self, wedge: Wedge, positions: NDArray[np.int64]) -> WedgeSums:
        entry, options = self.entry, self.options
        good, background, scale = self.good, None, np.zeros(positions.size)
        if entry.background is not None:
            summed = entry.background.of_range(*entry.phi_range(wedge))
            good = good & summed.good
            background = summed.counts
            scale = entry.exposure[positions] / summed.exposure
        integrate = options.integrate
        reads = count(1)
        return integrate_wedge(
            matrices=hkl_matrices(wedge, entry.sweep.scan, positions, integrate.oversample),
            features=entry.features(wedge),
            good=good,
            frames=lambda: self._frames(positions, reads),
            clock=Clock(
                entry.exposure[positions],
                scale,
                positions.astype(np.float64),
                entry.time[positions],
            ),
            background=background,
            partition=self.partition,
            filter_grid=options.filter.grid,
            settings=CountSettings(
                bins=self.bins,
                floor=entry.floor,
                ceiling=entry.ceiling,
                marker=min(entry.images.markers, default=NO_CEILING),
                gain=integrate.gain,
                pedestal=self._pedestal,
                oversample=integrate.oversample,
                dead_time=entry.dead_time,
                bands=self.bands,
            ),
            outliers=self._outliers,
            rng=lambda at: np.random.default_rng([integrate.seed, entry.number, at]),
            workspace=self.workspace,
        )

    @property
    def _pedestal(self) -> float:
        """The option, else what the images say."""
        given = self.options.integrate.pedestal
        return (self.entry.images.metadata.pedestal or 0.0) if given is None else given

    def _frames(
        self, positions: NDArray[np.int64], reads: Iterator[int]
    ) -> Iterator[NDArray[Any]]:
        for position in positions:
            try:
                # Who took the frame before has counted it
                image = self.entry.images.read(int(position), self.workspace.image)
            except FrameError as error:
                raise _Unreadable(int(position), error) from error
            self.workspace.image = image
            read = next(reads)
            # A frame is done when all bands have read it, or as many others instead
            tell(read // self.bands - (read - 1) // self.bands)
            yield image

    def _outliers(self, tally: Tally, pixels: FloatArray) -> NDArray[np.bool_]:
        overflow, overflow_sum = tally.overflow[:, 0], tally.overflow[:, 1]
        if self.bins == 0:
            # Without histograms the mean rates alone are known
            size = tally.filter_index.shape[0]
            overflow = np.rint(pixels).astype(np.int64)
            overflow_sum = np.bincount(
                tally.to_filter, tally.counts.astype(np.float64), minlength=size
            ).astype(np.int64)
        return filter_wedge(
            self.options.filter.grid,
            tally.filter_index,
            tally.histogram,
            overflow,
            overflow_sum,
            self.options.filter,
            reciprocal_lengths=self.reciprocal_lengths,
        ).mask


class _Unreadable(Exception):
    """A frame of a wedge could not be read."""

    def __init__(self, position: int, error: FrameError) -> None:
        super().__init__(position)
        self.position, self.error = position, error
