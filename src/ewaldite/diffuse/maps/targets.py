"""Other targets than the crystal's own grid: supercells, fractions of a cell, other axes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipp as sc
from numpy.typing import ArrayLike, NDArray

from ewaldite.crystal.cell import cell_from_axes, orthogonalization
from ewaldite.crystal.map_axes import RECIPROCAL, MapAxes, flat_map
from ewaldite.diffuse.maps.box import Box, Filling
from ewaldite.diffuse.maps.common import inherited
from ewaldite.diffuse.maps.target_grid import (
    check_nodes,
    inverse_of,
    rows_at,
    supercell_matrix,
    triple_of,
)
from ewaldite.diffuse.observations import grid_of
from ewaldite.errors import UserError
from ewaldite.model.grid import Grid

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_CLOSE = 1e-6


def supercell_cell(cell: ArrayLike, supercell: ArrayLike) -> FloatArray:
    """Constants of a supercell; dims (6), Å and degrees; see :func:`supercell_matrix`."""
    return cell_from_axes(orthogonalization(cell) @ supercell_matrix(supercell).T)


def supercell_map(array: sc.DataArray, supercell: ArrayLike) -> sc.DataArray:
    """Voxels of a map at the nodes of a supercell's reciprocal lattice, in its indices.

    Indices transform as the axes do, ``h' = M h`` (International Tables A (2016), 1.5.1): the
    voxel at ``h = M⁻¹ h'`` becomes that of the whole number h'. Voxels between the nodes are
    left out, so that the grid that integrates every photon into a node is the one whose
    ``subdivide`` is the supercell's.

    Parameters
    ----------
    array:
        dims (h, k, l), with the scalars of the grid, expanded by symmetry.
    supercell:
        See :func:`supercell_matrix`.

    Returns
    -------
    :
        dims (h, k, l) along the supercell's axes, whole numbers; absent where the map does not
        reach. Its cell is that of :func:`supercell_cell`, and its space group is not the
        crystal's: the symmetry is in the values.

    Raises
    ------
    UserError
        If the grid has no voxel at some node of the supercell.
    """
    matrix = supercell_matrix(supercell)
    grid = grid_of(array)
    check_nodes(grid, matrix)
    determinant, adjugate = inverse_of(matrix)
    n = np.asarray(grid.n, dtype=np.int64)
    array = array.transpose(RECIPROCAL)
    ends = np.array([array.coords[x].values[[0, -1]] for x in RECIPROCAL])
    corners = np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, 3) @ matrix.T
    low = np.ceil(corners.min(axis=0) - _CLOSE).astype(np.int64)
    high = np.floor(corners.max(axis=0) + _CLOSE).astype(np.int64)
    filling = Filling(Box(Grid((1, 1, 1)), low, high))
    first = grid.index(ends[:, 0])
    values, variances = flat_map(array, RECIPROCAL)
    spread = np.zeros_like(values) if variances is None else variances
    shape = np.array(array.shape)
    rest = np.stack(np.meshgrid(*_ranges(low[1:], high[1:]), indexing="ij"), axis=-1)
    for h in range(low[0], high[0] + 1):
        node = np.insert(rest.reshape(-1, 2), 0, h, axis=1)
        index = n * (node @ adjugate.T) // determinant - first
        inside = np.all((index >= 0) & (index < shape), axis=1)
        flat = np.ravel_multi_index(tuple(index[inside].T), array.shape)
        known = ~np.isnan(values[flat])
        filling.put(node[inside][known], values[flat][known], spread[flat][known])
    return filling.finish(array).drop_coords([x for x in ("space_group",) if x in array.coords])


def _ranges(low: IntArray, high: IntArray) -> list[IntArray]:
    return [np.arange(a, b + 1) for a, b in zip(low, high, strict=True)]


def fractional_map(array: sc.DataArray, fraction: ArrayLike) -> sc.DataArray:
    """Voxels of a map at one fraction of every reciprocal cell, as (½, ½, 0).

    Parameters
    ----------
    array:
        dims (h, k, l).
    fraction:
        What is added to whole hkl; dims (3), r.l.u.

    Returns
    -------
    :
        dims (h, k, l), one voxel a cell along each axis.

    Raises
    ------
    UserError
        If the map has no voxel there.
    """
    wanted = triple_of(fraction)
    array = array.drop_coords(
        [x for x in ("n_h", "n_k", "n_l", "grid_mode") if x in array.coords]
    )
    for axis, name in enumerate(RECIPROCAL):
        rows = rows_at(wanted, name, np.asarray(array.coords[name].values), axis)
        every = int(rows[1] - rows[0]) if rows.size > 1 else 1
        array = array[name, int(rows[0]) : int(rows[-1]) + 1 : every]
    return array.copy()


def resample(array: sc.DataArray, centres: Mapping[str, ArrayLike]) -> sc.DataArray:
    """Interpolate a map at the voxels of other axes.

    Linear between the eight nearest voxels, ``Σ w I / Σ w`` over those that are present, if
    they carry half of the weight, with the variance ``Σ w² σ² / (Σ w)²``. Neighbours share
    voxels, so their errors are correlated. To average over larger voxels merge the
    observations on a coarser grid instead: it keeps the counts.

    Parameters
    ----------
    array:
        dims (h, k, l).
    centres:
        New evenly spaced centres by the name of the axis, dims (axis), r.l.u.; an axis that is
        not named stays.

    Returns
    -------
    :
        dims (h, k, l), with the mask ``absent``.

    Raises
    ------
    UserError
        If an axis is not one of the map, or its axes are not even.
    """
    if unknown := sorted(set(centres) - set(RECIPROCAL)):
        raise UserError(
            "resample a map", f"it has no axis {', '.join(unknown)}", "Name some of h, k, l."
        )
    axes = MapAxes.of(array, (1.0, 1.0, 1.0, 90.0, 90.0, 90.0))
    values, variances = flat_map(array, RECIPROCAL)
    spread = np.zeros_like(values) if variances is None else variances
    wanted = [
        np.asarray(centres.get(x, array.coords[x].values), dtype=np.float64) for x in RECIPROCAL
    ]
    shape = [len(x) for x in wanted]
    out, noise = np.full(shape, np.nan), np.full(shape, np.nan)
    plane = np.stack(np.meshgrid(*wanted[1:], indexing="ij"), axis=-1)
    for number, h in enumerate(wanted[0]):
        points = np.concatenate([np.full((*plane.shape[:2], 1), h), plane], axis=-1)
        out[number], noise[number] = _linear(axes, values, spread, points)
    dims = list(RECIPROCAL)
    return sc.DataArray(
        sc.array(dims=dims, values=out, variances=noise, unit=array.unit),
        coords={
            x: sc.array(dims=[x], values=w, unit="one")
            for x, w in zip(RECIPROCAL, wanted, strict=True)
        }
        | inherited(array),
        masks={"absent": sc.array(dims=dims, values=np.isnan(out))},
        name=array.name,
    )


def _linear(
    axes: MapAxes, values: FloatArray, variances: FloatArray, points: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Linear interpolation of present voxels; dims (...), both."""
    place = (points - axes.start) / axes.step
    place = np.where(np.abs(place - np.rint(place)) < _CLOSE, np.rint(place), place)
    left = np.floor(place)
    total, top, noise = (np.zeros(points.shape[:-1]) for _ in range(3))
    for corner in np.ndindex(2, 2, 2):
        at = left + corner
        weight = np.prod(1 - np.abs(place - at), axis=-1)
        inside = np.all((at >= 0) & (at < axes.count), axis=-1) & (weight > 0)
        index = np.where(inside[..., None], at, 0).astype(np.int64)
        flat = (index[..., 0] * axes.count[1] + index[..., 1]) * axes.count[2] + index[..., 2]
        known = inside & ~np.isnan(values[flat])
        weight = np.where(known, weight, 0.0)
        total += weight
        top += weight * np.where(known, values[flat], 0.0)
        noise += weight**2 * np.where(known, variances[flat], 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        enough = total >= 0.5
        return np.where(enough, top / total, np.nan), np.where(enough, noise / total**2, np.nan)
