"""What a wedge counted, by segment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.count import Tally
from ewaldite.diffuse.count_settings import CountSettings
from ewaldite.diffuse.dead_time import EXCESS, LOST
from ewaldite.diffuse.paths import Trace
from ewaldite.kernels import walk
from ewaldite.model.experiment import FloatArray
from ewaldite.model.grid import Grid
from ewaldite.model.partition import Partition
from ewaldite.model.sums import Sums

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


def variance_column(which: int) -> str:
    """Name of the column with the variance of the background on a grid of the partition."""
    return f"background_variance {which}"


def segment_columns(
    trace: Trace,
    tally: Tally,
    retracted: NDArray[np.int64],
    rows: NDArray[np.intp],
    grids: int,
    settings: CountSettings,
) -> dict[str, NDArray[Any]]:
    """Columns of the segments, see :class:`WedgeSums`.

    Parameters
    ----------
    trace, tally:
        Sums of geometry and of counts.
    retracted:
        Pairs taken back, by row of the trace; dims (row, 2).
    rows:
        Rows of the trace, in the order wanted; dims (segment).
    grids:
        Number of grids of the partition.
    settings:
        How pixels became counts.

    Returns
    -------
    :
        dims (segment) each.
    """
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
