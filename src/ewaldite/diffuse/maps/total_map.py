"""Diffuse and Bragg intensity together."""

from __future__ import annotations

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.crystal.asu import AsuMap
from ewaldite.crystal.symmetry import SpaceGroup
from ewaldite.diffuse.isotropic import isotropic_curve
from ewaldite.diffuse.maps.bragg_map import shown
from ewaldite.diffuse.maps.common import inherited
from ewaldite.diffuse.merging.statistics import length_at_centre
from ewaldite.diffuse.observations import grid_coords, grid_of, index_of
from ewaldite.errors import UserError
from ewaldite.io.nexus.layout import intensity_unit
from ewaldite.model.sums import packed

FloatArray = NDArray[np.float64]


def total_density(
    diffuse: sc.DataArray,
    bragg: sc.DataArray,
    isotropic: sc.DataArray,
    variational: sc.DataArray,
    group: SpaceGroup,
    metric: FloatArray,
) -> sc.DataArray:
    """Add diffuse and Bragg density.

    The diffuse intensity of a voxel stands for the whole voxel, also where the filter took a
    part of it out; the Bragg density is added. In a voxel at a node that was taken out as a
    whole the isotropic part stands in for the diffuse intensity, and the mean square of the
    variational part in its shell for the variance. (What the Bragg table holds as diffuse under
    the spot would not do: it still has the offset of the scaling model and, on the absolute
    scale, the incoherent scattering.) Other voxels that were taken out stay absent.

    Parameters
    ----------
    diffuse:
        Merged table; dims (voxel). Masked and NaN rows are left out.
    bragg:
        See :func:`~ewaldite.diffuse.maps.bragg_map.bragg_density`; dims (voxel), on the same
        grid.
    isotropic, variational:
        Parts of the merged table, see
        :func:`~ewaldite.diffuse.maps.parts.isotropic_parts`; dims (voxel).
    group:
        Space group of the crystal.
    metric:
        Reciprocal metric tensor; dims (3, 3), 1/Å².

    Returns
    -------
    :
        dims (voxel), the rows of either, values and variances added where both are known.

    Raises
    ------
    UserError
        If grids or units differ.
    """
    grid = grid_of(diffuse)
    units = [intensity_unit(table) for table in (diffuse, bragg)]
    if grid != grid_of(bragg) or units[0] != units[1]:
        raise UserError(
            "add Bragg and diffuse intensity",
            f"one is in {units[0]} on {grid}, the other in {units[1]} on {grid_of(bragg)}",
            "Bring both to one scale and one grid.",
        )
    kept = [table[sc.array(dims=["voxel"], values=shown(table))] for table in (diffuse, bragg)]
    index = np.concatenate([index_of(table) for table in kept])
    _, first, home = np.unique(packed(index), return_index=True, return_inverse=True)
    values = _added(home, [table.values for table in kept])
    variances = _added(home, [table.variances for table in kept])
    index = index[first]
    known = np.zeros(len(first), np.bool_)
    known[home[: len(kept[0])]] = True
    s = length_at_centre(index[~known], AsuMap(grid, group), metric)
    value, spread = _stand_in(isotropic, variational, group, metric, s)
    values[~known] += value
    variances[~known] += spread
    coords = grid_coords(grid, index) | inherited(diffuse)
    data = sc.array(dims=["voxel"], values=values, variances=variances, unit=diffuse.unit)
    return sc.DataArray(data, coords=coords, name="total intensity")


def _added(home: NDArray[np.int64], parts: list[FloatArray]) -> FloatArray:
    return np.asarray(np.bincount(home, np.concatenate(parts)), dtype=np.float64)


def _stand_in(
    isotropic: sc.DataArray,
    variational: sc.DataArray,
    group: SpaceGroup,
    metric: FloatArray,
    s: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Isotropic part and mean square of the variational one at lengths of s; dims (voxel).

    Zero beyond the shells that hold something.
    """
    rows = isotropic[sc.array(dims=["voxel"], values=shown(variational))]
    deviation = variational.values[shown(variational)]
    asu = AsuMap(grid_of(rows), group)
    index = index_of(rows)
    length, images = length_at_centre(index, asu, metric), asu.multiplicity(index)
    value, _ = isotropic_curve(length, rows.values, weight=images).at(s)
    square, _ = isotropic_curve(length, deviation**2, weight=images).at(s)
    return np.nan_to_num(value), np.maximum(np.nan_to_num(square), 0.0)
