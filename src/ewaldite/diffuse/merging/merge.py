"""Step 6: merge the observations that symmetry makes equal."""

from __future__ import annotations

from typing import Literal

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.crystal.symmetry import SpaceGroup
from ewaldite.diffuse.merging.merge_sums import HALVES, MergeSums
from ewaldite.diffuse.merging.prepared import Estimator, prepare
from ewaldite.diffuse.merging.rates import SHELL_WIDTH
from ewaldite.diffuse.observations import INTENSITY_UNIT, Observations, grid_coords
from ewaldite.kernels import merge as column
from ewaldite.model.uncertainty import difference, weighted_counts

FloatArray = NDArray[np.float64]
Noise = Literal["poisson", "empirical"]

# Degrees of freedom that the scatter of the shell counts for in empirical errors
_POOLED = 3.0


def merge(
    observations: Observations | sc.DataArray,
    group: SpaceGroup,
    *,
    estimator: Estimator = "ratio",
    noise: Noise = "poisson",
    friedel: bool = True,
    scale: FloatArray | None = None,
    offset: FloatArray | None = None,
    rng: np.random.Generator,
) -> sc.DataArray:
    """Merge a table of observations in the Laue group.

    An observation has expected counts ``e a (I + c) + B`` with exposure e, scale a,
    offset c and background B; the estimate of I is ``Σ w (N - B - e a c) / Σ w e a``
    with the weights of :func:`~ewaldite.diffuse.merging.prepared.weights`. A table larger
    than memory is merged by :func:`~ewaldite.diffuse.merging.stream.merge_blocks`.

    Parameters
    ----------
    observations:
        The table, or what its ``to_scipp`` made; masked rows and rows without exposure are
        left out.
    group:
        Space group of the crystal.
    estimator:
        ``"ratio"`` of weighted sums of counts and exposure, unbiased however few the counts;
        ``"inverse_variance"`` mean of intensities, biased below some 20 counts.
    noise:
        Error bars from counting statistics, ``"poisson"``, or from the scatter of equivalent
        observations, ``"empirical"``, for detectors that do not count photons.
    friedel:
        Whether Friedel mates are merged.
    scale:
        Factors a; dims (voxel), float64; ones if None. Rows with a ≤ 0 are left out.
    offset:
        Offsets c; dims (voxel), counts/mrad²/s, float64; zeros if None.
    rng:
        Generator for random half sets.

    Returns
    -------
    :
        The merged table; see :func:`finish`.

    Raises
    ------
    UserError
        The Laue group does not leave the grid invariant, or the table lacks a column.
    """
    if isinstance(observations, sc.DataArray):
        observations = Observations.from_scipp(observations)
    prepared, _ = prepare(observations, scale, offset)
    sums = MergeSums.of(prepared, group, estimator=estimator, friedel=friedel, rng=rng)
    return finish(sums, noise)


def finish(sums: MergeSums, noise: Noise = "poisson") -> sc.DataArray:
    """Turn sums into intensities with error bars.

    Variance: ``Σ w² (N + V) / (Σ w e a)²``; where nothing was counted, the predicted counts
    (and background) stand in. Interval: Garwood's on the effective counts below 50, plus or
    minus one standard deviation above, for counts and for background, whose distances are
    combined for the difference. With ``noise="empirical"`` and for the inverse-variance mean it
    is plus or minus one standard deviation.

    Parameters
    ----------
    sums:
        Sums over all observations.
    noise:
        Where the error bars come from.

    Returns
    -------
    :
        dims (voxel); data ``intensity`` with variances, counts/mrad²/s; coordinates ``h``,
        ``k``, ``l`` (float), ``s`` (exposure-weighted mean length, 1/Å), ``lower``, ``upper``
        (counts/mrad²/s), ``counts``, ``background``, ``exposure``, ``fraction`` (summed),
        ``multiplicity`` (observations), ``chi2`` and ``chi2_expected`` (weighted scatter of
        the observations and its expected value), ``random_a``, ``random_b``,
        ``weighted_a`` … ``friedel_b`` (half sets, NaN where one is empty), ``space_group``.
    """
    t = sums.sums.T
    intensity = sums.intensity
    systematic = sums.systematic_variance
    scatter, expected = _scatter(t, intensity, systematic)
    variance = _variance(t, scatter, systematic, noise)
    if noise == "empirical" or sums.estimator == "inverse_variance":
        below = above = np.sqrt(variance)
    else:
        below, above = (np.sqrt(x**2 + systematic) for x in _distances(t))
    rate = {"lower": intensity - below, "upper": intensity + above}
    for i, name in enumerate(HALVES):
        first, second = _halves(t, i, intensity)
        rate |= {f"{name}_a": first, f"{name}_b": second}
    coords = grid_coords(sums.grid, sums.index)
    coords |= {name: _column(x, INTENSITY_UNIT) for name, x in rate.items()}
    coords |= {
        "s": _column(t[column.EXPOSURE_S] / t[column.EXPOSURE], "1/angstrom"),
        "counts": _column(t[column.COUNTS].copy(), "counts"),
        "background": _column(t[column.BACKGROUND].copy(), "counts"),
        "exposure": _column(t[column.EXPOSURE].copy(), "mrad**2*s"),
        "fraction": _column(t[column.FRACTION].copy(), "one"),
        "multiplicity": _column(t[column.MULTIPLICITY].astype(np.int64), None),
        "chi2": _column(scatter, "one"),
        "chi2_expected": _column(expected, "one"),
        "space_group": sc.scalar(sums.group.name),
    }
    data = sc.array(dims=["voxel"], values=intensity, variances=variance, unit=INTENSITY_UNIT)
    return sc.DataArray(data, coords=coords, name="intensity")


