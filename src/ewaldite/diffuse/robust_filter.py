"""The filter for detectors that do not count: robust statistics of the voxels' mean rates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.filter_options import FilterOptions
from ewaldite.kernels import median
from ewaldite.kernels.neighbours import ball_offsets, neighbour_rows

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# A median absolute deviation of fewer voxels says too little to convict one.
_FEWEST = 5


@dataclass(frozen=True)
class RobustResult:
    """What the filter found; dims (voxel,) each.

    Attributes
    ----------
    outlier:
        Voxels to mask, bool.
    level:
        Weighted median of the mean rates around the voxel; float64, counts per pixel.
    significance:
        Deviation from the level in robust sigma, signed; float64; 0 where undecided.
    """

    outlier: BoolArray
    level: FloatArray
    significance: FloatArray


def _deviations(
    mean: FloatArray,
    variance: FloatArray,
    pixels: FloatArray,
    rows: NDArray[np.int32],
    use: BoolArray,
) -> tuple[FloatArray, FloatArray]:
    """Level of every voxel and its signed deviation from it in robust sigma."""
    level, typical = np.empty(use.size), np.empty(use.size)
    everywhere = np.ones(use.size, dtype=bool)
    median.ball_median(mean, pixels, rows, use, everywhere, level)
    median.ball_median(variance, pixels, rows, use, everywhere, typical)
    error2 = np.nan_to_num(typical) / np.maximum(pixels, 1.0)
    spread = median.ball_deviation(mean, pixels, np.nan_to_num(level), rows, use)
    scale2 = np.maximum((1.4826 * np.nan_to_num(spread)) ** 2, error2)
    number = median.ball_sum(np.ones(use.size), rows, use)
    decided = (number >= _FEWEST) & (scale2 > 0) & (pixels > 0)
    sigma = np.zeros(use.size)
    sigma[decided] = (mean - level)[decided] / np.sqrt(scale2[decided])
    return level, sigma


def robust_filter(
    index: NDArray[np.int64],
    pixels: FloatArray,
    mean: FloatArray,
    excluded: BoolArray,
    options: FilterOptions,
    variance: FloatArray | None = None,
) -> RobustResult:
    """Mask voxels whose mean rate lies far from the median of their surroundings.

    ``(mean - median) / max(1.4826 MAD, sqrt(variance / pixels))`` with the median and the
    median absolute deviation (MAD) of the mean rates in the ball, weighted with the pixels;
    1.4826 MAD is the standard deviation of a normal distribution. The variance is the median
    of those in the ball (that of a peak's own voxel is the peak), so that a voxel of few
    pixels may deviate more than its neighbours of many. Both are taken anew without
    the outliers until the outliers stay the same. Where fewer than five voxels count, or all
    of them are equal, nothing is decided and nothing masked.

    Parameters
    ----------
    index:
        Voxel indices, distinct; dims (voxel, 3), int64.
    pixels:
        (pixel, frame) pairs; dims (voxel,), float64.
    mean:
        Mean rate; dims (voxel,), float64, any unit of signal per pixel.
    excluded:
        Outliers from the start, left out of medians; dims (voxel,), bool.
    options:
        ``window``, ``robust_threshold``, ``robust_sides`` and ``rounds`` are used.
    variance:
        Variance of a pixel's signal within the voxel; dims (voxel,), float64, squared unit of
        the mean; None where it is not known.

    Returns
    -------
    :
        Mask and diagnostics.
    """
    rows = neighbour_rows(index, ball_offsets(options.window))
    within = np.zeros(pixels.size) if variance is None else variance
    outlier = np.zeros(pixels.size, dtype=bool)
    for _ in range(options.rounds):
        level, sigma = _deviations(mean, within, pixels, rows, ~(outlier | excluded))
        height = np.abs(sigma) if options.robust_sides == "both" else sigma
        now = (height >= options.robust_threshold) & ~excluded
        if np.array_equal(now, outlier):
            break
        outlier = now
    return RobustResult(outlier, level, sigma)
