"""Steps 1 and 2: one pass over the images of a wedge feeds the filter and the integration."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.clock import Clock
from ewaldite.diffuse.count import Tally, count_frames, join_tallies, retract_rejected
from ewaldite.diffuse.count_settings import CountSettings
from ewaldite.diffuse.dead_time import LOST
from ewaldite.diffuse.features import FeatureSource
from ewaldite.diffuse.oversample import parts_of_frames
from ewaldite.diffuse.paths import Trace
from ewaldite.diffuse.trace import BAND_PIXELS, Tracer
from ewaldite.diffuse.wedge_sums import WedgeSums, segment_columns
from ewaldite.diffuse.workspace import Workspace
from ewaldite.kernels import tally as tally_kinds
from ewaldite.kernels import walk
from ewaldite.kernels.voxel_table import unpack
from ewaldite.model.experiment import FloatArray
from ewaldite.model.grid import Grid
from ewaldite.model.partition import Partition
from ewaldite.model.sums import Sums

#: What decides which filter voxels are Bragg peaks: tally and mean rates in, mask out.
Filter = Callable[[Tally, NDArray[np.float64]], NDArray[np.bool_]]


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
            images = parts_of_frames(images, clock.position, limits, parts, rng)
        tally = count_frames(
            paths=paths,
            frames=(image[rows.start : rows.stop] for image in images),
            partition=partition,
            filter_grid=filter_grid,
            bins=settings.bins,
            limits=limits_of_parts,
            marker=settings.marker,
            workspace=workspace,
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
    columns = segment_columns(trace, tally, retracted, rows, len(partition.grids), settings)
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
