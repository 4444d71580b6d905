"""Where Bragg reflections were seen, for a scaling model."""

from __future__ import annotations

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.diffuse.observations import Observations
from ewaldite.model.grid import Grid

FloatArray = NDArray[np.float64]

#: Grid of whole hkl.
CELLS = Grid((1, 1, 1))


def bragg_positions(
    bragg: sc.DataArray, panel: NDArray[np.int32], metric: FloatArray
) -> Observations:
    """Bragg reflections in the form in which a scaling model takes observations.

    Parameters
    ----------
    bragg:
        Bragg table.
    panel:
        Panel of each row; dims (voxel), int32.
    metric:
        Reciprocal metric tensor; dims (3, 3), 1/Å².

    Returns
    -------
    :
        The rows with their positions, lengths of s (as vectors along x) and sweeps.
    """
    column = {name: bragg.coords[name].values for name in (*"hkl", "ix", "iy", "iz")}
    index = np.rint(np.stack([column[x] for x in "hkl"], axis=1)).astype(np.int64)
    s = np.zeros((len(index), 3))
    s[:, 0] = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", index, metric, index), 0.0))
    nothing = np.zeros(len(index))
    return Observations(
        grid=CELLS,
        index=index,
        counts=bragg.coords["counts"].values,
        pixels=bragg.coords["pixels"].values,
        exposure=bragg.coords["exposure"].values,
        background=nothing,
        background_variance=nothing,
        fraction=bragg.coords["fraction"].values,
        s=s,
        ix=column["ix"],
        iy=column["iy"],
        iz=column["iz"],
        panel=panel,
        wedge=bragg.coords["wedge"].values,
        sweep=bragg.coords["sweep"].values,
    )
