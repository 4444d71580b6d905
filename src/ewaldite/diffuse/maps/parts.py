"""What a map can show: diffuse, Bragg and total intensity, isotropic and variational part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.crystal.asu import AsuMap
from ewaldite.crystal.symmetry import SpaceGroup
from ewaldite.diffuse.isotropic import WIDTH, IsotropicCurve, isotropic_curve, split
from ewaldite.diffuse.maps.bragg_map import bragg_density
from ewaldite.diffuse.maps.common import inherited
from ewaldite.diffuse.maps.expand import to_table
from ewaldite.diffuse.maps.total_map import total_density
from ewaldite.diffuse.merging.statistics import length_at_centre
from ewaldite.diffuse.observations import grid_of, index_of
from ewaldite.errors import UserError

FloatArray = NDArray[np.float64]
Part = Literal["diffuse", "bragg", "total", "isotropic", "variational"]

#: Columns of a merged table that maps need.
KEPT = (*"hkl", "n_h", "n_k", "n_l", "grid_mode", "s", "fraction", "multiplicity")
# Layers of a map that are worked on at a time
_SLAB = 8


def voxel_weight(
    table: sc.DataArray, group: SpaceGroup, *, friedel: bool = True
) -> NDArray[np.float64]:
    """Voxels of reciprocal space that each row of a merged table stands for.

    Parameters
    ----------
    table:
        Merged table.
    group:
        Space group of the crystal.
    friedel:
        Whether Friedel mates were merged; else the images under the point group count.

    Returns
    -------
    :
        dims (voxel), float64.
    """
    asu = AsuMap(grid_of(table), group)
    index = index_of(table)
    images = asu.multiplicity(index).astype(np.float64)
    if friedel or group.is_centrosymmetric:
        return images
    mate = asu.grid.from_numerator(-asu.grid.numerator(index))
    minus = asu.is_minus(asu(index)[1])
    # a row whose mate a rotation reaches stands for both
    return np.where(minus != asu.is_minus(asu(mate)[1]), images / 2, images)


def isotropic_parts(
    merged: sc.DataArray,
    group: SpaceGroup,
    metric: FloatArray,
    *,
    width: float = WIDTH,
    friedel: bool = True,
) -> tuple[sc.DataArray, sc.DataArray, sc.DataArray]:
    """Split a merged table in its isotropic and its variational part.

    The mean over a shell counts every row as often as it occurs in reciprocal space
    (:func:`voxel_weight`); see :mod:`ewaldite.diffuse.isotropic`. The length of s is the
    table's ``s``, the mean over what was observed, or that of the voxel's centre without it.

    Parameters
    ----------
    merged:
        dims (voxel), with variances.
    group:
        Space group of the crystal.
    metric:
        Reciprocal metric tensor; dims (3, 3), 1/Å².
    width:
        Width of a shell, 1/Å.
    friedel:
        Whether Friedel mates were merged.

    Returns
    -------
    :
        Isotropic part and variational part, dims (voxel), with variances, the unit of the
        table; the curve, see :func:`curve_array`.

    Raises
    ------
    UserError
        If no row has an intensity.
    """
    s = length_of(merged, group, metric)
    parts = split(
        s,
        visible(merged),
        merged.variances,
        voxel_weight(merged, group, friedel=friedel),
        width=width,
    )
    isotropic = _like(merged, parts.isotropic, parts.isotropic_variance, "isotropic intensity")
    variational = _like(
        merged, parts.variational, parts.variational_variance, "variational intensity"
    )
    return isotropic, variational, curve_array(parts.curve, merged.unit)


def split_map(
    array: sc.DataArray, group: SpaceGroup, metric: FloatArray, *, width: float = WIDTH
) -> tuple[sc.DataArray, sc.DataArray, sc.DataArray]:
    """Split a dense map in its isotropic and its variational part.

    The curve is that of the rows in the asymmetric unit, so that copies made by symmetry do
    not make it look more certain than it is. The share of a voxel in the mean that is taken
    from it is neglected in the variances.

    Parameters
    ----------
    array:
        dims (h, k, l), see :func:`~ewaldite.diffuse.maps.expand.expand`.
    group, metric, width:
        As in :func:`isotropic_parts`.

    Returns
    -------
    :
        Isotropic part and variational part, dims (h, k, l), both with the masks of the map;
        the curve.

    Raises
    ------
    UserError
        If no voxel of the asymmetric unit has an intensity.
    """
    table = to_table(array, group)
    s = length_of(table, group, metric)
    curve = isotropic_curve(
        s, table.values, table.variances, voxel_weight(table, group), width=width
    )
    array = array.transpose(["h", "k", "l"])
    isotropic, variational = array.copy(), array.copy()
    h, k, l = (np.asarray(array.coords[x].values, np.float64) for x in "hkl")
    for start in range(0, len(h), _SLAB):
        part = slice(start, start + _SLAB)
        points = np.stack(np.meshgrid(h[part], k, l, indexing="ij"), axis=-1)
        square = np.einsum("...i,ij,...j->...", points, metric, points)
        value, spread = curve.at(np.sqrt(np.maximum(square, 0.0)))
        # a part is known where the whole is
        lost = np.isnan(array.values[part])
        isotropic.values[part] = np.where(lost, np.nan, value)
        isotropic.variances[part] = np.where(lost, np.nan, spread)
        variational.values[part] -= value
        variational.variances[part] += spread
    isotropic.name, variational.name = "isotropic intensity", "variational intensity"
    return isotropic, variational, curve_array(curve, array.unit)


def make_parts(
    names: Sequence[Part],
    merged: sc.DataArray,
    bragg: sc.DataArray | None,
    group: SpaceGroup,
    metric: FloatArray,
    *,
    width: float = WIDTH,
    friedel: bool = True,
) -> dict[str, sc.DataArray]:
    """Tables of the wanted parts, on the grid of the merged table.

    Parameters
    ----------
    names:
        Which.
    merged:
        Merged diffuse intensity; dims (voxel).
    bragg:
        Merged Bragg intensities, for ``bragg`` and ``total``; dims (voxel).
    group, metric, width, friedel:
        As in :func:`isotropic_parts`.

    Returns
    -------
    :
        Tables by name, in the order of ``names``; dims (voxel).

    Raises
    ------
    UserError
        If Bragg intensities are needed and there are none.
    """
    if bragg is None and {"bragg", "total"} & set(names):
        raise UserError(
            f"make the maps {', '.join(names)}",
            "there are no merged Bragg intensities",
            "Run the steps that make bragg_merged.nxs, or leave out 'bragg' and 'total'.",
        )
    made: dict[str, sc.DataArray] = {"diffuse": merged}
    if bragg is not None and {"bragg", "total"} & set(names):
        made["bragg"] = bragg_density(bragg, grid_of(merged), group, friedel=friedel)
    if {"isotropic", "variational", "total"} & set(names):
        made["isotropic"], made["variational"], _ = isotropic_parts(
            merged, group, metric, width=width, friedel=friedel
        )
    if "total" in names:
        made["total"] = total_density(
            merged, made["bragg"], made["isotropic"], made["variational"], group, metric
        )
    return {name: made[name] for name in names}


def length_of(table: sc.DataArray, group: SpaceGroup, metric: FloatArray) -> FloatArray:
    """Length of s of the rows of a table: observed, or of the centres; dims (voxel), 1/Å."""
    if "s" in table.coords:
        observed = table.coords["s"].to(unit="1/angstrom", copy=False).values
        return np.asarray(observed, dtype=np.float64)
    return length_at_centre(index_of(table), AsuMap(grid_of(table), group), metric)


def visible(table: sc.DataArray) -> FloatArray:
    """Values of a table, NaN where a mask excludes a row; dims (voxel), float64."""
    values = np.asarray(table.values, dtype=np.float64)
    for mask in table.masks.values():
        values = np.where(mask.values, np.nan, values)
    return values


def curve_array(curve: IsotropicCurve, unit: sc.Unit | None) -> sc.DataArray:
    """Isotropic curve as scipp sees it.

    Returns
    -------
    :
        dims (s): mean over each shell with its variance; coordinates ``s`` (1/Å) and
        ``number`` of voxels of the asymmetric unit.
    """
    return sc.DataArray(
        sc.array(dims=["s"], values=curve.mean, variances=curve.variance, unit=unit),
        coords={
            "s": sc.array(dims=["s"], values=curve.s, unit="1/angstrom"),
            "number": sc.array(dims=["s"], values=curve.number, unit=None),
        },
        name="isotropic intensity",
    )


def _like(
    table: sc.DataArray, values: FloatArray, variances: FloatArray, name: str
) -> sc.DataArray:
    return sc.DataArray(
        sc.array(dims=["voxel"], values=values, variances=variances, unit=table.unit),
        coords={x: table.coords[x] for x in KEPT if x in table.coords} | inherited(table),
        masks={key: mask.copy() for key, mask in table.masks.items()},
        name=name,
    )
