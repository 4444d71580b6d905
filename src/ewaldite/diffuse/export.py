"""Step 4a: the sums of a wedge become observations and Bragg reflections."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.observations import Observations
from ewaldite.model.experiment import FloatArray, Panel
from ewaldite.model.grid import Grid
from ewaldite.model.sums import Sums

# By which a sum of whole pairs, or of parts of pairs, may be off
_ROUNDING = 1e-6


def observations_of(
    sums: Sums,
    grid: Grid,
    *,
    cell_volume: float,
    panels: Sequence[Panel],
    wedge: int,
    sweep: int,
    minimum_pixels: int = 1,
) -> Observations:
    """Make observations of the sums of a wedge on a grid.

    ``fraction = Σ d3s / V``, where V is the volume of the voxel that the filter left,
    ``(1/Vc)/(nh nk nl)`` less the masked part. Positions are means over the (pixel, frame)
    pairs.

    Parameters
    ----------
    sums:
        Columns of :class:`~ewaldite.diffuse.collect.Collected`.
    grid:
        The grid.
    cell_volume:
        Mean volume of the unit cell in the wedge, Å³.
    panels:
        Panels of the detector.
    wedge, sweep:
        Numbers that the rows carry.
    minimum_pixels:
        Fewer (pixel, frame) pairs make no observation. Parts of pairs, as oversampling makes
        them, are summed and rounded up: so many pairs at least have a part in the voxel.

    Returns
    -------
    :
        One row per voxel.
    """
    enough = np.ceil(sums["pixels"] - _ROUNDING) >= minimum_pixels
    sums = sums.select(enough & (sums["exposure"] > 0))
    pixels = sums["pixels"]
    volume = sums["volume"] / cell_volume
    ix, iy = sums["ix"] / pixels, sums["iy"] / pixels
    fraction = np.full(len(sums), np.nan)
    np.divide(sums["swept"], volume, out=fraction, where=volume > 0)
    return Observations(
        grid=grid,
        index=sums.index,
        counts=sums["counts"].astype(np.float64),
        pixels=pixels,
        exposure=sums["exposure"],
        background=sums["background"],
        background_variance=sums["background_variance"],
        fraction=fraction,
        s=np.stack([sums[name] / pixels for name in ("sx", "sy", "sz")], axis=1),
        ix=ix,
        iy=iy,
        iz=sums["iz"] / pixels,
        panel=panel_of(panels, ix, iy),
        wedge=np.full(len(sums), wedge, dtype=np.int32),
        sweep=np.full(len(sums), sweep, dtype=np.int32),
    )


def panel_of(panels: Sequence[Panel], ix: FloatArray, iy: FloatArray) -> NDArray[np.int32]:
    """Panel that is nearest to places on the image.

    Parameters
    ----------
    panels:
        The panels.
    ix, iy:
        Fast and slow pixel, 0-based with integer centres; dims (voxel). A mean over pixels
        of two panels may lie between them.

    Returns
    -------
    :
        dims (voxel), int32.
    """
    best = np.full(ix.shape, np.inf)
    nearest = np.zeros(ix.shape, dtype=np.int32)
    for number, panel in enumerate(panels):
        half_slow, half_fast = (panel.shape[0] - 1) / 2, (panel.shape[1] - 1) / 2
        out_slow = np.maximum(np.abs(iy - panel.offset[0] - half_slow) - half_slow, 0)
        out_fast = np.maximum(np.abs(ix - panel.offset[1] - half_fast) - half_fast, 0)
        outside = np.hypot(out_slow, out_fast)
        closer = outside < best
        best[closer], nearest[closer] = outside[closer], number
    return nearest
