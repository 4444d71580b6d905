"""Bragg intensities as densities on the grid of a map."""

from __future__ import annotations

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.crystal.asu import AsuMap
from ewaldite.crystal.symmetry import SpaceGroup
from ewaldite.diffuse.maps.common import inherited
from ewaldite.diffuse.observations import grid_coords
from ewaldite.errors import UserError
from ewaldite.model.grid import Grid
from ewaldite.model.sums import packed

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

_NEAR = 1e-3


def bragg_density(
    bragg: sc.DataArray, grid: Grid, group: SpaceGroup, *, friedel: bool = True
) -> sc.DataArray:
    """Spread Bragg intensities over the voxels at the nodes of the reciprocal lattice.

    A Bragg intensity is the integral over the spot in units of the reciprocal cell (on the
    absolute scale ``|F|²``). What is diffuse under the spot, the column ``diffuse``, is
    subtracted from it; a table without that column is taken as net. As a mean density in the
    voxel at the node, 1/N of a cell with ``N = nh nk nl``, it is ``I N``, so that the sum over
    the voxels of a cell divided by N is the integral over the cell again. Where the node lies
    on a corner, edge or face of voxels (mode ``split``, even n), those that meet there get
    equal shares.

    Parameters
    ----------
    bragg:
        Merged Bragg intensities; dims (voxel), whole ``h``, ``k``, ``l``, with variances.
        Masked and NaN rows are left out.
    grid:
        Grid of the map.
    group:
        Space group of the crystal.
    friedel:
        Whether Friedel mates were merged.

    Returns
    -------
    :
        dims (voxel), in the asymmetric unit; the unit of the intensities, coordinates of the
        grid.

    Raises
    ------
    UserError
        If an index is not whole, or the Laue group does not leave the grid invariant.
    """
    use = shown(bragg)
    hkl = np.stack([bragg.coords[x].values for x in "hkl"], axis=-1)[use]
    whole = np.rint(hkl)
    if np.abs(hkl - whole).max(initial=0.0) > _NEAR:
        bad = hkl[int(np.argmax(np.abs(hkl - whole).max(axis=1)))]
        raise UserError(
            "put Bragg intensities at the nodes",
            f"there is a row at hkl = {bad.round(4).tolist()}",
            "Give a table of Bragg reflections, as bragg_merged.nxs.",
        )
    corners = _around(grid)
    # numerator of the node is 2 n hkl, of the voxels about it up to one half voxel away
    node = 2 * np.asarray(grid.n) * whole.astype(np.int64)
    index = grid.from_numerator(node[:, None, :] + corners).reshape(-1, 3)
    factor = grid.voxels_per_cell / len(corners)
    under = _under(bragg)[use]
    values = np.repeat((bragg.values[use] - under) * factor, len(corners))
    variances = np.repeat(bragg.variances[use] * factor**2, len(corners))
    asu = AsuMap(grid, group)
    index, operation = asu(index)
    if not friedel and not group.is_centrosymmetric:
        mate = grid.from_numerator(-grid.numerator(index))
        index = np.where(asu.is_minus(operation)[:, None], mate, index)
    _, first = np.unique(packed(index), return_index=True)
    coords = grid_coords(grid, index[first]) | inherited(bragg)
    coords["space_group"] = sc.scalar(group.name)
    data = sc.array(
        dims=["voxel"], values=values[first], variances=variances[first], unit=bragg.unit
    )
    return sc.DataArray(data, coords=coords, name="Bragg intensity")


def shown(table: sc.DataArray) -> NDArray[np.bool_]:
    """Rows with a number that no mask excludes; dims (voxel), bool."""
    use = np.asarray(np.isfinite(table.values) & np.isfinite(table.variances))
    for mask in table.masks.values():
        use &= ~mask.values
    return use


def _under(bragg: sc.DataArray) -> FloatArray:
    """Diffuse scattering under each spot, zero where it is not known; dims (voxel)."""
    if "diffuse" not in bragg.coords:
        return np.zeros(len(bragg))
    return np.nan_to_num(np.asarray(bragg.coords["diffuse"].values, dtype=np.float64))


def _around(grid: Grid) -> IntArray:
    """Numerators of the voxels that meet at the origin; dims (voxel, 3), int64."""
    offset = grid.numerator(np.zeros(3, dtype=np.int64)) % 2
    sides = [np.array([-1, 1]) if odd else np.array([0]) for odd in offset]
    return np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, 3)
