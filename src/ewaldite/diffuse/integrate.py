"""Steps 1 and 2: one pass over the images of a wedge feeds the filter and the integration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.count import NO_CEILING, Tally, count_frames, retract_rejected
from ewaldite.diffuse.features import FeatureSource
from ewaldite.diffuse.trace import Clock, Trace, Workspace, trace_wedge
from ewaldite.kernels import walk
from ewaldite.model.experiment import FloatArray
from ewaldite.model.grid import Grid
from ewaldite.model.partition import Partition
from ewaldite.model.sums import Sums

#: What decides which filter voxels are Bragg peaks: tally and mean rates in, mask out.
Filter = Callable[[Tally, NDArray[np.float64]], NDArray[np.bool_]]

_COLUMNS = {
    "pixels": walk.PIXELS,
    "exposure": walk.EXPOSURE,
    "background": walk.BACKGROUND,
    "swept": walk.SWEPT,
    "sx": walk.SX,
    "sy": walk.SY,
    "sz": walk.SZ,
    "ix": walk.IX,
    "iy": walk.IY,
    "iz": walk.FRAME,
}
#: Columns summed with the number of (pixel, frame) pairs, which oversampling multiplies.
_BY_PAIR = frozenset({"pixels", "swept", "sx", "sy", "sz", "ix", "iy", "iz"})


@dataclass(frozen=True)
class WedgeSums:
    """What a wedge counted, by segment.

    Attributes
    ----------
    partition:
        The segments.
    filter_grid:
        Grid of the filter.
    segments:
        Columns ``counts`` (photons), ``pixels``, ``exposure`` (mrad² s), ``background`` (counts
        expected) and, for each grid of the partition, its variance, which adds up within the
        voxels of that grid only (:func:`variance_column`); ``swept`` (1/Å³); the sums over the
        (pixel, frame) pairs of ``sx``, ``sy``, ``sz`` (1/Å), ``ix``, ``iy`` (pixels), ``iz``
        (frames); and ``rejected``, the pairs without a count.
    masked:
        Filter voxels that the wedge itself holds for Bragg peaks; dims (voxel, 3), int64.
    summary:
        Numbers for the report.
    """

    partition: Partition
    filter_grid: Grid
    segments: Sums
    masked: NDArray[np.int64]
    summary: dict[str, float]


@dataclass(frozen=True)
class CountSettings:
    """How pixels become counts.

    Attributes
    ----------
    bins:
        Length of the filter's histograms; 0 for none.
    ceiling:
        Values at or above it are no measurement.
    marker:
        Values at or above it are not even too high: they mark pixels without a count.
    gain, pedestal:
        Detector units per photon, and at zero photons.
    oversample:
        Parts into which every frame is cut.
    """

    bins: int
    ceiling: int = NO_CEILING
    marker: int = NO_CEILING
    gain: float = 1.0
    pedestal: float = 0.0
    oversample: int = 1


def integrate_wedge(
    *,
    matrices: FloatArray,
    features: FeatureSource,
    good: NDArray[np.bool_],
    frames: Iterable[NDArray[Any]],
    clock: Clock,
    background: FloatArray | None,
    partition: Partition,
    filter_grid: Grid,
    settings: CountSettings,
    outliers: Filter,
    rng: Callable[[int], np.random.Generator],
    workspace: Workspace | None = None,
) -> WedgeSums:
    """Sum the images of a wedge into segments and find its Bragg peaks.

    Parameters
    ----------
    matrices:
        ``hkl = s · M`` of every frame, or part of a frame; dims (frame, xyz, hkl), Å.
    features:
        Scattering vectors and corrections of the pixels.
    good:
        Pixels that take part; dims (slow, fast).
    frames:
        The images in order; dims (slow, fast), detector units.
    clock:
        Exposure and position of the frames (not of their parts).
    background:
        Summed background images; dims (slow, fast), counts; None without.
    partition, filter_grid:
        Segments, and the grid of the filter, which they refine.
    settings:
        How pixels become counts.
    outliers:
        The filter.
    rng:
        Generator for the draws of a frame, by position in the scan, if ``oversample`` is above
        1.
    workspace:
        Memory to use again.

    Returns
    -------
    :
        The sums.
    """
    parts = settings.oversample
    clock_of_parts = clock.divided(parts) if parts > 1 else clock
    trace = trace_wedge(
        matrices=matrices,
        features=features,
        good=good,
        partition=partition,
        clock=clock_of_parts,
        background=background,
        workspace=workspace,
    )
    if parts > 1:
        frames = _parts_of_frames(frames, clock.position, parts, settings.ceiling, rng)
    tally = count_frames(
        trace=trace,
        frames=frames,
        partition=partition,
        filter_grid=filter_grid,
        bins=settings.bins,
        ceiling=settings.ceiling,
        marker=settings.marker,
    )
    retracted = retract_rejected(
        trace=trace,
        rejected=tally.rejected,
        features=features,
        partition=partition,
        clock=clock_of_parts,
        background=background,
    )
    return _assemble(trace, tally, retracted, partition, filter_grid, settings, outliers)


def variance_column(which: int) -> str:
    """Name of the column with the variance of the background on a grid of the partition."""
    return f"background_variance {which}"


def _assemble(
    trace: Trace,
    tally: Tally,
    retracted: NDArray[np.int64],
    partition: Partition,
    filter_grid: Grid,
    settings: CountSettings,
    outliers: Filter,
) -> WedgeSums:
    size = tally.filter_index.shape[0]
    pixels = np.bincount(tally.to_filter, trace.sums[:, walk.PIXELS], minlength=size)
    # What is too bright to be counted is a Bragg peak, whatever its flanks look like
    over = np.bincount(tally.to_filter, retracted[:, 1], minlength=size) > 0
    mask = outliers(tally, np.asarray(pixels, dtype=np.float64)) | over
    # What is left where every pair was taken back is rounding
    sums = np.where(trace.sums[:, [walk.PIXELS]] > 0.5, trace.sums, 0.0)
    columns: dict[str, NDArray[Any]] = {
        name: sums[:, column] / (settings.oversample if name in _BY_PAIR else 1)
        for name, column in _COLUMNS.items()
    }
    for which in range(len(partition.grids)):
        columns[variance_column(which)] = sums[:, walk.BACKGROUND_VARIANCE + which]
    columns["counts"] = (tally.counts - settings.pedestal * columns["pixels"]) / settings.gain
    columns["rejected"] = retracted[:, 0] / settings.oversample
    seen = (sums[:, walk.PIXELS] > 0.5) | (retracted[:, 0] > 0)
    segments = Sums.grouped(
        trace.index[seen], {name: column[seen] for name, column in columns.items()}
    )
    summary = {
        "voxels": float(tally.filter_index.shape[0]),
        "voxels masked": float(np.count_nonzero(mask)),
        "pixels counted": float(trace.sums[:, walk.PIXELS].sum() / settings.oversample),
        "pixels without a count": float(retracted[:, 0].sum() / settings.oversample),
        "voxels overloaded": float(np.count_nonzero(over)),
        "counts": float(columns["counts"].sum()),
        "counts masked": float(columns["counts"][mask[tally.to_filter]].sum()),
    }
    return WedgeSums(partition, filter_grid, segments, tally.filter_index[mask], summary)


def _parts_of_frames(
    frames: Iterable[NDArray[Any]],
    position: FloatArray,
    parts: int,
    ceiling: int,
    rng: Callable[[int], np.random.Generator],
) -> Iterator[NDArray[Any]]:
    """Share the counts of every frame out over its parts by a multinomial draw.

    The parts of a Poisson variable drawn so are Poisson and independent; what is no count
    stays what it is in every part.
    """
    for image, at in zip(frames, position, strict=True):
        generator = rng(int(at))
        left = np.array(image, dtype=np.int64)
        count = (left >= 0) & (left < ceiling)
        for part in range(parts, 1, -1):
            drawn = left.copy()
            drawn[count] = generator.binomial(left[count], 1.0 / part)
            left[count] -= drawn[count]
            yield drawn
        yield left
