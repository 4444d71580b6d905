"""Cut ordered rows into clusters of limited span."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray


@numba.njit(nogil=True, cache=True)
def clusters(
    group: NDArray[np.int64], key: NDArray[np.int64], place: NDArray[np.float64], span: float
) -> NDArray[np.int64]:
    """Number the clusters of rows with the same group and key that lie within a span.

    Parameters
    ----------
    group, key, place:
        Rows in ascending order of (group, key, place); dims (row).
    span:
        Largest extent of a cluster.

    Returns
    -------
    :
        Number of the cluster, from 0; dims (row), int64.
    """
    out = np.zeros(key.size, np.int64)
    begin = place[0] if place.size else 0.0
    for i in range(1, key.size):
        same = key[i] == key[i - 1] and group[i] == group[i - 1] and place[i] - begin <= span
        out[i] = out[i - 1] + (0 if same else 1)
        if not same:
            begin = place[i]
    return out
