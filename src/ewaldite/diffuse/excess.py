"""Significance of a voxel's counts against the local level of its neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, ndtri

from ewaldite.kernels import median
from ewaldite.kernels.level import predicted_level

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Relative gradient per voxel that a level may have before few counts let it be seen.
_SLOPE = 0.2
# The squared scatter estimated from a ball of 33 voxels stays below this on Poisson noise.
_SCATTER_ALLOWANCE = 1.5
# Below so many counts a voxel, the median of the rates sits on a step of the discrete counts.
_COUNTS_FOR_MEDIAN = 1.0


@dataclass(frozen=True)
class Counts:
    """What the filter knows of the voxels.

    Attributes
    ----------
    pixels, counts:
        Pixels and summed counts, overflows among them; dims (voxel,), float64.
    empty:
        Pixels without a count; dims (voxel,), float64.
    rows:
        Neighbours; dims (voxel, neighbour), int32.
    offsets:
        Steps to them; dims (neighbour, 3), int64.
    excluded:
        Voxels that are outliers from the start; dims (voxel,), bool.
    """

    pixels: FloatArray
    counts: FloatArray
    empty: FloatArray
    rows: NDArray[np.int32]
    offsets: NDArray[np.int64]
    excluded: BoolArray

    @property
    def mean(self) -> FloatArray:
        """Mean rate; dims (voxel,), counts per pixel; 0 without pixels."""
        return np.asarray(self.counts / np.maximum(self.pixels, 1.0))

    def predict(
        self, use: BoolArray, todo: BoolArray, level: FloatArray, effective: FloatArray
    ) -> None:
        """Put into level and effective what :func:`.predicted_level` says."""
        predicted_level(
            self.pixels,
            self.counts,
            self.rows,
            self.offsets,
            use,
            todo,
            _SLOPE,
            level,
            effective,
        )


@dataclass(frozen=True)
class Excess:
    """Levels and significances; dims (voxel,) each, float64 unless said otherwise.

    Attributes
    ----------
    rate:
        Λ, the weighted median of the mean rates of the neighbours that are no outliers, and
        the level where they hold so few counts that their median says nothing; counts per
        pixel, positive.
    level:
        Rate predicted for the voxel from its neighbours, itself left out; counts per pixel,
        positive.
    significance:
        Sigma of a normal deviate as improbable as the counts.
    outlier:
        The significance reaches the threshold, or the voxel was excluded from the start; bool.
    """

    rate: FloatArray
    level: FloatArray
    significance: FloatArray
    outlier: BoolArray


def significance(
    counts: FloatArray, mean: FloatArray, relative_variance: FloatArray
) -> FloatArray:
    """Sigma of an excess over an uncertain Poisson mean.

    P(X >= N) = I_q(N, κ) with κ = 1/relative_variance and q = mean/(mean + κ): the upper tail
    of the negative binomial distribution (Abramowitz and Stegun 26.5.26), which is a Poisson
    distribution whose mean has a gamma distribution. The result is the normal deviate with the
    same tail.

    Parameters
    ----------
    counts:
        N; dims (voxel,), float64.
    mean:
        dims (voxel,), float64, counts, positive.
    relative_variance:
        Variance of the mean over its square; dims (voxel,), float64, positive.

    Returns
    -------
    :
        dims (voxel,), float64; where the counts are below the mean, 0; at most 38.
    """
    out = np.zeros(counts.shape)
    above = counts > mean
    n, m, shape = counts[above], mean[above], 1.0 / relative_variance[above]
    tail = betainc(n, shape, m / (m + shape))
    out[above] = np.clip(-ndtri(np.maximum(tail, 1e-315)), 0.0, 38.0)
    return out


def _informative(data: Counts, rate: FloatArray, use: BoolArray) -> BoolArray:
    """Tell where neighbours hold enough counts for a median of their rates."""
    number = median.ball_sum(np.ones(use.size), data.rows, use)
    pixels = median.ball_sum(data.pixels, data.rows, use)
    return (number > 0) & (rate * pixels >= _COUNTS_FOR_MEDIAN * number)


def _start(data: Counts, rate: FloatArray, use: BoolArray) -> tuple[FloatArray, FloatArray]:
    """First level and its weight in pixels.

    Where the median says nothing, the level of which the fraction of empty pixels is
    exp(-level): a peak may be as high as it likes, it only fills its pixels.
    """
    pixels = median.ball_sum(data.pixels, data.rows, use)
    empty = median.ball_sum(data.empty, data.rows, use)
    from_empty = -np.log((empty + 0.5) / (pixels + 1.0))
    level = np.where(_informative(data, rate, use), rate, np.maximum(rate, from_empty))
    # the variance of a median is π/2 times that of a mean
    return np.maximum(level, 0.5 / np.maximum(pixels, 1.0)), pixels * (2.0 / np.pi)


def _scatter(
    data: Counts, level: FloatArray, effective: FloatArray, use: BoolArray
) -> FloatArray:
    """How much more than Poisson's the local variance is, robustly; dims (voxel,), >= 1."""
    ones = np.ones(use.size)
    mean = level * data.pixels
    error = np.sqrt(mean * (1.0 + data.pixels / np.maximum(effective, 1.0)))
    deviate = (data.counts - mean) / np.maximum(error, 1e-12)
    spread = median.ball_deviation(deviate, ones, np.zeros(use.size), data.rows, use)
    variance = np.nan_to_num((1.4826 * spread) ** 2, nan=1.0)
    number = median.ball_sum(ones, data.rows, use)
    smooth = median.ball_sum(variance, data.rows, use) / np.maximum(number, 1.0)
    return np.maximum(smooth / _SCATTER_ALLOWANCE, 1.0)


