"""Observations that their equivalents contradict."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ewaldite.crystal.symmetry import SpaceGroup
from ewaldite.diffuse.merging.blocks import Blocks
from ewaldite.diffuse.merging.merge_sums import Merger, MergeSums
from ewaldite.diffuse.merging.prepared import Prepared, asu_keys, weights
from ewaldite.diffuse.merging.survey import Survey
from ewaldite.diffuse.observations import Observations
from ewaldite.kernels import merge as column

FloatArray = NDArray[np.float64]
RowArray = NDArray[np.int32]

#: Name of the mask.
OUTLIER = "outlier"
#: Largest number of rounds of rejection.
ROUNDS = 5
# Residuals are about one by construction; candidates are kept beyond this part of k
_USUAL_RMS = 0.5
_SIGNAL = (column.W_COUNTS, column.W_BACKGROUND, column.W_OFFSET)


def residuals(
    prepared: Prepared, sums: MergeSums, row: RowArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Standardized residuals of observations against their merged voxel.

    ``(N - m) / √(v (1 - q / Σ q))`` with ``m = e a (I + c) + B``,
    ``v = m + V + (g e a (I + c))²`` and ``q = w e a``: the observation is part of its mean,
    whence the last factor. In the denominator V is predicted, and m is at least one count or,
    where it is less, the smooth prediction.

    Parameters
    ----------
    prepared:
        Observations, all or a part.
    sums:
        Sums over all of them.
    row:
        Voxel of each observation in the sums, if it is known; dims (voxel), int32.

    Returns
    -------
    :
        Residual, dimensionless, NaN where there is no equivalent observation, and the
        expected signal over its counting error, squared, ``(e a (I + c))² / (m + V)``; dims
        (voxel), float64.
    """
    o = prepared.observations
    if row is None:
        key, _ = asu_keys(o, sums.group, sums.friedel)
        row = np.searchsorted(sums.key, key).astype(np.int32)
    wanted = (*_SIGNAL, column.W_EXPOSURE, column.MULTIPLICITY)
    counts, dark, offset, norm, multiplicity = (sums.sums[row, i] for i in wanted)
    ea = prepared.scaled_exposure
    signal = ea * ((counts - dark - offset) / norm + prepared.offset)
    expected = signal + o.background
    least = np.minimum(prepared.predicted[:, 0], 1.0)
    counting = np.maximum(expected, least) + prepared.predicted[:, 2]
    variance = counting
    if prepared.error.size:
        variance = counting + (prepared.error * signal) ** 2
    leverage = np.minimum(weights(prepared, sums.estimator) * ea / norm, 1.0)
    z = np.full(len(o), np.nan)
    several = (multiplicity > 1) & (leverage < 1)
    np.divide(o.counts - expected, np.sqrt(variance * (1 - leverage)), out=z, where=several)
    return z, signal**2 / counting


def reject_outliers(blocks: Blocks, survey: Survey, k: float, rounds: int = ROUNDS) -> int:
    """Reject observations whose residual exceeds k times the rms of all, on either side.

    Memory is that of the voxels and of the few observations beyond half the limit.

    Parameters
    ----------
    blocks:
        The table; afterwards its ``rejected`` holds the mask.
    survey:
        Of the usable rows; the rejected ones are taken out.
    k:
        Multiple of the root mean square residual.
    rounds:
        Largest number of rounds, each of two passes; the last is the first that finds none.

    Returns
    -------
    :
        Number of rejected observations.
    """
    count = 0
    for _ in range(rounds):
        merger = Merger(survey, "ratio", 0)
        for block in blocks.predicted(survey.rates):
            merger.add(block)
        far = _far(blocks, survey, merger, k)
        if not far:
            break
        for block in far:
            survey.remove(block)
            blocks.reject(block.rows)
            count += len(block.rows)
    return count


def _far(
    blocks: Blocks, survey: Survey, merger: Merger, k: float, floor: float = _USUAL_RMS
) -> list[Prepared]:
    """Observations beyond k times the rms of all, which is known after the pass only."""
    square, number = 0.0, 0
    candidates: list[tuple[FloatArray, Prepared]] = []
    for block in blocks.predicted(survey.rates):
        z, _ = residuals(block, merger.sums, merger.rows(block))
        known = np.isfinite(z)
        square += float(np.sum(z[known] ** 2))
        number += int(known.sum())
        large = known & (np.abs(z) > k * floor)
        if np.any(large):
            candidates.append((z[large], block.select(large)))
    rms = np.sqrt(square / number) if number else np.inf
    if rms < floor:
        return _far(blocks, survey, merger, k, 0.999 * rms)
    found = [(np.abs(z) > k * rms, block) for z, block in candidates]
    return [block.select(far) for far, block in found if np.any(far)]


def mask_outliers(
    observations: Observations,
    group: SpaceGroup,
    *,
    k: float,
    rounds: int = ROUNDS,
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
    n = len(observations)
    a = np.ones(n) if scale is None else np.asarray(scale, dtype=np.float64)
    c = np.zeros(n) if offset is None else np.asarray(offset, dtype=np.float64)
    blocks = Blocks(lambda: [observations], lambda _: (a, c))
    survey = blocks.survey(group, friedel=friedel)
    reject_outliers(blocks, survey, k, rounds)
    return observations.with_mask(OUTLIER, blocks.rejected)
