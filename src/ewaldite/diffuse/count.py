"""Count the frames of a wedge into the segments that its pixels pass through."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.features import FeatureSource
from ewaldite.diffuse.trace import Clock, Trace, background_of
from ewaldite.kernels import tally, walk
from ewaldite.model.experiment import FloatArray
from ewaldite.model.grid import Grid
from ewaldite.model.partition import Partition
from ewaldite.model.sums import packed

NO_CEILING = np.iinfo(np.int64).max


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
        (pixel, frame) pairs by count; dims (filter voxel, count), uint32; no columns where it
        was not wanted.
    overflow:
        Pairs above the histogram and their summed counts; dims (filter voxel, 2), int64.
    rejected:
        Pairs that gave no count, ``pixel << 17 | over << 16 | frame``; dims (rejection), int64.
    """

    counts: NDArray[np.int64]
    filter_index: NDArray[np.int64]
    to_filter: NDArray[np.int32]
    histogram: NDArray[np.uint32]
    overflow: NDArray[np.int64]
    rejected: NDArray[np.int64]


def count_frames(
    *,
    trace: Trace,
    frames: Iterable[NDArray[Any]],
    partition: Partition,
    filter_grid: Grid,
    bins: int,
    ceiling: int = NO_CEILING,
    marker: int = NO_CEILING,
) -> Tally:
    """Count frames into segments and into the histograms of the filter.

    Parameters
    ----------
    trace:
        Where the pixels are.
    frames:
        Images in the order of the trace's frames; dims (slow, fast), counts, any integer type.
    partition, filter_grid:
        Segments, and the grid of the histograms, which the segments refine.
    bins:
        Length of the histograms: counts 0 … bins - 1; 0 for none.
    ceiling:
        Counts at or above it are no measurement, as are negative ones.
    marker:
        Values at or above it say that there is no count, not that it is too high.

    Returns
    -------
    :
        The tally.
    """
    filter_index, to_filter = _filter_rows(trace, partition, filter_grid)
    histogram = np.zeros((filter_index.shape[0], bins), dtype=np.uint32)
    overflow = np.zeros((filter_index.shape[0], 2), dtype=np.int64)
    counts = np.zeros(trace.keys.size, dtype=np.int64)
    one_to_one = bins > 0 and partition.is_trivial_for(filter_grid)
    row = trace.start_row.copy()
    rejected, rejections = np.empty(1024, dtype=np.int64), 0
    for position, image in enumerate(frames):
        flat = np.ascontiguousarray(image).reshape(-1)
        tally.enter_voxels(row, *trace.changes(position))
        if one_to_one:
            rejected, rejections = tally.tally_histogram(
                flat, row, position, ceiling, marker, histogram, overflow, rejected, rejections
            )
        else:
            rejected, rejections = tally.tally_counts(
                flat, row, position, ceiling, marker, counts, to_filter, histogram, overflow,
                rejected, rejections,
            )  # fmt: skip
    if one_to_one:
        counts = _summed(histogram) + overflow[:, 1]
    return Tally(
        counts, filter_index, to_filter, histogram, overflow,
        rejected[:rejections].copy(),
    )  # fmt: skip


def _filter_rows(
    trace: Trace, partition: Partition, grid: Grid
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Filter voxels of the rows of a trace, in the trace's order where they are the same."""
    voxel = partition.voxel(grid, trace.index)
    if partition.is_trivial_for(grid):
        return voxel, np.arange(voxel.shape[0], dtype=np.int32)
    _, first, inverse = np.unique(packed(voxel), return_index=True, return_inverse=True)
    return voxel[first], inverse.astype(np.int32)


def _summed(histogram: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Sum of the counts of each row; in blocks, as it takes a copy."""
    count = np.arange(histogram.shape[1], dtype=np.float64)
    out = np.empty(histogram.shape[0], dtype=np.int64)
    for start in range(0, histogram.shape[0], 65536):
        out[start : start + 65536] = histogram[start : start + 65536].astype(np.float64) @ count
    return out


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
        ``pixel << 17 | over << 16 | frame``; dims (rejection), int64.
    features, partition, clock, background:
        As the trace was made with.

    Returns
    -------
    :
        Number of pairs taken back, and of those whose count was too high, by row; dims (row,
        2), int64.
    """
    retracted = np.zeros((trace.keys.size, 2), dtype=np.int64)
    if rejected.size == 0:
        return retracted
    ordered = np.sort(rejected)
    pixel, first = np.unique(ordered >> 17, return_index=True)
    walk.retract(
        features.at(pixel),
        background_of(background, pixel),
        np.append(first, ordered.size),
        ordered & 0xFFFF,
        (ordered >> 16 & 1).astype(bool),
        trace.matrices,
        clock.cumulative,
        partition.parts,
        partition.segment,
        partition.segments,
        partition.member,
        partition.per_cell,
        trace.keys,
        trace.sums,
        retracted,
    )
    return retracted
