"""A systematic error beside that of counting, found from the scatter of equivalents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.merging.blocks import Blocks
from ewaldite.diffuse.merging.merge_sums import Merger
from ewaldite.diffuse.merging.outliers import residuals
from ewaldite.diffuse.merging.prepared import Estimator, Prepared
from ewaldite.diffuse.merging.survey import Survey
from ewaldite.kernels import histogram as kernel
from ewaldite.kernels import merge as column

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
RowArray = NDArray[np.int32]

# Residuals beyond this many robust standard deviations of their bin do not take part
_CUT = 6.0
_ITERATIONS = 60


@dataclass(frozen=True)
class SystematicError:
    """Systematic errors of the sweeps, as parts of the scaled signal.

    The variance of an observation is ``m + V + g² S²`` counts² with the expected counts m, the
    variance V of the background and the expected signal ``S = e a (I + c)``.

    Attributes
    ----------
    value:
        g; dims (sweep), dimensionless, float64.
    uncertainty:
        Its standard deviation; same dims; NaN for g = 0.
    chi2_before, chi2_after:
        Mean square of the normalised residuals by counting errors alone, and with g; same dims.
    number:
        Residuals that took part; same dims, int64.
    """

    value: FloatArray
    uncertainty: FloatArray
    chi2_before: FloatArray
    chi2_after: FloatArray
    number: IntArray


def fit_error(table: FloatArray, by_sweep: bool = True) -> SystematicError:
    r"""Fit the systematic error to squared residuals in bins.

    Residuals z over counting errors, in bins of the expected squared signal to noise
    :math:`u = S^2/(m + V)`, have the variance :math:`1 + g^2 u`; both come from the merged
    intensity, not from the counts observed. The likelihood of normal residuals,

    .. math:: \ln L = -\tfrac12 \sum_b n_b
              \left(\ln(1 + g^2 u_b) + \frac{\langle z^2\rangle_b}{1 + g^2 u_b}\right),

    is maximised over :math:`g^2 \ge 0` by scoring. Residuals beyond six times the 68.3 %
    quantile of ``|z|`` in their bin are left out.

    Parameters
    ----------
    table:
        See ``kernels.histogram.add_residuals``; dims (sweep, signal bin, residual bin, 3).
    by_sweep:
        Whether each sweep has its own g; else one is fitted to all.

    Returns
    -------
    :
        dims (sweep); zero for a sweep without residuals.
    """
    sweeps = len(table)
    used = table if by_sweep else table.sum(axis=0, keepdims=True)
    fits = np.array([_fit(_trimmed(t)) for t in used])
    value, uncertainty, before, after, number = np.broadcast_to(fits.T, (5, max(sweeps, 1)))
    return SystematicError(
        value.copy(), uncertainty.copy(), before.copy(), after.copy(), number.astype(np.int64)
    )


def _trimmed(table: FloatArray) -> FloatArray:
    """Number, Σ z² and Σ u of each signal bin without its outliers; dims (signal bin, 3)."""
    edges = kernel.upper_edges()
    below = np.cumsum(table[..., kernel.NUMBER], axis=1)
    # the bin that holds the quantile: its upper edge is a limit that is generous by √2 at most
    robust = edges[np.argmax(below >= 0.683 * below[:, -1:], axis=1)]
    keep = edges[None, :] <= _CUT * robust[:, None]
    return np.asarray(np.sum(table * keep[..., None], axis=1))


def _fit(bins: FloatArray) -> tuple[float, float, float, float, float]:
    some = bins[bins[:, kernel.NUMBER] > 0]
    n = some[:, kernel.NUMBER]
    if n.sum() < 3:
        return 0.0, np.nan, np.nan, np.nan, float(n.sum())
    square, u = some[:, kernel.SQUARE] / n, some[:, kernel.SIGNAL] / n
    g2 = max(float(np.sum(n * u * (square - 1)) / max(np.sum(n * u * u), 1e-300)), 0.0)
    information = 0.0
    for _ in range(_ITERATIONS):
        variance = 1 + g2 * u
        information = float(np.sum(0.5 * n * (u / variance) ** 2))
        score = float(np.sum(0.5 * n * u * (square / variance - 1) / variance))
        if information == 0:
            break
        step = score / information
        # scoring overshoots from far below; halving towards zero keeps g² positive
        new = max(g2 + step, 0.5 * g2 if g2 > 1e-12 else 0.0)
        if abs(new - g2) <= 1e-9 * max(new, 1e-12):
            g2 = new
            break
        g2 = new
    if g2 < 1e-10:
        g2 = 0.0
    g = float(np.sqrt(g2))
    sigma = 0.5 / (g * np.sqrt(information)) if g > 0 and information > 0 else np.nan
    mean_before = float(np.sum(n * square) / n.sum())
    mean_after = float(np.sum(n * square / (1 + g2 * u)) / n.sum())
    return g, sigma, mean_before, mean_after, float(n.sum())


def find_error(
    blocks: Blocks,
    survey: Survey,
    estimator: Estimator,
    *,
    by_sweep: bool = True,
    rounds: int = 8,
) -> SystematicError:
    """Find the systematic errors of a table of observations.

    The merged intensity is weighted with the errors found so far, and what the errors of the
    others add to a residual is taken out of it. The fit is repeated, in two passes each,
    until no error changes by more than a fiftieth and a thousandth.

    Parameters
    ----------
    blocks:
        The table.
    survey:
        Of its usable rows.
    estimator:
        Weights of the merge.
    by_sweep:
        Whether each sweep has its own.
    rounds:
        How often it is fitted at most.

    Returns
    -------
    :
        dims (sweep).
    """
    found = _round(blocks, survey, estimator, by_sweep, None)
    for _ in range(rounds - 1):
        before = found.value
        found = _round(blocks, survey, estimator, by_sweep, before)
        if np.all(np.abs(found.value - before) <= 0.02 * before + 0.001):
            break
    return found


def _round(
    blocks: Blocks,
    survey: Survey,
    estimator: Estimator,
    by_sweep: bool,
    error: FloatArray | None,
) -> SystematicError:
    merger = Merger(survey, estimator, 0, with_error=error is not None)
    for block in blocks.predicted(survey.rates, error):
        merger.add(block)
    sweeps = survey.rates.table.shape[1]
    table = np.zeros((sweeps, kernel.SIGNAL_BINS, kernel.RESIDUAL_BINS, 3))
    variance = merger.sums.variance_of_mean
    for block in blocks.predicted(survey.rates, error):
        row = merger.rows(block)
        z, signal = residuals(block, merger.sums, row)
        if block.error.size:
            z = z * as_if_alone(block, merger, row, variance, signal)
        kernel.add_residuals(block.observations.sweep, z, signal, table)
    return fit_error(table, by_sweep)


def as_if_alone(
    block: Prepared, merger: Merger, row: RowArray, variance: FloatArray, signal: FloatArray
) -> FloatArray:
    """Factors that make standardized residuals those over counting errors alone.

    The residual of an observation has the variance ``v (1 - 2 p) + var I`` with its part p of
    the mean, whatever the weights and the errors of the others; it is made ``1 + g² u`` times
    that of counting.

    Parameters
    ----------
    block:
        Observations.
    merger:
        Sums over all of them.
    row:
        Voxel of each; dims (voxel), int32.
    variance:
        Variance of the merged intensity of a voxel; dims (voxel), float64.
    signal:
        u, the squared signal over counting error; dims (voxel), float64.

    Returns
    -------
    :
        dims (voxel), float64.
    """
    ea = block.scaled_exposure
    part = merger.weights(block) * ea / merger.sums.sums[row, column.W_EXPOSURE]
    level = merger.sums.intensity[row] + block.offset
    systematic = block.error**2 * signal
    # v from u = (e a level)² / (m + V)
    own = np.full(len(row), np.nan)
    np.divide(level**2 * (1 + systematic), signal, out=own, where=signal > 0)
    expected = own * (1 - 2 * part) + variance[row]
    factor = np.ones(len(row))
    np.divide(own * (1 - part), expected, out=factor, where=expected > 0)
    return np.asarray(np.sqrt(np.maximum(factor, 0.0) * (1 + systematic)))
