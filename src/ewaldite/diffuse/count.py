"""Count the frames of a wedge into the segments that its pixels pass through."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.clock import Clock
from ewaldite.diffuse.features import FeatureSource
from ewaldite.diffuse.histograms import Histograms, joined
from ewaldite.diffuse.paths import Paths, Trace
from ewaldite.diffuse.workspace import Workspace
from ewaldite.kernels import tally
from ewaldite.kernels.divergence import moments
from ewaldite.kernels.retract import retract
from ewaldite.kernels.voxel_table import unpack
from ewaldite.model.experiment import FloatArray
from ewaldite.model.grid import Grid
from ewaldite.model.partition import Partition
from ewaldite.model.sums import packed

NO_CEILING = np.iinfo(np.int64).max
# Pixels that are taken back at a time
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Tally:
    """Counts by segment, and how they are spread, by filter voxel.

    Attributes
    ----------
    counts:
        Summed counts; dims (row of the trace), int64.
    filter_index:
        Index of the filter voxels; dims (filter voxel, 3), int64.
    to_filter:
        Filter voxel of each row of the trace; dims (row), int32.
    histogram:
        (pixel, frame) pairs by count, filter voxel by filter voxel; without bins where it was
        not wanted.
    overflow:
        Pairs above the histogram and their summed counts; dims (filter voxel, 2), int64.
    rejected:
        Runs of frames in which a pixel gave no measurement,
        ``pixel << 34 | kind << 32 | first frame << 16 | last frame``, kinds as named in
        :mod:`ewaldite.kernels.tally`; dims (run), int64.
    lost:
        Photons that the dead time took, and excess of their variance; dims (row, 2), float64;
        None without a correction.
    """

    counts: NDArray[np.int64]
    filter_index: NDArray[np.int64]
    to_filter: NDArray[np.int32]
    histogram: Histograms
    overflow: NDArray[np.int64]
    rejected: NDArray[np.int64]
    lost: FloatArray | None = None

    def rejections(self) -> NDArray[np.int64]:
        """Pairs without a count, with too high a one, with too low a one; dims (3), int64."""
        kind = self.rejected >> 32 & 3
        number = (self.rejected & 0xFFFF) - (self.rejected >> 16 & 0xFFFF) + 1
        return np.bincount(kind, number, minlength=3).astype(np.int64)


@dataclass(frozen=True)
class Limits:
    """Which values of a frame are counts.

    Attributes
    ----------
    floor, ceiling:
        Counts below the floor and at or above the ceiling are no measurement.
    lost:
        What the dead time takes, by count; dims (count, 2), float64; None without correction.
    """

    floor: int = 0
    ceiling: int = NO_CEILING
    lost: FloatArray | None = None


ANY_COUNT = Limits()


def count_frames(
    *,
    paths: Paths,
    frames: Iterable[NDArray[Any]],
    partition: Partition,
    filter_grid: Grid,
    bins: int,
    limits: Limits | Sequence[Limits] = ANY_COUNT,
    marker: int = NO_CEILING,
    workspace: Workspace | None = None,
) -> Tally:
    """Count frames into segments and into the histograms of the filter.

    Parameters
    ----------
    paths:
        Where the pixels are.
    frames:
        Images in the order of the frames of the paths, of the same pixels; dims (slow, fast),
        counts, any integer type.
    partition, filter_grid:
        Segments, and the grid of the histograms, which the segments refine.
    bins:
        Length of the histograms: counts 0 … bins - 1; 0 for none.
    limits:
        Which values are counts; for all frames, or one a frame.
    marker:
        Values at or above it say that there is no count, not that it is too high.
    workspace:
        Memory to use again.

    Returns
    -------
    :
        The tally.
    """
    filter_index, to_filter = _filter_rows(paths, partition, filter_grid)
    histogram = np.zeros((filter_index.shape[0], bins), dtype=np.uint32)
    overflow = np.zeros((filter_index.shape[0], 2), dtype=np.int64)
    counts = np.zeros(paths.keys.size, dtype=np.int64)
    lost: FloatArray | None = None
    one_to_one = bins > 0 and partition.is_trivial_for(filter_grid)
    space = Workspace() if workspace is None else workspace
    latest = np.zeros(0, dtype=np.int32)
    rejected, rejections = np.empty(1024, dtype=np.int64), 0
    for position, image in enumerate(frames):
        flat = np.ascontiguousarray(image).reshape(-1)
        if position == 0:
            latest = space.take_latest(flat.size)
        limit = limits if isinstance(limits, Limits) else limits[position]
        triple = (limit.floor, limit.ceiling, max(marker, limit.ceiling))
        runs = paths.runs(position)
        if one_to_one:
            rejected, rejections = tally.tally_histogram(
                flat, runs, position, triple, histogram, overflow, rejected, latest, rejections
            )
        else:
            rejected, rejections = tally.tally_counts(
                flat, runs, position, triple, counts, to_filter, histogram, overflow,
                rejected, latest, rejections,
            )  # fmt: skip
        if limit.lost is not None:
            lost = np.zeros((counts.size, 2)) if lost is None else lost
            ceiling = min(limit.ceiling, limit.lost.shape[0])
            tally.tally_lost(flat, runs, limit.floor, ceiling, limit.lost, lost)
    rejected = rejected[:rejections].copy()
    space.put_latest(latest, rejected >> 34)
    spread = Histograms.of(histogram)
    if one_to_one:
        # No product of matrices: its threads would wait, busily, on the cores of other wedges
        summed = moments(spread.parts, bins)[:, 1]
        counts = np.rint(summed).astype(np.int64) + overflow[:, 1]
    return Tally(
        counts, filter_index, to_filter, spread, overflow, rejected, lost,
    )  # fmt: skip


def _filter_rows(
    paths: Paths, partition: Partition, grid: Grid
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Filter voxels of the rows of paths, in the order of these where they are the same."""
    voxel = partition.voxel(grid, paths.index)
    if partition.is_trivial_for(grid):
        return voxel, np.arange(voxel.shape[0], dtype=np.int32)
    _, first, inverse = np.unique(packed(voxel), return_index=True, return_inverse=True)
    return voxel[first], inverse.astype(np.int32)