def find_excess(data: Counts, threshold: float, rounds: int) -> Excess:
    """Significance of every voxel, with levels estimated anew until the outliers are stable.

    The first level is the weighted median of the neighbours' rates; later ones are linear fits
    to neighbours that are no outliers, so that a gradient across a one-sided neighbourhood
    does no harm. Outliers are chosen afresh in every round: a voxel that a poor first level
    made one comes back. The variance of the level, and what the neighbours scatter about
    their own levels beyond Poisson's statistics (1.5 times the variance is allowed), make the
    mean uncertain in :func:`significance`.

    Parameters
    ----------
    data:
        The voxels.
    threshold:
        Sigma from which a voxel is an outlier.
    rounds:
        How often at most levels are estimated anew.

    Returns
    -------
    :
        Levels, significances and outliers.
    """
    use = ~data.excluded
    todo = np.ones(use.size, dtype=bool)
    rate = np.zeros(use.size)
    median.ball_median(data.mean, data.pixels, data.rows, use, todo, rate)
    rate = np.nan_to_num(rate, nan=0.0)
    level, effective = _start(data, rate, use)
    scatter, sigma = np.ones(use.size), np.zeros(use.size)
    for round_ in range(rounds + 1):
        mean = np.maximum(level * data.pixels, 1e-300)
        poisson = 1.0 / np.maximum(level * effective, 0.5)
        variance = poisson + (scatter - 1.0) / np.maximum(mean, 1e-9)
        sigma[todo] = significance(data.counts[todo], mean[todo], variance[todo])
        now = (sigma < threshold) & ~data.excluded
        todo = median.ball_any(now != use, data.rows) if round_ else todo
        use = now
        if round_ == rounds or not todo.any():
            break
        data.predict(use, todo, level, effective)
        if round_ == 0:
            scatter = _scatter(data, level, effective, use)
    changed = median.ball_any(use == data.excluded, data.rows)
    median.ball_median(data.mean, data.pixels, data.rows, use, changed, rate)
    rate = np.nan_to_num(rate, nan=0.0)
    return Excess(np.where(_informative(data, rate, use), rate, level), level, sigma, ~use)
