"""Three simulated crystals as the reduction sees them, and how to compare with their truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.crystal.symmetry import SpaceGroup, space_group
from ewaldite.diffuse.bragg import COMPLETE
from ewaldite.diffuse.merging.correlation import cc_star
from ewaldite.diffuse.merging.prepared import asu_keys
from ewaldite.diffuse.merging.shells import isotropic_part
from ewaldite.diffuse.merging.statistics import HalfSets, cc_half
from ewaldite.diffuse.observations import INTENSITY_UNIT, Observations
from ewaldite.model.grid import Grid
from ewaldite.simulate.crystals import Crystals
from ewaldite.simulate.tables import BraggTable, ObservationTruth
from ewaldite.simulate.three_crystals import three_crystals

FloatArray = NDArray[np.float64]

RING = 0.01


@dataclass(frozen=True)
class World:
    """Crystals, what they count, and why."""

    crystals: Crystals
    observations: Observations
    truth: ObservationTruth
    bragg: BraggTable
    group: SpaceGroup

    def merged_truth(self, merged: sc.DataArray) -> tuple[FloatArray, FloatArray]:
        """Isotropic and anisotropic part in the voxels of a merged table."""
        hkl = np.stack([merged.coords[x].values for x in "hkl"], axis=1)
        return self.crystals.intensity(np.rint(hkl).astype(np.int64))

    def bragg_table(self) -> sc.DataArray:
        """The Bragg rows as the reduction writes them, those that are not whole masked."""
        b = self.bragg
        plain = ("fraction", "pixels", "ix", "iy", "iz")
        units = dict.fromkeys(plain, "one") | {"wedge": None, "sweep": None}
        units |= {"counts": "counts", "exposure": "mrad**2*s", "diffuse": INTENSITY_UNIT}
        coords = {
            name: sc.array(dims=["voxel"], values=getattr(b, name), unit=unit)
            for name, unit in units.items()
        }
        for i, name in enumerate("hkl"):
            column = b.index[:, i].astype(np.float64)
            coords[name] = sc.array(dims=["voxel"], values=column, unit="one")
        low, high = COMPLETE
        whole = (b.fraction >= low) & (b.fraction <= high)
        return sc.DataArray(
            sc.array(
                dims=["voxel"], values=b.intensity, variances=b.variance, unit=INTENSITY_UNIT
            ),
            coords=coords,
            masks={
                "partial": sc.array(dims=["voxel"], values=~whole),
                "no count": sc.array(dims=["voxel"], values=b.counts < 0),
            },
        )


def world(*, seed: int = 1, outliers: float = 0.05, **given: Any) -> World:
    """Draw a small world of some 150,000 observations of 1900 voxels."""
    crystals = three_crystals(**{"axes": (24.0, 28.0), "s_max": 0.6, "time": 0.05, **given})
    table, truth, bragg = crystals.observe(seed=seed, outliers=outliers)
    observations = Observations(grid=Grid((1, 1, 1)), **vars(table))
    return World(crystals, observations, truth, bragg, space_group("P 41"))


def freed(values: FloatArray, weight: FloatArray, s: FloatArray) -> FloatArray:
    """Values without their weighted mean in rings of |s|; NaN has no say and stays."""
    known = np.isfinite(values)
    ring = (s / RING).astype(np.int64)
    w = np.where(known, weight, 0.0)
    total = np.bincount(ring, w)
    mean = np.bincount(ring, w * np.where(known, values, 0.0)) / np.where(total > 0, total, 1.0)
    return np.asarray(values - mean[ring])


def log_error(found: FloatArray, truth: FloatArray, s: FloatArray) -> FloatArray:
    """ln(found / truth) of scales at observations, without what no observation can tell.

    One factor for all, and one function of |s| for all crystals alike, move the intensities
    and nothing that was counted.
    """
    return freed(np.log(found / truth), np.ones(len(s)), s)


def rms(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(values**2)))


@dataclass(frozen=True)
class ShellAgreement:
    """By shell: correlation with the true anisotropic part, CC* of the measured, voxels."""

    true: FloatArray
    star: FloatArray
    voxels: NDArray[np.int64]

    def faults(self) -> list[str]:
        """Shells in which the anisotropic map is not what CC* promises."""
        found = []
        for i, (cc, star, n) in enumerate(zip(self.true, self.star, self.voxels, strict=True)):
            sure = star >= 0.995 and n >= 500
            if (sure and cc < 0.99) or (not sure and abs(cc - star) > 0.02):
                found.append(f"shell {i}: CC_true {cc:.4f}, CC* {star:.4f}, {n} voxels")
        return found


def anisotropic_agreement(
    world: World, merged: sc.DataArray, edges: FloatArray, kind: HalfSets = "random"
) -> ShellAgreement:
    """Compare the anisotropic part of a merged table with its truth, in shells of |s|."""
    s, weight = merged.coords["s"].values, merged.coords["exposure"].values
    measured = freed(merged.values - isotropic_part(merged), weight, s)
    true = freed(world.merged_truth(merged)[1], weight, s)
    shell = np.searchsorted(edges, s, side="right") - 1
    rows = [shell == i for i in range(len(edges) - 1)]
    half = cc_half(merged, edges, kind, "anisotropic")
    return ShellAgreement(
        np.array([np.corrcoef(measured[r], true[r])[0, 1] for r in rows]),
        cc_star(half.value),
        np.array([r.sum() for r in rows]),
    )


@dataclass(frozen=True)
class Rejection:
    """Share of the planted outliers found, by sign, and share of the others rejected."""

    above: float
    below: float
    false: float


def rejection(world: World, rejected: NDArray[np.bool_], least: int = 4) -> Rejection:
    """How rejected observations agree with the planted, in voxels of some multiplicity."""
    key, _ = asu_keys(world.observations, world.group, friedel=True)
    _, voxel, number = np.unique(key, return_inverse=True, return_counts=True)
    many = number[voxel] >= least
    sign = world.truth.sign
    return Rejection(
        float(rejected[many & (sign > 0)].mean()),
        float(rejected[many & (sign < 0)].mean()),
        float(rejected[sign == 0].mean()),
    )


def chi2_against_truth(
    world: World, keep: NDArray[np.bool_], scale: FloatArray, offset: FloatArray
) -> float:
    """Mean squared deviation of the counts from what scale, offset and truth expect."""
    o = world.observations
    dark = o.background
    expected = o.exposure * scale * (world.truth.intensity + offset) + dark
    variance = expected + o.background_variance
    return float(np.mean(((o.counts - expected) ** 2 / variance)[keep]))