def join_tallies(parts: Sequence[tuple[NDArray[np.int64], Tally]], rows: int) -> Tally:
    """Join the tallies of the bands of a detector.

    Parameters
    ----------
    parts:
        The row of the whole trace that each row of a tally is, dims (row), and the tally.
    rows:
        Number of rows of the whole trace.

    Returns
    -------
    :
        The tally of the whole wedge, filter voxels sorted, whatever the bands were.
    """
    keys = np.concatenate([packed(part.filter_index) for _, part in parts])
    order = np.argsort(keys, kind="stable")
    begins = np.r_[True, np.diff(keys[order]) != 0] if keys.size else np.zeros(0, bool)
    voxel = np.empty(keys.size, dtype=np.int64)
    voxel[order] = np.cumsum(begins) - 1
    group = np.r_[np.flatnonzero(begins), keys.size]
    size = group.size - 1
    counts = np.zeros(rows, dtype=np.int64)
    to_filter = np.zeros(rows, dtype=np.int32)
    overflow = np.zeros((size, 2), dtype=np.int64)
    with_loss = any(part.lost is not None for _, part in parts)
    lost = np.zeros((rows, 2)) if with_loss else None
    at = 0
    for row, part in parts:
        here = voxel[at : at + len(part.filter_index)]
        at += len(part.filter_index)
        counts[row] += part.counts
        to_filter[row] = here[part.to_filter]
        overflow[here] += part.overflow
        if lost is not None and part.lost is not None:
            lost[row] += part.lost
    return Tally(
        counts,
        np.asarray(unpack(keys[order][begins])),
        to_filter,
        joined([part.histogram for _, part in parts], order, group),
        overflow,
        np.concatenate([part.rejected for _, part in parts]),
        lost,
    )


def retract_rejected(
    *,
    trace: Trace,
    rejected: NDArray[np.int64],
    features: FeatureSource,
    partition: Partition,
    clock: Clock,
    background: FloatArray | None,
) -> NDArray[np.int64]:
    """Take pairs that gave no count out of the sums of a trace, in place.

    Parameters
    ----------
    trace:
        Its sums are changed.
    rejected:
        Runs of frames, as in :class:`Tally`; dims (run), int64.
    features, partition, clock, background:
        As the trace was made with.

    Returns
    -------
    :
        Number of pairs taken back, and of those whose count was too high, by row; dims (row,
        2), int64.
    """
    retracted = np.zeros((trace.keys.size, 2), dtype=np.int64)
    ordered = np.sort(rejected)
    pixel, first = np.unique(ordered >> 34, return_index=True)
    first = np.append(first, ordered.size)
    for start in range(0, pixel.size, _CHUNK):
        chunk = pixel[start : start + _CHUNK]
        runs = ordered[first[start] : first[start + chunk.size]]
        retract(
            features.at(chunk),
            _at(background, chunk),
            first[start : start + chunk.size + 1] - first[start],
            runs >> 16 & 0xFFFF,
            (runs & 0xFFFF) + 1,
            (runs >> 32 & 3) == tally.OVER,
            trace.matrices,
            clock.cumulative,
            partition.parts,
            partition.segment,
            partition.segments,
            partition.member,
            partition.per_cell,
            trace.slots,
            trace.sums,
            retracted,
        )
    return retracted


def _at(background: FloatArray | None, pixel: NDArray[np.int64]) -> FloatArray:
    """Background counts of pixels; dims (pixel), or empty without background."""
    return np.empty(0) if background is None else background.reshape(-1)[pixel]
