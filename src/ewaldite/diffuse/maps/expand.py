"""A merged table as a dense map, and back."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.crystal.asu import AsuMap
from ewaldite.crystal.symmetry import SpaceGroup
from ewaldite.diffuse.maps.box import Box, Filling, Limits
from ewaldite.diffuse.maps.common import inherited
from ewaldite.diffuse.merging.statistics import length_at_centre
from ewaldite.diffuse.observations import grid_coords, grid_of, index_of
from ewaldite.model.grid import Grid

FloatArray = NDArray[np.float64]

# Rows of a table that are spread at a time
_ROWS = 1 << 18


def map_shape(
    grid: Grid,
    group: SpaceGroup,
    metric: FloatArray,
    d_min: float,
    limits: Limits | None = None,
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
    limits:
        First and last h, k, l; all if None.

    Returns
    -------
    :
        Number of voxels along h, k, l.
    """
    return Box.of_sphere(grid, group, metric, d_min).limited(limits).shape


def map_bytes(
    grid: Grid,
    group: SpaceGroup,
    metric: FloatArray,
    d_min: float,
    limits: Limits | None = None,
) -> int:
    """Memory of the dense map, bytes; parameters as in :func:`map_shape`."""
    return Box.of_sphere(grid, group, metric, d_min).limited(limits).bytes


def expand(
    merged: sc.DataArray,
    group: SpaceGroup,
    metric: FloatArray,
    d_min: float,
    *,
    friedel: bool = True,
    limits: Limits | None = None,
    asymmetric_unit: bool = False,
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
    limits:
        First and last h, k, l of the map, r.l.u., both inside; the sphere's if None.
    asymmetric_unit:
        Leave the voxels where they are, in the asymmetric unit; the map is the box about them.

    Returns
    -------
    :
        dims (h, k, l), with centres as coordinates and the scalars ``n_h``, ``n_k``, ``n_l``,
        ``grid_mode`` of the grid; values and variances of the table, NaN where the mask
        ``absent`` is set. Its memory is that of :func:`map_bytes`, at most.

    Raises
    ------
    UserError
        The Laue group does not leave the grid invariant, or no voxel lies within the limits.
    """
    (whole,) = expand_layers(
        merged,
        group,
        metric,
        d_min,
        friedel=friedel,
        limits=limits,
        asymmetric_unit=asymmetric_unit,
    )
    return whole


def expand_layers(
    merged: sc.DataArray,
    group: SpaceGroup,
    metric: FloatArray,
    d_min: float,
    *,
    friedel: bool = True,
    limits: Limits | None = None,
    asymmetric_unit: bool = False,
    thickness: int | None = None,
) -> Iterator[sc.DataArray]:
    """Spread a merged table over reciprocal space, some layers of the map at a time.

    Parameters
    ----------
    merged, group, metric, d_min, friedel, limits, asymmetric_unit:
        As in :func:`expand`.
    thickness:
        Layers along h that are made at a time; all if None.

    Yields
    ------
    :
        Parts of the map that :func:`expand` makes, in the order of h.

    Raises
    ------
    UserError
        The Laue group does not leave the grid invariant, or no voxel lies within the limits.
    """
    asu = AsuMap(grid_of(merged), group)
    box = Box.of_sphere(asu.grid, group, metric, d_min).limited(limits)
    index = index_of(merged)
    inside = np.empty(len(index), np.bool_)
    for start in range(0, len(index), _ROWS):
        rows = slice(start, start + _ROWS)
        inside[rows] = length_at_centre(index[rows], asu, metric) <= 1 / d_min
    if asymmetric_unit:
        inside &= box.holds(index)
    operations = group.laue_operations if friedel else group.point_operations
    if asymmetric_unit:
        operations = operations[:1]
        if np.any(inside):
            box = Box(asu.grid, index[inside].min(axis=0), index[inside].max(axis=0))
    for part in box.layers(thickness or box.shape[0]):
        filling = Filling(part)
        for start in range(0, len(index), _ROWS):
            rows = slice(start, start + _ROWS)
            here = inside[rows]
            values, variances = merged.values[rows][here], merged.variances[rows][here]
            for number in range(len(operations)):
                filling.put(asu.images(index[rows][here], number), values, variances)
        yield filling.finish(merged)


def to_table(array: sc.DataArray, group: SpaceGroup, *, friedel: bool = True) -> sc.DataArray:
    """Rows of a dense map that lie in the asymmetric unit: :func:`expand` undone.

    Parameters
    ----------
    array:
        dims (h, k, l), with the scalars of the grid, as :func:`expand` makes it.
    group:
        Space group whose asymmetric unit is kept; ``P 1`` keeps one of each pair of mates.
    friedel:
        Whether mates are equal in the map; else both of each pair are kept.

    Returns
    -------
    :
        dims (voxel), the voxels that no mask excludes; coordinates ``h``, ``k``, ``l``,
        ``space_group`` and the scalars of the grid.

    Raises
    ------
    UserError
        The Laue group does not leave the grid invariant.
    """
    asu = AsuMap(grid_of(array), group)
    array = array.transpose(["h", "k", "l"])
    present = np.ones(array.shape, np.bool_)
    for mask in array.masks.values():
        present &= ~mask.broadcast(sizes=array.sizes).values
    axes = [array.coords[x].values for x in "hkl"]
    corner = asu.grid.index([axis[0] for axis in axes])
    index: NDArray[np.int64] = np.argwhere(present) + corner
    unit, operation = asu(index)
    keep = np.all(unit == index, axis=1)
    if not friedel and not group.is_centrosymmetric:
        mate = asu.grid.from_numerator(-asu.grid.numerator(index))
        keep |= np.all(unit == mate, axis=1) & asu.is_minus(operation)
    index = index[keep]
    place = tuple((index - corner).T)
    data = sc.array(
        dims=["voxel"],
        values=array.values[place],
        variances=array.variances[place],
        unit=array.unit,
    )
    coords = grid_coords(asu.grid, index) | inherited(array)
    coords["space_group"] = sc.scalar(group.name)
    return sc.DataArray(data, coords=coords, name=array.name)
