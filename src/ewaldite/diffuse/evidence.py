"""What tells crystals apart that were indexed differently: intensity relative to its ring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.crystal.asu import AsuMap
from ewaldite.crystal.symmetry import SpaceGroup
from ewaldite.diffuse.isotropic import isotropic_curve
from ewaldite.diffuse.merging.merge_sums import MergeSums
from ewaldite.diffuse.merging.prepared import prepare
from ewaldite.diffuse.observations import Observations
from ewaldite.kernels import merge as column
from ewaldite.model.grid import Grid
from ewaldite.model.sums import packed

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

# Reliefs beyond this many standard deviations of their shell, as of a peak that was missed, are
# cut: a few of them would decide alone
_CLIP = 4.0
# and as often ring and spread are made anew without what was cut
_ROUNDS = 4
# Mean absolute deviation to standard deviation of a normal distribution
_NORMAL = float(np.sqrt(np.pi / 2))
# Shells wide enough for a mean of a sparse table
_WIDTH = 0.02
# Fewer voxels have no ring of their own
_LEAST = 20


@dataclass(frozen=True)
class Relief:
    """Anisotropic part of an intensity in units of its spread in the shell.

    Attributes
    ----------
    key:
        Packed voxels, ascending, each once; dims (voxel), int64.
    value:
        x; dims (voxel), float64.
    noise:
        Variance of x by the errors of the intensity, positive; dims (voxel), float64.
    """

    key: IntArray
    value: FloatArray
    noise: FloatArray

    @staticmethod
    def of(key: IntArray, s: FloatArray, intensity: FloatArray, variance: FloatArray) -> Relief:
        """Relief of merged intensities.

        Parameters
        ----------
        key:
            Packed voxels, each once; dims (voxel), int64.
        s:
            Length of the scattering vector; dims (voxel), 1/Å.
        intensity, variance:
            dims (voxel), float64, any unit.
        """
        if len(key) < _LEAST:
            return Relief(key[:0], intensity[:0], variance[:0])
        cut = intensity
        for _ in range(_ROUNDS):
            ring, _ = isotropic_curve(s, cut, width=_WIDTH).at(s)
            size, _ = isotropic_curve(s, np.abs(cut - ring), width=_WIDTH).at(s)
            spread = _NORMAL * size
            cut = np.clip(intensity, ring - _CLIP * spread, ring + _CLIP * spread)
        good = np.isfinite(cut) & (spread > 0) & (variance > 0)
        order = np.flatnonzero(good)[np.argsort(key[good])]
        ring, spread = ring[order], spread[order]
        return Relief(key[order], (cut[order] - ring) / spread, variance[order] / spread**2)

    @staticmethod
    def join(parts: Sequence[Relief]) -> Relief:
        """Mean of several, weighted with their inverse variances."""
        key = np.concatenate([p.key for p in parts])
        weight = np.concatenate([1.0 / p.noise for p in parts])
        unique, row = np.unique(key, return_inverse=True)
        total = np.bincount(row, weight, minlength=len(unique))
        value = np.bincount(
            row, weight * np.concatenate([p.value for p in parts]), minlength=len(unique)
        )
        return Relief(unique, value / total, 1.0 / total)


@dataclass(frozen=True)
class Evidence:
    """Reliefs of a crystal, by source, on voxels of the asymmetric unit.

    Attributes
    ----------
    reliefs:
        Of the diffuse intensity, and of Bragg intensities.
    """

    reliefs: tuple[Relief, Relief]

    @staticmethod
    def join(parts: Sequence[Evidence]) -> Evidence:
        """Evidence of several crystals as if they were one."""
        first, second = (Relief.join([p.reliefs[i] for p in parts]) for i in range(2))
        return Evidence((first, second))

    def correlation(self, other: Evidence) -> tuple[float, int, float]:
        """Correlation with another crystal over the voxels that both saw.

        Each pair has the weight ``1 / ((1 + r)(1 + r'))`` with the noise r of both, which is
        that of its likelihood ratio for a weak common relief.

        Parameters
        ----------
        other:
            On the same grid and asymmetric unit.

        Returns
        -------
        :
            Weighted correlation, NaN where it is not defined; pairs; and independent pairs,
            ``(Σ w)² / Σ w²``.
        """
        pairs = [_common(a, b) for a, b in zip(self.reliefs, other.reliefs, strict=True)]
        x, y, w = (np.concatenate([p[i] for p in pairs]) for i in range(3))
        if len(x) < 3:
            return np.nan, len(x), float(len(x))
        x, y = x - np.average(x, weights=w), y - np.average(y, weights=w)
        product = np.sqrt(np.sum(w * x * x) * np.sum(w * y * y))
        cc = float(np.sum(w * x * y) / product) if product > 0 else np.nan
        return cc, len(x), float(w.sum() ** 2 / np.sum(w * w))


def _common(a: Relief, b: Relief) -> tuple[FloatArray, FloatArray, FloatArray]:
    _, i, j = np.intersect1d(a.key, b.key, assume_unique=True, return_indices=True)
    return a.value[i], b.value[j], 1.0 / ((1 + a.noise[i]) * (1 + b.noise[j]))


def diffuse_relief(observations: Observations, group: SpaceGroup) -> Relief:
    """Relief of the diffuse intensity of observations, merged in the Laue group.

    Parameters
    ----------
    observations:
        Of one crystal, reindexed; masked rows are left out.
    group:
        Space group.
    """
    prepared, _ = prepare(observations, None, None)
    rng = np.random.default_rng(0)  # the half sets are not used
    sums = MergeSums.of(prepared, group, estimator="ratio", friedel=True, rng=rng)
    t = sums.sums.T
    # Expected, not observed, counts: a voxel without any has an error too
    variance = (t[column.W2_PREDICTED] + t[column.W2_PREDICTED_V]) / t[column.W_EXPOSURE] ** 2
    s = t[column.EXPOSURE_S] / t[column.EXPOSURE]
    return Relief.of(sums.key, s, sums.intensity, variance)


def bragg_relief(
    bragg: sc.DataArray | None,
    group: SpaceGroup,
    sweep: int,
    matrix: IntArray,
    metric: FloatArray,
) -> Relief:
    """Relief of the Bragg intensities of a sweep, merged with their exposures as weights.

    Parameters
    ----------
    bragg:
        Bragg table; masked rows are left out; None gives an empty relief.
    group:
        Space group.
    sweep:
        Number of the sweep.
    matrix:
        M, by which it is reindexed; dims (3, 3), int64.
    metric:
        Reciprocal metric tensor after reindexing; dims (3, 3), 1/Å².
    """
    if bragg is None:
        nothing = np.zeros(0)
        return Relief(np.zeros(0, dtype=np.int64), nothing, nothing)
    use = bragg.coords["sweep"].values == sweep
    use &= np.isfinite(bragg.values) & (bragg.variances > 0)
    for mask in bragg.masks.values():
        use &= ~mask.values
    hkl = np.stack([bragg.coords[x].values[use] for x in "hkl"], axis=1)
    moved = np.rint(hkl).astype(np.int64) @ matrix
    index, _ = AsuMap(Grid((1, 1, 1)), group)(moved)
    key, first, row = np.unique(packed(index), return_index=True, return_inverse=True)
    weight = bragg.coords["exposure"].values[use]
    total = np.bincount(row, weight, minlength=len(key))
    intensity = np.bincount(row, weight * bragg.values[use], minlength=len(key)) / total
    square = np.bincount(row, weight**2 * bragg.variances[use], minlength=len(key))
    at = index[first].astype(np.float64)
    s = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", at, metric, at), 0.0))
    return Relief.of(key, s, intensity, square / total**2)
