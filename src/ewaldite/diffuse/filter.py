"""Tell diffuse voxels from Bragg peaks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.filter_options import FilterOptions
from ewaldite.diffuse.histograms import Histograms
from ewaldite.diffuse.poisson_filter import poisson_filter
from ewaldite.diffuse.predicted_filter import predicted_filter
from ewaldite.diffuse.robust_filter import robust_filter
from ewaldite.errors import UserError
from ewaldite.model.grid import Grid

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class FilterResult:
    """The outliers of a wedge and why they are.

    Attributes
    ----------
    mask:
        Voxel is an outlier; dims (voxel,), bool.
    reasons:
        Voxels masked by ``"overflow"``, ``"significant"``, ``"divergent"``, ``"robust"`` or
        ``"predicted"``; the first that applies is counted.
    rate:
        Λ, weighted median of the mean rates in the neighbourhood without outliers, floored;
        dims (voxel,), float64, counts per pixel; NaN where the method has none.
    level:
        Rate that the neighbours let expect of the voxel; dims (voxel,), float64, counts per
        pixel; NaN where the method has none.
    significance:
        Sigma of the voxel's excess; dims (voxel,), float64; NaN where the method has none.
    divergence:
        Kullback–Leibler divergence of the neighbourhood, without significant voxels, from
        Poisson(Λ); dims (voxel,), float64, nats; NaN where the method has none.
    divergence_change:
        Change of the summed divergence when the voxel is taken out; dims (voxel,), float64,
        nats; NaN where it was not looked at.
    """

    mask: BoolArray
    reasons: dict[str, int]
    rate: FloatArray
    level: FloatArray
    significance: FloatArray
    divergence: FloatArray
    divergence_change: FloatArray


def _result(reasons: dict[str, BoolArray], size: int, **arrays: FloatArray) -> FilterResult:
    mask = np.zeros(size, dtype=bool)
    number = {}
    for name, flag in reasons.items():
        number[name] = int((flag & ~mask).sum())
        mask |= flag
    names = ("rate", "level", "significance", "divergence", "divergence_change")
    filled = {name: arrays.get(name, np.full(size, np.nan)) for name in names}
    return FilterResult(mask, number, **filled)


def _check(
    index: NDArray[np.int64],
    histogram: Histograms,
    overflow: NDArray[np.int64],
    overflow_sum: NDArray[np.int64],
) -> None:
    sizes = [index.shape[0], len(histogram), overflow.shape[0], overflow_sum.shape[0]]
    if len(set(sizes)) > 1 or index.shape[1:] != (3,):
        raise UserError(
            "filter a wedge",
            f"index, histogram, overflow and overflow_sum have the lengths {sizes}",
            "Give one row a voxel in each: (voxel, 3), histograms, (voxel,), (voxel,).",
        )


def _robust(
    index: NDArray[np.int64],
    histogram: Histograms,
    overflow: NDArray[np.int64],
    overflow_sum: NDArray[np.int64],
    options: FilterOptions,
) -> FilterResult:
    pixels = histogram.moment(0) + overflow
    mean = (histogram.moment(1) + overflow_sum) / np.maximum(pixels, 1.0)
    squares = histogram.moment(2)
    # of what is above the histogram only the sum is known: as if all of it were equal
    squares += overflow_sum.astype(np.float64) ** 2 / np.maximum(overflow, 1)
    variance = np.maximum(squares / np.maximum(pixels, 1.0) - mean**2, 0.0)
    nothing = np.zeros(pixels.size, dtype=bool)
    found = robust_filter(index, pixels, mean, nothing, options, variance)
    reasons = {"robust": found.outlier}
    return _result(reasons, pixels.size, level=found.level, significance=found.significance)


def filter_wedge(
    grid: Grid,
    index: NDArray[np.int64],
    histogram: Histograms,
    overflow: NDArray[np.int64],
    overflow_sum: NDArray[np.int64],
    options: FilterOptions,
    *,
    reciprocal_lengths: FloatArray | None = None,
) -> FilterResult:
    """Find the voxels of a wedge that hold more than the diffuse signal.

    ``poisson``: overflowing voxels, and what :func:`.poisson_filter.poisson_filter` finds.
    ``robust``: :func:`.robust_filter.robust_filter` on the mean rates, overflows among them (a
    detector that does not count has no count that only a peak can have). ``predicted``:
    :func:`.predicted_filter.predicted_filter`. ``none``: nothing.

    Parameters
    ----------
    grid:
        The grid of the filter.
    index:
        Indices of the occupied voxels, distinct, in any order; dims (voxel, 3), int64.
    histogram:
        (pixel, frame) pairs by count 0 … max_count, voxel by voxel.
    overflow:
        Pairs with a larger count; dims (voxel,), int64.
    overflow_sum:
        Their summed counts; dims (voxel,), int64.
    options:
        The options; ``subdivide``, ``mode``, ``max_count`` and ``refine`` are for the caller.
    reciprocal_lengths:
        |a*|, |b*|, |c*|; dims (3,), 1/Å, for predicted spots with half widths in 1/Å.

    Returns
    -------
    :
        Mask and diagnostics, in the order of the voxels.

    Raises
    ------
    UserError
        Where arrays differ in length, or a predicted spot has no cell to be measured with.
    """
    _check(index, histogram, overflow, overflow_sum)
    size = index.shape[0]
    if options.method == "none" or size == 0:
        return _result({}, size)
    if options.method == "predicted":
        spots = predicted_filter(grid, index, options, reciprocal_lengths)
        return _result({"predicted": spots}, size)
    if options.method == "robust":
        return _robust(index, histogram, overflow, overflow_sum, options)
    over = (overflow > 0) & (overflow_sum > options.overflow_threshold)
    found = poisson_filter(index, histogram, overflow, overflow_sum, over, options)
    return _result(
        {"overflow": over, "significant": found.significant, "divergent": found.divergent},
        size,
        rate=found.rate,
        level=found.level,
        significance=found.significance,
        divergence=found.divergence,
        divergence_change=found.divergence_change,
    )
