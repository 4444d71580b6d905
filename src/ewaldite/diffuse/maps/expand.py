"""A merged table as a dense map, expanded by symmetry."""

from __future__ import annotations

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.crystal.asu import AsuMap
from ewaldite.crystal.symmetry import SpaceGroup
from ewaldite.diffuse.merging.statistics import length_at_centre
from ewaldite.diffuse.observations import grid_of, index_of
from ewaldite.model.grid import Grid

FloatArray = NDArray[np.float64]

# Value, variance, mask.
_BYTES = 8 + 8 + 1


def map_shape(
    grid: Grid, group: SpaceGroup, metric: FloatArray, d_min: float
) -> tuple[int, int, int]:
    """Shape of the dense map that :func:`expand` makes.

    Parameters
    ----------
    grid:
        The voxels.
    group:
        Space group of the crystal.
    metric:
        Reciprocal metric tensor; dims (3, 3), 1/Å².
    d_min:
        Resolution, Å.

    Returns
    -------
    :
        Number of voxels along h, k, l.
    """
    low, high = AsuMap(grid, group).reach(metric, d_min)
    nh, nk, nl = (int(x) for x in high - low + 1)
    return nh, nk, nl


def map_bytes(grid: Grid, group: SpaceGroup, metric: FloatArray, d_min: float) -> int:
    """Memory of the dense map, bytes; parameters as in :func:`map_shape`."""
    nh, nk, nl = map_shape(grid, group, metric, d_min)
    return _BYTES * nh * nk * nl


def expand(
    merged: sc.DataArray,
    group: SpaceGroup,
    metric: FloatArray,
    d_min: float,
    *,
    friedel: bool = True,
) -> sc.DataArray:
    """Spread a merged table over reciprocal space by the Laue group.

    Parameters
    ----------
    merged:
        Table with one row for each voxel of the asymmetric unit.
    group:
        Space group of the crystal.
    metric:
        Reciprocal metric tensor; dims (3, 3), 1/Å².
    d_min:
        Resolution, Å: voxels whose centre lies beyond ``1/d_min`` stay absent.
    friedel:
        Whether Friedel mates were merged; else the point group alone is used.

    Returns
    -------
    :
        dims (h, k, l), with centres as coordinates; values and variances of the table, NaN
        where the mask ``absent`` is set; its memory is that of :func:`map_bytes`.

    Raises
    ------
    UserError
        The Laue group does not leave the grid invariant.
    """
    asu = AsuMap(grid_of(merged), group)
    low, high = asu.reach(metric, d_min)
    shape = tuple(high - low + 1)
    index = index_of(merged)
    inside = length_at_centre(index, asu, metric) <= 1 / d_min
    index, values, variances = index[inside], merged.values[inside], merged.variances[inside]
    dense = np.full(shape, np.nan)
    spread = np.full(shape, np.nan)
    absent = np.ones(shape, np.bool_)
    operations = group.laue_operations if friedel else group.point_operations
    for number in range(len(operations)):
        place = tuple((asu.images(index, number) - low).T)
        dense[place] = values
        spread[place] = variances
        absent[place] = False
    coords = {}
    for i, name in enumerate("hkl"):
        axis = np.zeros((shape[i], 3), dtype=np.int64)
        axis[:, i] = np.arange(low[i], high[i] + 1)
        centre = asu.grid.centre(axis)[:, i]
        coords[name] = sc.array(dims=[name], values=centre, unit="one")
    dims = ["h", "k", "l"]
    return sc.DataArray(
        sc.array(dims=dims, values=dense, variances=spread, unit=merged.unit),
        coords=coords,
        masks={"absent": sc.array(dims=dims, values=absent)},
        name="intensity",
    )
