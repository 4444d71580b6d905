"""Observations that their equivalents contradict."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ewaldite.crystal.symmetry import SpaceGroup
from ewaldite.diffuse.merging.merge_sums import MergeSums
from ewaldite.diffuse.merging.prepared import Prepared, asu_keys, prepare, weights
from ewaldite.diffuse.observations import Observations
from ewaldite.kernels import merge as column

FloatArray = NDArray[np.float64]

#: Name of the mask.
OUTLIER = "outlier"


def residuals(prepared: Prepared, sums: MergeSums) -> FloatArray:
    """Standardized residuals of observations against their merged voxel.

    ``(N - m) / √((m + V)(1 - q / Σ q))`` with ``m = e a (I + c) + B`` and ``q = w e a``: the
    observation is part of its mean, whence the last factor. In the denominator V is predicted,
    and m is at least one count or, where it is less, the smooth prediction.

    Parameters
    ----------
    prepared:
        Observations, all or a part.
    sums:
        Sums over all of them.

    Returns
    -------
    :
        dims (voxel), dimensionless, float64; NaN where there is no equivalent observation.
    """
    o = prepared.observations
    key, _ = asu_keys(o, sums.group, sums.friedel)
    row = np.searchsorted(sums.key, key)
    t = sums.sums[row].T
    norm = t[column.W_EXPOSURE]
    intensity = (t[column.W_COUNTS] - t[column.W_BACKGROUND] - t[column.W_OFFSET]) / norm
    ea = o.exposure * prepared.scale
    expected = ea * (intensity + prepared.offset) + o.background
    least = np.minimum(prepared.predicted[:, 0], 1.0)
    variance = np.maximum(expected, least) + prepared.predicted[:, 2]
    leverage = np.minimum(weights(prepared, sums.estimator) * ea / norm, 1.0)
    out = np.full(len(o), np.nan)
    several = (t[column.MULTIPLICITY] > 1) & (leverage < 1)
    np.divide(o.counts - expected, np.sqrt(variance * (1 - leverage)), out=out, where=several)
    return out


def mask_outliers(
    observations: Observations,
    group: SpaceGroup,
    *,
    k: float,
    rounds: int = 5,
    scale: FloatArray | None = None,
    offset: FloatArray | None = None,
    friedel: bool = True,
) -> Observations:
    """Mask observations whose residual exceeds k times the rms of all, on either side.

    Parameters
    ----------
    observations:
        The table.
    group:
        Space group of the crystal.
    k:
        Multiple of the root mean square residual.
    rounds:
        Largest number of passes; the last is the first that finds none.
    scale, offset:
        As in :func:`~ewaldite.diffuse.merging.merge.merge`.
    friedel:
        Whether Friedel mates are merged.

    Returns
    -------
    :
        The same rows with the mask ``outlier``, whose sum is the count.
    """
    masked = observations.with_mask(OUTLIER, np.zeros(len(observations), np.bool_))
    for _ in range(rounds):
        prepared, _ = prepare(masked, scale, offset)
        sums = MergeSums.of(
            prepared,
            group,
            estimator="ratio",
            friedel=friedel,
            rng=np.random.default_rng(0),  # the half sets are not used
        )
        z = residuals(prepared, sums)
        known = np.isfinite(z)
        if not np.any(known):
            break
        far = np.zeros_like(known)
        far[known] = np.abs(z[known]) > k * np.sqrt(np.mean(z[known] ** 2))
        if not np.any(far):
            break
        found = np.zeros(len(observations), np.bool_)
        found[prepared.rows[far]] = True
        masked = masked.with_mask(OUTLIER, found)
    return masked
