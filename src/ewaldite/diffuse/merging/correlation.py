"""Correlation of intensities, from sums, with its confidence interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from ewaldite.kernels import quality as kernel

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

#: Central probability of the confidence interval of a correlation.
CONFIDENCE = 0.95
#: Independent pairs below which a correlation says little; it is masked.
FEW_PAIRS = 25
#: Name of that mask.
TOO_FEW = "few pairs"


@dataclass(frozen=True)
class Correlation:
    """Pearson's correlation of many groups of pairs, with its confidence interval.

    Attributes
    ----------
    value:
        -1 … 1, NaN where it is not defined; any dims, float64.
    lower, upper:
        Ends of the interval, see :func:`fisher_interval`; same dims.
    pairs:
        Number of pairs; same dims, int64.
    few:
        Where the pairs are too few for the correlation to mean much; same dims, bool.
    """

    value: FloatArray
    lower: FloatArray
    upper: FloatArray
    pairs: IntArray
    few: BoolArray


def fisher_interval(
    cc: ArrayLike, pairs: ArrayLike, confidence: float = CONFIDENCE
) -> tuple[FloatArray, FloatArray]:
    r"""Confidence interval of a correlation, ``tanh(artanh CC ± q / √(n - 3))``.

    Fisher's transformation (Metron 1 (1921) 3) makes the correlation of n pairs of normally
    distributed values nearly normal with the standard deviation ``1/√(n - 3)``; q is the
    quantile of the normal distribution. For intensities with a longer tail than normal the
    interval is too narrow.

    Parameters
    ----------
    cc:
        -1 … 1; any dims.
    pairs:
        Independent pairs n; same dims.
    confidence:
        Central probability.

    Returns
    -------
    :
        Lower and upper end; same dims, float64; NaN for fewer than four pairs.
    """
    r, n = np.broadcast_arrays(np.asarray(cc, np.float64), np.asarray(pairs, np.float64))
    # artanh(±1) is infinite; one unit in the last place less keeps it finite
    z = np.arctanh(np.clip(r, -1 + 1e-15, 1 - 1e-15))
    half = np.full(r.shape, np.nan)
    np.sqrt(n - 3, out=half, where=n > 3)
    half = float(ndtri(0.5 + confidence / 2)) / half
    return np.tanh(z - half), np.tanh(z + half)


def cc_star(cc: ArrayLike) -> FloatArray:
    """Correlation with the unknown truth, ``√(2 CC1/2 / (1 + CC1/2))``; NaN for CC1/2 < 0.

    Karplus & Diederichs, Science 336 (2012) 1030.

    Parameters
    ----------
    cc:
        CC1/2; any dims.

    Returns
    -------
    :
        CC*; same dims, float64.
    """
    x = np.asarray(cc, dtype=np.float64)
    out = np.full_like(x, np.nan)
    good = x >= 0
    np.sqrt(2 * x, out=out, where=good)
    np.divide(out, np.sqrt(1 + x, where=good, out=np.ones_like(x)), out=out, where=good)
    return out


def correlation(first: FloatArray, second: FloatArray) -> float:
    """Pearson's correlation of the pairs without NaN; NaN for fewer than three of them.

    Parameters
    ----------
    first, second:
        dims (voxel), float64.

    Returns
    -------
    :
        -1 … 1, or NaN where it is not defined.
    """
    both = np.isfinite(first) & np.isfinite(second)
    x, y = first[both], second[both]
    if x.size < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])


def pair_sums(
    first: FloatArray,
    second: FloatArray,
    cell: IntArray,
    cells: int,
    weight: FloatArray | None = None,
    *,
    sums: FloatArray | None = None,
) -> FloatArray:
    """Sums over pairs, cell by cell.

    Parameters
    ----------
    first, second:
        x and y; dims (pair), float64; pairs with NaN are left out.
    cell:
        Cell of each pair, negative for none; dims (pair), int64.
    cells:
        Number of cells.
    weight:
        w; dims (pair), float64; ones if None.
    sums:
        Sums that these pairs are added to; of nothing if None.

    Returns
    -------
    :
        Σ 1, Σ w, Σ w², Σ w x, Σ w y, Σ w x², Σ w y², Σ w x y; dims (cell, 8), float64.
    """
    if sums is None:
        sums = np.zeros((cells, kernel.PAIRS))
    w = np.ones(len(first)) if weight is None else weight
    kernel.add_pairs(cell.astype(np.int64), first, second, w, sums)
    return sums


def pooled(sums: FloatArray) -> Correlation:
    """Correlation within cells, pooled over cells.

    ``Σ S_xy / √(Σ S_xx Σ S_yy)`` over the cells of a group, with ``S_xy = Σ w x y - Σ w x Σ w y
    / Σ w`` of each: what varies from cell to cell, as the isotropic part does between thin
    shells, does not count. One cell gives Pearson's (weighted) correlation. The independent
    pairs are ``(Σ w)² / Σ w²`` less one for every further cell.

    Parameters
    ----------
    sums:
        See :func:`pair_sums`; dims (..., cell, 8).

    Returns
    -------
    :
        dims (...).
    """
    number, w, ww, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    some = w > 0
    per = np.where(some, w, 1.0)
    square_x = np.maximum(xx - x**2 / per, 0.0)
    square_y = np.maximum(yy - y**2 / per, 0.0)
    # what is left of a sum of squares after subtracting the mean's is rounding
    square_x = np.where(square_x > 1e-13 * xx, square_x, 0.0).sum(axis=-1)
    square_y = np.where(square_y > 1e-13 * yy, square_y, 0.0).sum(axis=-1)
    cross = (xy - x * y / per).sum(axis=-1)
    product = np.sqrt(square_x * square_y)
    pairs = number.sum(axis=-1)
    all_w, all_ww = w.sum(axis=-1), ww.sum(axis=-1)
    free = np.zeros_like(all_w)
    np.divide(all_w**2, all_ww, out=free, where=all_ww > 0)
    free -= np.maximum(some.sum(axis=-1) - 1, 0)
    value = np.full(pairs.shape, np.nan)
    np.divide(cross, product, out=value, where=(product > 0) & (free > 2))
    value = np.clip(value, -1.0, 1.0)
    lower, upper = fisher_interval(value, free)
    return Correlation(value, lower, upper, pairs.astype(np.int64), free < FEW_PAIRS)
