"""Observations of several crystals, made from the formulas of the model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diffuse.scaling.tables import table
from ewaldite.diffuse.observations import Observations

FRAMES = 400


@dataclass(frozen=True)
class Simulated:
    """Observations and their truth.

    Attributes
    ----------
    observations:
        The table.
    scale, offset, intensity:
        a·b·d, c/b and I0 of each row.
    outlier:
        Rows that were spoilt.
    """

    observations: Observations
    scale: np.ndarray
    offset: np.ndarray
    intensity: np.ndarray
    outlier: np.ndarray


def simulate(
    n: int = 20_000,
    voxels: int = 2_500,
    *,
    counts: float = 800.0,
    batches: int = 3,
    terms: str = "abcd",
    outliers: float = 0.0,
    anisotropy: float = 0.5,
    relative_b: float = 0.0,
    seed: int = 1,
) -> Simulated:
    """Poisson counts under smooth terms; P 1, voxels with h > 0 in the asymmetric unit."""
    rng = np.random.default_rng(seed)
    side = int(np.ceil((2 * voxels) ** (1 / 3))) + 1
    place = rng.permutation(side**3 // 2)[:voxels]
    index = np.stack(
        [place // side**2 + 1, place // side % side - side // 2, place % side - side // 2], -1
    )
    radius = np.linalg.norm(index, axis=1)
    length = 0.7 * radius / radius.max()
    shape = 1.5 * np.exp(-(((length - 0.3) / 0.15) ** 2)) + 0.5
    true = shape * np.exp(anisotropy * rng.normal(size=voxels))
    voxel = rng.integers(0, voxels, n)
    sweep = rng.integers(0, batches, n).astype(np.int32)
    ix, iy = rng.uniform(0, 2462, n), rng.uniform(0, 2526, n)
    iz = rng.uniform(-0.5, FRAMES - 0.5, n)
    turn, x, y = iz / FRAMES, ix / 1231 - 1, iy / 1263 - 1
    s = length[voxel]
    one = np.ones(n)
    a = (
        np.exp(0.1 * x * np.cos(4 * turn + sweep) + 0.1 * y * np.sin(4 * turn))
        if "a" in terms
        else one
    )
    b = np.array([1.0, 0.5, 1.8, 0.8])[sweep] * np.exp(-0.4 * turn * (1 + sweep))
    b *= 1 + 0.1 * np.sin(9 * turn + sweep)
    c = 0 * one
    if "c" in terms:
        c = 0.4 * np.exp(-(((s - 0.3) / 0.15) ** 2)) * (1 + 0.6 * np.cos(5 * turn + 2 * sweep))
    panel = (np.floor(ix / 616) + 4 * np.floor(iy / 632)).clip(0, 15).astype(np.int32)
    gains = np.exp(0.05 * np.random.default_rng(5).normal(size=16))
    d = gains[panel] if "d" in terms else one
    loss = np.exp(-0.5 * relative_b * turn * s**2)
    exposure = counts * rng.gamma(8, 1 / 8, n)
    expected = exposure * a * d * (b * loss * true[voxel] + c)
    background = 0.2 * exposure
    observed = rng.poisson(expected + background).astype(float)
    spoilt = rng.random(n) < outliers
    sigma = np.sqrt(expected + background)
    away = rng.uniform(10, 30, n) * sigma * rng.choice([-1, 1], n)
    observed = np.where(spoilt, np.round(observed + away), observed)
    made = table(
        n,
        index=index[voxel].astype(np.int64),
        counts=observed,
        exposure=exposure,
        background=background,
        length=s,
        ix=ix,
        iy=iy,
        iz=iz,
        panel=panel,
        sweep=sweep,
    )
    return Simulated(made, a * b * d * loss, c / (b * loss), true[voxel], spoilt)


def spread(found: np.ndarray, true: np.ndarray) -> float:
    """Rms of ln(found / true), but for a common factor."""
    return float(np.log(found / true).std())
