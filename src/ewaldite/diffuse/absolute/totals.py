"""The coarse tables that the absolute scale adds up: diffuse voxels and Bragg reflections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipp as sc
from numpy.typing import ArrayLike, NDArray

from ewaldite.crystal.asu import AsuMap
from ewaldite.crystal.cell import orthogonalization
from ewaldite.crystal.symmetry import SpaceGroup
from ewaldite.diffuse.observations import grid_of, index_of
from ewaldite.errors import UserError
from ewaldite.model.grid import Grid
from ewaldite.model.sums import packed

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_CELLS = Grid((1, 1, 1))


@dataclass(frozen=True)
class Rows:
    """Intensities of the asymmetric unit with the number of their images.

    Attributes
    ----------
    index:
        Voxel, or hkl of a reflection; dims (row, 3), int64.
    s:
        Length of the scattering vector at the centre; dims (row), 1/Å.
    weight:
        Images in reciprocal space that the row stands for; dims (row), float64.
    value, variance:
        dims (row), float64; NaN where the intensity is not known.
    common:
        Error that all rows have together, from a scale factor; dims (row), float64.
    """

    index: IntArray
    s: FloatArray
    weight: FloatArray
    value: FloatArray
    variance: FloatArray
    common: FloatArray

    def select(self, rows: BoolArray) -> Rows:
        """Rows where the mask is true."""
        columns = (self.s, self.weight, self.value, self.variance, self.common)
        return Rows(self.index[rows], *(column[rows] for column in columns))


def diffuse_rows(table: sc.DataArray, cell: ArrayLike, group: SpaceGroup) -> Rows:
    """Rows of the merged table, without the origin, where F(000) lies.

    Friedel mates that were kept apart share the weight of their voxel.

    Parameters
    ----------
    table:
        Merged on the grid of the scaling; masked rows are left out.
    cell:
        a, b, c, α, β, γ; Å and degrees.
    group:
        Space group of the crystal.

    Returns
    -------
    :
        The rows.

    Raises
    ------
    UserError
        The table has no variances or no row, or the Laue group does not leave its grid
        invariant.
    """
    values, variances = _numbers(table, "diffuse")
    keep = _unmasked(table) & np.isfinite(values)
    columns = (values[keep], variances[keep], np.zeros(np.count_nonzero(keep)))
    return _rows(grid_of(table), index_of(table)[keep], columns, cell, group)


def bragg_rows(
    table: sc.DataArray, diffuse: Rows, grid: Grid, cell: ArrayLike, group: SpaceGroup
) -> Rows:
    """Bragg intensities of all reflections whose cell was seen, without the origin.

    An intensity is the integral over the spot in units of the volume of the reciprocal cell
    (:mod:`ewaldite.diffuse.bragg`), so it adds to the mean over the cell. Where the table
    has ``diffuse``, the part of it that is diffuse scattering under the spot, it is subtracted:
    the mean of the diffuse table stands for the whole cell already. A reflection that is in the
    table masked or without a number is not known; one that is not in the table but whose
    voxel was seen had no spot to take out, and is zero.

    Parameters
    ----------
    table:
        Merged Bragg table; a coordinate ``common`` holds errors that its rows have together.
    diffuse:
        Rows of the diffuse table.
    grid:
        Their grid.
    cell:
        a, b, c, α, β, γ; Å and degrees.
    group:
        Space group of the crystal.

    Returns
    -------
    :
        The rows.

    Raises
    ------
    UserError
        The table has no variances.
    """
    values, variances = _numbers(table, "Bragg")
    values = np.where(_unmasked(table), values, np.nan)
    if "diffuse" in table.coords:
        under = table.coords["diffuse"].values
        values = values - np.where(np.isfinite(under), under, 0.0)
    hkl = np.stack([np.rint(table.coords[x].values) for x in "hkl"], axis=1).astype(np.int64)
    seen = np.unique(grid.cell(diffuse.index), axis=0)
    asu = AsuMap(_CELLS, group)
    seen, own = asu(seen)[0], asu(hkl)[0]
    silent = np.unique(seen[~np.isin(packed(seen), packed(own))], axis=0)
    none = np.zeros(len(silent))
    common = table.coords["common"].values if "common" in table.coords else 0 * variances
    columns = tuple(np.concatenate([c, none]) for c in (values, variances, common))
    return _rows(_CELLS, np.concatenate([own, silent]), columns, cell, group)


def lengths(grid: Grid, index: IntArray, cell: ArrayLike) -> FloatArray:
    """Length of the scattering vector at the centre of voxels, ``|hkl · O⁻¹|``.

    Parameters
    ----------
    grid, index:
        The voxels; dims (voxel, 3), int64.
    cell:
        a, b, c, α, β, γ; Å and degrees.

    Returns
    -------
    :
        dims (voxel), 1/Å, float64.
    """
    basis = np.linalg.inv(orthogonalization(cell))
    return np.asarray(np.linalg.norm(grid.centre(index) @ basis, axis=-1))


def _rows(
    grid: Grid,
    index: IntArray,
    columns: tuple[FloatArray, ...],
    cell: ArrayLike,
    group: SpaceGroup,
) -> Rows:
    asu = AsuMap(grid, group)
    keys = packed(asu(index)[0])
    _, place, shared = np.unique(keys, return_inverse=True, return_counts=True)
    weight = asu.multiplicity(index) / shared[place]
    origin = np.all(index == grid.index(np.zeros(3)), axis=1)
    rows = Rows(index, lengths(grid, index, cell), weight, *columns)
    return rows.select(~origin)


def _unmasked(table: sc.DataArray) -> BoolArray:
    good = np.ones(len(table), dtype=np.bool_)
    for mask in table.masks.values():
        good &= ~mask.values
    return good


def _numbers(table: sc.DataArray, what: str) -> tuple[FloatArray, FloatArray]:
    if table.variances is None or len(table) == 0:
        raise UserError(
            "find the absolute scale",
            f"the merged {what} table has no {'rows' if len(table) == 0 else 'variances'}",
            "Give the tables that scaling and merging wrote.",
        )
    return table.values.astype(np.float64), table.variances.astype(np.float64)
