"""Merged intensities on the absolute scale."""

from __future__ import annotations

import numpy as np
import scipp as sc
from numpy.typing import ArrayLike

from ewaldite.diffuse.absolute.scale import AbsoluteScale
from ewaldite.diffuse.absolute.totals import lengths
from ewaldite.diffuse.observations import INTENSITY_UNIT, grid_of, index_of
from ewaldite.errors import UserError

#: What an absolute intensity counts; scipp has no unit for electrons, so its unit is ``one``.
ABSOLUTE_UNIT = "electrons² per unit cell"
#: Coordinate that holds :data:`ABSOLUTE_UNIT`, for files and pictures.
UNIT_COORD = "intensity_unit"


def to_absolute(
    merged: sc.DataArray,
    scale: AbsoluteScale,
    cell: ArrayLike,
    *,
    subtract_incoherent: bool = True,
) -> sc.DataArray:
    """Put a merged table on the absolute scale and subtract the incoherent scattering.

    ``I_abs = k I - I_incoh(s)`` and ``σ_abs = k σ``, with s at the centre of the voxel. Every
    coordinate that is an intensity is treated so: interval, half sets. The uncertainty of k is
    common to all voxels: it stands beside, in ``sigma_k``.

    Parameters
    ----------
    merged:
        Merged table on any grid, dims (voxel), counts/mrad²/s.
    scale:
        The scale.
    cell:
        a, b, c, α, β, γ; dims (constant), Å and degrees.
    subtract_incoherent:
        Off for a table that holds none: Bragg intensities.

    Returns
    -------
    :
        The table in electrons² per unit cell (unit ``one``; text in ``intensity_unit``), with
        the scalars ``scale`` and ``sigma_k`` (1/(counts/mrad²/s)), and ``incoherent`` (dims
        voxel), what was subtracted.

    Raises
    ------
    UserError
        The table is not in counts/mrad²/s, as if it was scaled before.
    """
    if merged.unit != sc.Unit(INTENSITY_UNIT):
        raise UserError(
            "put a table on the absolute scale",
            f"its intensity is in {merged.unit}",
            f"Give the merged table, in {INTENSITY_UNIT}.",
        )
    compton = np.zeros(len(merged))
    if subtract_incoherent and len(merged):
        s = lengths(grid_of(merged), index_of(merged), cell)
        compton = scale.scattering.tabulated_incoherent(float(s.max()))(s)
    incoherent = sc.array(dims=["voxel"], values=compton, unit="one")
    # one number for all voxels: its variance must not enter theirs
    k = sc.scalar(scale.k.value, unit=scale.k.unit)
    coords = {}
    for name, coord in merged.coords.items():
        is_intensity = coord.unit == merged.unit and coord.dims == ("voxel",)
        coords[name] = (coord * k).to(unit="one") - incoherent if is_intensity else coord
    coords["incoherent"] = incoherent
    coords["scale"] = k
    coords["sigma_k"] = scale.sigma_k
    coords[UNIT_COORD] = sc.scalar(ABSOLUTE_UNIT)
    return sc.DataArray(
        (merged.data * k).to(unit="one") - incoherent,
        coords=coords,
        masks=dict(merged.masks),
        name=merged.name,
    )
