"""The filter for detectors that count: which voxels hold more than Poisson allows.

Two criteria, both against the local level Λ:

* a voxel's own counts N are significant against its neighbours: P(X >= N) of a negative
  binomial distribution (a Poisson one whose mean is uncertain) with the mean Λ·pixels;
* the divergence of the neighbourhoods from Poisson distributions, summed, falls when the voxel
  is taken out. By itself this one finds two thirds of what lies 6 sigma above the
  background if it stops at the first failure, and masks some per cent of a clean background if
  it does not; here it decides between two significances.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.excess import Counts, find_excess
from ewaldite.diffuse.filter_options import FilterOptions
from ewaldite.diffuse.histograms import Histograms
from ewaldite.kernels import divergence, median
from ewaldite.kernels.neighbours import ball_offsets, neighbour_rows

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class PoissonResult:
    """What the filter found; dims (voxel,) each.

    Attributes
    ----------
    significant, divergent:
        Masked by the one and by the other criterion, bool.
    rate:
        Λ, the weighted median of the mean rates, floored; float64, counts per pixel.
    level:
        Rate predicted for the voxel from its neighbours; float64, counts per pixel.
    significance:
        Sigma of a normal deviate as improbable as the counts; float64.
    divergence:
        Of the neighbourhood from Poisson(Λ), before voxels are taken out; float64, nats.
    divergence_change:
        Of the summed divergence when the voxel is taken out; float64, nats; NaN where it was
        not looked at.
    """

    significant: BoolArray
    divergent: BoolArray
    rate: FloatArray
    level: FloatArray
    significance: FloatArray
    divergence: FloatArray
    divergence_change: FloatArray


def _divergence(
    data: Counts,
    histogram: Histograms,
    moment: FloatArray,
    index: NDArray[np.int64],
    use: BoolArray,
    candidate: BoolArray,
    rate: FloatArray,
) -> tuple[BoolArray, FloatArray, FloatArray]:
    """Voxels that the divergence convicts; the divergences; their changes."""
    table = divergence.entropy_table()
    sparse, bins = histogram.parts, histogram.bins
    entropy = divergence.entropies(sparse, bins, data.rows, use, table)
    pooled = np.stack(
        [median.ball_sum(np.ascontiguousarray(m), data.rows, use) for m in moment.T], axis=1
    )
    before = divergence.divergences(entropy, pooled, rate)
    state = (use, data.rows, sparse, bins, moment, entropy, pooled, rate, table)
    change = divergence.removal_changes(candidate, *state)
    rows = np.flatnonzero(candidate & (change < 0))
    ties = tuple(index[rows, i] for i in (2, 1, 0))
    order = rows[np.lexsort((*ties, change[rows]))]
    return divergence.remove_in_order(order, False, *state), before, change


def poisson_filter(
    index: NDArray[np.int64],
    histogram: Histograms,
    overflow: NDArray[np.int64],
    overflow_sum: NDArray[np.int64],
    excluded: BoolArray,
    options: FilterOptions,
) -> PoissonResult:
    """Find the voxels that hold more than Poisson statistics of their surroundings allow.

    Parameters
    ----------
    index:
        Voxel indices, distinct; dims (voxel, 3), int64.
    histogram:
        (pixel, frame) pairs by count, voxel by voxel.
    overflow, overflow_sum:
        Pairs above the histogram and their summed counts; dims (voxel,), int64.
    excluded:
        Voxels that are outliers from the start and take no part in any level; dims (voxel,),
        bool.
    options:
        ``window``, ``threshold``, ``divergence_threshold`` and ``rounds`` are used.

    Returns
    -------
    :
        Masks and diagnostics.
    """
    offsets = ball_offsets(options.window)
    moment = divergence.moments(histogram.parts, histogram.bins)
    data = Counts(
        pixels=moment[:, 0] + overflow,
        counts=moment[:, 1] + overflow_sum,
        empty=histogram.empty,
        rows=neighbour_rows(index, offsets),
        offsets=offsets,
        excluded=excluded,
    )
    found = find_excess(data, options.threshold, options.rounds)
    candidate = ~found.outlier & (found.significance >= options.divergence_threshold)
    divergent, before, change = _divergence(
        data, histogram, moment, index, ~found.outlier, candidate, found.rate
    )
    return PoissonResult(
        significant=found.outlier & ~excluded,
        divergent=divergent,
        rate=found.rate,
        level=found.level,
        significance=found.significance,
        divergence=before,
        divergence_change=change,
    )
