"""The Bragg table: what the filter took out of the diffuse signal, reflection by reflection."""

from __future__ import annotations

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.diffuse.observations import INTENSITY_UNIT
from ewaldite.model.sums import Sums, packed

COMPLETE = (0.95, 1.05)


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
    seen = excluded.select((excluded["pixels"] > 0.5) | (excluded["rejected"] > 0.5))
    swept = seen["swept"] * cell_volume
    # A spot of which nothing could be counted stays in the table, without an intensity
    counted = (seen["pixels"] > 0.5) & (seen["exposure"] > 0)
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
        "no count": sc.array(dims=["voxel"], values=(seen["rejected"] > 0.5) | ~counted),
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
