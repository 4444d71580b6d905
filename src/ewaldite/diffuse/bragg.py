"""The Bragg table: what the filter took out of the diffuse signal, reflection by reflection."""

from __future__ import annotations

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.diffuse.observations import INTENSITY_UNIT
from ewaldite.kernels.clusters import clusters
from ewaldite.model.sums import Sums, packed

COMPLETE = (0.95, 1.05)
_SUMMED = ("pixels", "fraction", "counts", "exposure", "diffuse")


def bragg_table(
    excluded: Sums, included: Sums, *, cell_volume: float, wedge: int, sweep: int
) -> sc.DataArray:
    """Make the Bragg table of a wedge from what the filter excluded.

    The intensity is the mean over the swept part of the excluded voxels times its volume in
    reciprocal cells, ``I = (N - B)/E · Σ d3s · Vc``, that is the integral over the spot. As the
    swept volume carries the Lorentz factor (``geometry.lorentz``), it is corrected for it. The
    diffuse scattering under the spot, estimated from the rest of the cell, stands beside it as
    ``diffuse`` and is not subtracted. With ``E = pixels · corrections · time`` the formula is
    that of mdx-lib 1.2.

    Parameters
    ----------
    excluded, included:
        Columns of :class:`~ewaldite.diffuse.collect.Collected` on the grid of integer hkl.
    cell_volume:
        Å³.
    wedge, sweep:
        Numbers that the rows carry.

    Returns
    -------
    :
        dims (voxel); data ``intensity`` with variances, counts/mrad²/s; coordinates ``h``,
        ``k``, ``l``, ``diffuse``, ``fraction`` (swept part of the excluded volume), ``counts``,
        ``pixels``, ``exposure``, ``ix``, ``iy``, ``iz``, ``wedge``, ``sweep``; masks
        ``partial`` (fraction outside 0.95–1.05) and ``no count`` (overloaded or bad pixels in
        the spot).
    """
    seen = excluded.select((excluded["pixels"] > 0) | (excluded["rejected"] > 0))
    swept = seen["swept"] * cell_volume
    # A spot of which nothing could be counted stays in the table, without an intensity
    counted = (seen["pixels"] > 0) & (seen["exposure"] > 0)
    pixels, exposure = (np.where(counted, seen[x], np.nan) for x in ("pixels", "exposure"))
    scale = swept / exposure
    intensity = (seen["counts"] - seen["background"]) * scale
    variance = (seen["counts"] + seen["background_variance"]) * scale**2
    with np.errstate(divide="ignore", invalid="ignore"):
        fraction = swept / seen["volume"]
    low, high = COMPLETE
    one = {"pixels": pixels, "fraction": fraction} | {
        name: seen[name] / pixels for name in ("ix", "iy", "iz")
    }
    coords = {
        name: _column(seen.index[:, i].astype(np.float64), "one")
        for i, name in enumerate("hkl")
    }
    coords |= {name: _column(values, "one") for name, values in one.items()}
    coords["counts"] = _column(seen["counts"].astype(np.float64), "counts")
    coords["exposure"] = _column(exposure, "mrad**2*s")
    coords["diffuse"] = _column(_diffuse(seen, included) * swept, INTENSITY_UNIT)
    coords["wedge"] = _column(np.full(len(seen), wedge, dtype=np.int32), None)
    coords["sweep"] = _column(np.full(len(seen), sweep, dtype=np.int32), None)
    data = sc.array(dims=["voxel"], values=intensity, variances=variance, unit=INTENSITY_UNIT)
    masks = {
        "partial": sc.array(dims=["voxel"], values=~((fraction >= low) & (fraction <= high))),
        "no count": sc.array(dims=["voxel"], values=(seen["rejected"] > 0) | ~counted),
    }
    return sc.DataArray(data, coords=coords, masks=masks, name="intensity")


def _column(values: NDArray[np.float64] | NDArray[np.int32], unit: str | None) -> sc.Variable:
    return sc.array(dims=["voxel"], values=values, unit=unit)


def _diffuse(spots: Sums, included: Sums) -> NDArray[np.float64]:
    """Diffuse intensity in the cells of the spots, NaN where none was seen; dims (voxel)."""
    rate = np.full(len(included), np.nan)
    signal = included["counts"] - included["background"]
    np.divide(signal, included["exposure"], out=rate, where=included["exposure"] > 0)
    if len(included) == 0:
        return np.full(len(spots), np.nan)
    keys, wanted = packed(included.index), packed(spots.index)
    at = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
    return np.asarray(np.where(keys[at] == wanted, rate[at], np.nan))


def join_reflections(
    table: sc.DataArray, phi: NDArray[np.float64], span: float
) -> sc.DataArray:
    """Join the parts of reflections that the border of two wedges cut.

    Rows of one reflection and sweep that lie within a span of rotation are summed: their
    intensities are integrals over parts of the spot. Positions are means over the pairs. What
    is still partial is told from the summed fraction.

    Parameters
    ----------
    table:
        See :func:`bragg_table`; dims (voxel).
    phi:
        Spindle angle of each row; dims (voxel), degrees; NaN counts as 0.
    span:
        Largest rotation within a reflection, degrees; 0 joins nothing.

    Returns
    -------
    :
        The table, in the order of sweep, reflection, rotation.
    """
    if span <= 0 or len(table) == 0:
        return table
    column = {name: coord.values for name, coord in table.coords.items()}
    hkl = np.stack([column[name] for name in "hkl"], axis=1).astype(np.int64)
    key, sweep = packed(hkl), column["sweep"].astype(np.int64)
    place = np.nan_to_num(phi)
    order = np.lexsort((place, key, sweep))
    cluster = clusters(sweep[order], key[order], place[order], span)
    first = np.flatnonzero(np.diff(cluster, prepend=-1))

    def total(values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum of what is known; NaN where nothing is."""
        known = np.add.reduceat(np.isfinite(values[order]).astype(np.int64), first)
        summed = np.add.reduceat(np.nan_to_num(values[order]), first)
        return np.where(known > 0, summed, np.nan)

    joined = {name: total(column[name]) for name in _SUMMED}
    joined |= {
        name: total(column[name] * column["pixels"]) / joined["pixels"]
        for name in ("ix", "iy", "iz")
    }
    joined |= {name: column[name][order][first] for name in (*"hkl", "wedge", "sweep")}
    coords = {
        name: _column(joined[name], None if coord.unit is None else str(coord.unit))
        for name, coord in table.coords.items()
    }
    low, high = COMPLETE
    fraction = joined["fraction"]
    silent = np.maximum.reduceat(table.masks["no count"].values[order], first)
    return sc.DataArray(
        sc.array(
            dims=["voxel"],
            values=total(table.values),
            variances=total(table.variances),
            unit=table.unit,
        ),
        coords=coords,
        masks={
            "partial": sc.array(
                dims=["voxel"], values=~((fraction >= low) & (fraction <= high))
            ),
            "no count": sc.array(dims=["voxel"], values=silent),
        },
        name=table.name,
    )
