"""Steps 1 and 2: one pass over the images of a wedge feeds the filter and the integration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.count import (
    NO_CEILING,
    Limits,
    Tally,
    count_frames,
    join_tallies,
    retract_rejected,
)
from ewaldite.diffuse.dead_time import EXCESS, LOST, DeadTime
from ewaldite.diffuse.features import FeatureSource
from ewaldite.diffuse.trace import BAND_PIXELS, Clock, Trace, Tracer, Workspace
from ewaldite.kernels import tally as tally_kinds
from ewaldite.kernels import walk
from ewaldite.kernels.voxel_table import unpack
from ewaldite.model.experiment import FloatArray
from ewaldite.model.grid import Grid
from ewaldite.model.partition import Partition
from ewaldite.model.sums import Sums

#: What decides which filter voxels are Bragg peaks: tally and mean rates in, mask out.
Filter = Callable[[Tally, NDArray[np.float64]], NDArray[np.bool_]]

#: Columns of the sums of a wedge by that of the trace.
COLUMNS = {
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
        (frames); ``rejected``, the pairs without a count; and with a count-rate correction
        ``lost`` (photons) and ``lost_excess``, see :mod:`ewaldite.diffuse.dead_time`.
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
    floor, ceiling:
        Values below the one and at or above the other are no measurement.
    marker:
        Values at or above it are not even too high: they mark pixels without a count.
    gain, pedestal:
        Detector units per photon, and at zero photons.
    oversample:
        Parts into which every frame is cut.
    dead_time:
        What takes photons from bright pixels; None: nothing, or it is corrected already.
    bands:
        Bands of the detector that are worked on one after the other, each with all frames.
    """

    bins: int
    floor: int = 0
    ceiling: int = NO_CEILING
    marker: int = NO_CEILING
    gain: float = 1.0
    pedestal: float = 0.0
    oversample: int = 1
    dead_time: DeadTime | None = None
    bands: int = 1

    def limits(self, time: FloatArray) -> list[Limits]:
        """Which values of each frame are counts, and what they lost as parts of it.

        Parameters
        ----------
        time:
            Counting time of the frames; dims (frame), s.

        Returns
        -------
        :
            One a frame.
        """
        if self.dead_time is None:
            return [Limits(self.floor, self.ceiling)] * time.size
        made: dict[float, Limits] = {}
        for t in np.unique(time).tolist():
            ceiling = min(self.ceiling, self.dead_time.ceiling(t))
            table = self.dead_time.table(t / self.oversample, ceiling)
            made[t] = Limits(self.floor, ceiling, table)
        return [made[t] for t in time.tolist()]


