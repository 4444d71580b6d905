"""Merged tables whose intensity is a known function of hkl."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipp as sc

from ewaldite.crystal.asu import AsuMap
from ewaldite.crystal.cell import orthogonalization
from ewaldite.crystal.symmetry import space_group
from ewaldite.diffuse.observations import INTENSITY_UNIT, grid_coords
from ewaldite.model.grid import Grid

CELL = {
    "P 1": np.array([8.1, 9.3, 10.7, 82.0, 103.0, 97.0]),
    "P 21 21 21": np.array([8.0, 9.0, 10.5, 90.0, 90.0, 90.0]),
    "I 2 3": np.array([10.0, 10.0, 10.0, 90.0, 90.0, 90.0]),
    "C 1 2 1": np.array([11.0, 8.0, 9.0, 90.0, 108.0, 90.0]),
    "R 3 2:H": np.array([9.0, 9.0, 14.0, 90.0, 90.0, 120.0]),
}
D_MIN = 2.0


def metric_of(cell: np.ndarray) -> np.ndarray:
    reciprocal = np.linalg.inv(orthogonalization(cell))
    return np.asarray(reciprocal @ reciprocal.T)


def sphere(
    name: str,
    grid: Grid,
    function: Callable[[np.ndarray, np.ndarray], np.ndarray],
    *,
    friedel: bool = True,
    sigma: float = 0.1,
) -> sc.DataArray:
    """Every voxel of the asymmetric unit within the sphere, each with its own variance."""
    group, metric = space_group(name), metric_of(CELL[name])
    asu = AsuMap(grid, group)
    low, high = asu.reach(metric, D_MIN)
    axes = [np.arange(a, b + 1) for a, b in zip(low, high, strict=True)]
    every = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    index, operation = asu(every)
    if not friedel and not group.is_centrosymmetric:
        mate = grid.from_numerator(-grid.numerator(index))
        index = np.where(asu.is_minus(operation)[:, None], mate, index)
    index = np.unique(index, axis=0)
    hkl = grid.centre(index)
    s = np.sqrt(np.einsum("ij,jk,ik->i", hkl, metric, hkl))
    index, hkl, s = (x[s <= 1 / D_MIN] for x in (index, hkl, s))
    coords = grid_coords(grid, index) | {"space_group": sc.scalar(name)}
    values = np.asarray(function(hkl, s), dtype=np.float64)
    noise = sigma**2 * (1 + np.arange(len(s)) % 3)
    return sc.DataArray(
        sc.array(dims=["voxel"], values=values, variances=noise, unit=INTENSITY_UNIT),
        coords=coords,
        name="intensity",
    )