def _column(values: NDArray[np.float64] | NDArray[np.int64], unit: str | None) -> sc.Variable:
    return sc.array(dims=["voxel"], values=values, unit=unit)


def _variance(
    t: FloatArray, scatter: FloatArray, systematic: FloatArray, noise: Noise
) -> FloatArray:
    if noise == "poisson":
        return _poisson_variance(t) + systematic
    return _empirical_variance(t, scatter)


def _poisson_variance(t: FloatArray) -> FloatArray:
    counted = np.where(t[column.COUNTS] > 0, t[column.W2_COUNTS], t[column.W2_PREDICTED])
    dark = np.where(t[column.BACKGROUND] > 0, t[column.W2_BACKGROUND], t[column.W2_PREDICTED_V])
    return np.asarray((counted + dark) / t[column.W_EXPOSURE] ** 2)


def _distances(t: FloatArray) -> tuple[FloatArray, FloatArray]:
    dark_unit = np.zeros(t.shape[1])
    np.divide(
        t[column.W2_PREDICTED_V],
        t[column.W_PREDICTED_B],
        out=dark_unit,
        where=t[column.W_PREDICTED_B] > 0,
    )
    counted = weighted_counts(
        t[column.W_COUNTS],
        t[column.W2_COUNTS],
        t[column.W2_PREDICTED] / t[column.W_PREDICTED],
    )
    dark = weighted_counts(t[column.W_BACKGROUND], t[column.W2_BACKGROUND], dark_unit)
    below, above = difference(counted, dark)
    return below / t[column.W_EXPOSURE], above / t[column.W_EXPOSURE]


def _scatter(
    t: FloatArray, intensity: FloatArray, systematic: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """``Σ q (x - I)²`` with ``q = w e a`` and its mean ``Σ q var(x) - Σ q² var(x) / Σ q``.

    The part of a systematic error in the latter is that of n observations of equal weight,
    ``n - 1`` times their ``q var(x)``.
    """
    norm = t[column.W_EXPOSURE]
    several = t[column.MULTIPLICITY] > 1
    scatter = t[column.W_SQUARE] - intensity**2 * norm
    expected = t[column.W_VARIANCE] - (t[column.W2_COUNTS] + t[column.W2_BACKGROUND]) / norm
    expected = expected + systematic * norm * (t[column.MULTIPLICITY] - 1)
    scatter = np.where(several, np.maximum(scatter, 0.0), 0.0)
    return scatter, np.where(several, np.maximum(expected, 0.0), 0.0)


def _empirical_variance(t: FloatArray, scatter: FloatArray) -> FloatArray:
    """Scatter per degree of freedom over Σ w e a, drawn towards that of the shell.

    The shell's counts as much as three more observations: the scatter of a few is by chance
    often far too small.
    """
    free = t[column.MULTIPLICITY] - 1
    shell = (t[column.EXPOSURE_S] / t[column.EXPOSURE] / SHELL_WIDTH).astype(np.int64)
    top = np.convolve(np.bincount(shell, scatter, minlength=1), [1.0, 4.0, 6.0, 4.0, 1.0])[2:-2]
    bottom = np.convolve(np.bincount(shell, free, minlength=1), [1.0, 4.0, 6.0, 4.0, 1.0])[2:-2]
    some = bottom > 0
    if not np.any(some):
        return _poisson_variance(t)
    shells = np.arange(bottom.size)
    pooled = np.interp(shells, shells[some], top[some] / bottom[some])[shell]
    per_freedom = (scatter + _POOLED * pooled) / (free + _POOLED)
    return np.asarray(per_freedom / t[column.W_EXPOSURE])


def _halves(t: FloatArray, kind: int, intensity: FloatArray) -> tuple[FloatArray, FloatArray]:
    norm = t[column.W_EXPOSURE]
    top, bottom = t[column.HALVES + 2 * kind], t[column.HALVES + 2 * kind + 1]
    # what is left of a sum after subtracting all of it is rounding
    both = (bottom > 1e-9 * norm) & (norm - bottom > 1e-9 * norm)
    first = np.full_like(norm, np.nan)
    second = np.full_like(norm, np.nan)
    np.divide(top, bottom, out=first, where=both)
    np.divide(intensity * norm - top, norm - bottom, out=second, where=both)
    return first, second
