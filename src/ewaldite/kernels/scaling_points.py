"""Control points interpolated at observations."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@numba.njit(nogil=True, cache=True)
def interpolate(
    coordinates: FloatArray,
    low: FloatArray,
    per_step: FloatArray,
    size: IntArray,
    nearest: NDArray[np.bool_],
    values: FloatArray,
) -> FloatArray:
    """Interpolate linearly on three axes, or take the nearest node; clamped at the borders.

    Parameters
    ----------
    coordinates:
        Places; dims (axis, observation), three axes.
    low, per_step:
        First node of each axis, and nodes per unit of its coordinate; dims (axis).
    size, nearest:
        Number of nodes, and whether the nearest is taken; dims (axis).
    values:
        At the nodes, the first axis fastest; dims (node).

    Returns
    -------
    :
        dims (observation), float64; NaN where a coordinate is NaN.
    """
    out = np.empty(coordinates.shape[1], np.float64)
    base = np.zeros(3, np.int64)
    step = np.zeros(3, np.int64)
    part = np.zeros(3, np.float64)
    for i in range(out.size):
        stride = 1
        known = True
        for j in range(3):
            position = (coordinates[j, i] - low[j]) * per_step[j]
            if np.isnan(position):
                known = False
                break
            position = min(max(position, 0.0), float(size[j] - 1))
            if nearest[j]:
                position = np.floor(position + 0.5)
            node = min(int(position), max(size[j] - 2, 0))
            base[j] = node * stride
            step[j] = stride if size[j] > 1 else 0
            part[j] = position - node
            stride *= size[j]
        if not known:
            out[i] = np.nan
            continue
        at = base[0] + base[1] + base[2]
        total = 0.0
        for z in range(2):
            wz = part[2] if z else 1.0 - part[2]
            for y in range(2):
                wy = wz * (part[1] if y else 1.0 - part[1])
                row = at + z * step[2] + y * step[1]
                low_end, high_end = values[row], values[row + step[0]]
                total += wy * ((1.0 - part[0]) * low_end + part[0] * high_end)
        out[i] = total
    return out