def integrate_wedge(
    *,
    matrices: FloatArray,
    features: FeatureSource,
    good: NDArray[np.bool_],
    frames: Callable[[], Iterable[NDArray[Any]]],
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

    What a pixel does on its way through the frames, and the dense histograms, take memory in
    proportion to the pixels that are worked on; the sums, the histograms without their zeros
    and the filter are of the wedge as a whole. Results are the same to the bit for any number
    of bands.

    Parameters
    ----------
    matrices:
        ``hkl = s · M`` of every frame, or part of a frame; dims (frame, xyz, hkl), Å.
    features:
        Scattering vectors and corrections of the pixels.
    good:
        Pixels that take part; dims (slow, fast).
    frames:
        Begins the images anew, in order; dims (slow, fast), detector units. Called once a band.
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
    limits = settings.limits(clock.time)
    limits_of_parts = limits
    if parts > 1:
        limits_of_parts = [replace(x, floor=0) for x in limits for _ in range(parts)]
    tracer = Tracer(
        matrices=matrices,
        features=features,
        good=good,
        partition=partition,
        clock=clock_of_parts,
        background=background,
        workspace=workspace,
    )
    tallies = []
    bands = detector_bands(features, good, settings.bands)
    for rows in bands:
        paths = tracer.walk(rows)
        own = np.arange(paths.keys.size)
        if len(bands) > 1:
            paths, own = paths.own_rows()
        images = frames()
        if parts > 1:
            images = _parts_of_frames(images, clock.position, limits, parts, rng)
        tally = count_frames(
            paths=paths,
            frames=(image[rows.start : rows.stop] for image in images),
            partition=partition,
            filter_grid=filter_grid,
            bins=settings.bins,
            limits=limits_of_parts,
            marker=settings.marker,
        )
        shift = rows.start * good.shape[1] << 34
        tallies.append((own, replace(tally, rejected=tally.rejected + shift)))
    trace = tracer.trace(paths)
    tally = join_tallies(tallies, trace.keys.size)
    del tallies, paths, tracer
    retracted = retract_rejected(
        trace=trace,
        rejected=tally.rejected,
        features=features,
        partition=partition,
        clock=clock_of_parts,
        background=background,
    )
    return _assemble(trace, tally, retracted, partition, filter_grid, settings, outliers)


def detector_bands(features: FeatureSource, good: NDArray[np.bool_], bands: int) -> list[range]:
    """Cut the rows of the image into bands of about as many pixels that take part.

    Parameters
    ----------
    features:
        Of the wedge; its own, narrow bands are not cut.
    good:
        Pixels that take part; dims (slow, fast).
    bands:
        How many; fewer where there are not so many rows.

    Returns
    -------
    :
        Consecutive rows.
    """
    height = features.band_rows(BAND_PIXELS)
    starts = np.arange(0, good.shape[0], height)
    number = np.add.reduceat(np.count_nonzero(good, axis=1), starts)
    middle = np.cumsum(number) - 0.5 * number
    band = np.minimum(middle * bands // max(number.sum(), 1), bands - 1)
    # Rows without a pixel belong to those before them, the first ones to those behind
    begin = int(np.argmax(number > 0))
    band = np.maximum.accumulate(np.where(number > 0, band, 0))
    band[:begin] = band[begin]
    first = starts[np.flatnonzero(np.r_[True, np.diff(band) > 0])].tolist()
    return [range(a, b) for a, b in zip(first, [*first[1:], good.shape[0]], strict=True)]


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
    pairs = trace.sums[:, walk.PIXELS]
    pixels = np.bincount(tally.to_filter, pairs, minlength=size)
    # What is too bright to be counted is a Bragg peak, whatever its flanks look like
    over = np.bincount(tally.to_filter, retracted[:, 1], minlength=size) > 0
    mask = outliers(tally, np.asarray(pixels, dtype=np.float64)) | over
    seen = np.flatnonzero((pairs > 0.5) | (retracted[:, 0] > 0))
    rows = seen[np.argsort(trace.keys[seen])]
    columns = _columns(trace, tally, retracted, rows, len(partition.grids), settings)
    rejections = tally.rejections() / settings.oversample
    masked = mask[tally.to_filter[rows]]
    summary = {
        "voxels": float(size),
        "voxels masked": float(np.count_nonzero(mask)),
        "pixels counted": float(columns["pixels"].sum()),
        "pixels without a count": float(rejections.sum()),
        "pixels below the minimum": float(rejections[tally_kinds.BELOW]),
        "pixels overloaded": float(rejections[tally_kinds.OVER]),
        "voxels overloaded": float(np.count_nonzero(over)),
        "counts": float(columns["counts"].sum()),
        "counts masked": float(columns["counts"][masked].sum()),
    }
    if LOST in columns:
        summary["counts lost to dead time"] = float(columns[LOST].sum())
    index = np.asarray(unpack(trace.keys[rows]))
    return WedgeSums(
        partition, filter_grid, Sums(index, columns), tally.filter_index[mask], summary
    )


def _columns(
    trace: Trace,
    tally: Tally,
    retracted: NDArray[np.int64],
    rows: NDArray[np.intp],
    grids: int,
    settings: CountSettings,
) -> dict[str, NDArray[Any]]:
    """Columns of the segments, in the order of rows of the trace."""
    # What is left where every pair was taken back is rounding
    alive = trace.sums[rows, walk.PIXELS] > 0.5

    def summed(column: int) -> FloatArray:
        if column >= trace.sums.shape[1]:
            return np.zeros(rows.size)
        return np.where(alive, trace.sums[rows, column], 0.0)

    columns: dict[str, NDArray[Any]] = {}
    for name, column in COLUMNS.items():
        columns[name] = summed(column)
        if name in _BY_PAIR:
            columns[name] /= settings.oversample
    for which in range(grids):
        columns[variance_column(which)] = summed(walk.BACKGROUND_VARIANCE + which)
    counts = tally.counts[rows]
    columns["counts"] = (counts - settings.pedestal * columns["pixels"]) / settings.gain
    columns["rejected"] = retracted[rows, 0] / settings.oversample
    if tally.lost is not None:
        columns[LOST], columns[EXCESS] = tally.lost[rows, 0], tally.lost[rows, 1]
    return columns


def _parts_of_frames(
    frames: Iterable[NDArray[Any]],
    position: FloatArray,
    limits: Sequence[Limits],
    parts: int,
    rng: Callable[[int], np.random.Generator],
) -> Iterator[NDArray[Any]]:
    """Share the counts of every frame out over its parts by a multinomial draw.

    The parts of a Poisson variable drawn so are Poisson and independent; what is no count
    stays what it is in every part.
    """
    for image, at, limit in zip(frames, position, limits, strict=True):
        generator = rng(int(at))
        left = np.array(image, dtype=np.int64)
        count = (left >= limit.floor) & (left < limit.ceiling)
        # Parts of a valid count may be smaller than the floor, and are valid
        left[(left >= 0) & (left < limit.floor)] = tally_kinds.BELOW_MARK
        for part in range(parts, 1, -1):
            drawn = left.copy()
            drawn[count] = generator.binomial(left[count], 1.0 / part)
            left[count] -= drawn[count]
            yield drawn
        yield left
