"""Symmetric positive definite matrices that are narrow bands.

Stored is the lower half, element (i, j) at ``[j, i - j]``. Library routines share the work
out to threads, which for such narrow bands costs more than the work itself.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@numba.njit(nogil=True, cache=True, fastmath=True)
def factor(band: FloatArray) -> None:
    """Replace a matrix A by its Cholesky factor L, ``A = L Lᵀ``.

    A pivot that is not positive, by rounding, makes its column that of the unit matrix.

    Parameters
    ----------
    band:
        dims (column, distance), float64; is changed.
    """
    n, width = band.shape
    for j in range(n):
        column = band[j]
        if not column[0] > 0.0:
            column[:] = 0.0
            column[0] = 1.0
        root = np.sqrt(column[0])
        reach = min(width, n - j)
        for d in range(reach):
            column[d] /= root
        for k in range(1, reach):
            x = column[k]
            if x == 0.0:
                continue
            later = band[j + k]
            for d in range(reach - k):
                later[d] -= x * column[k + d]


@numba.njit(nogil=True, cache=True, fastmath=True)
def solve(band: FloatArray, x: FloatArray) -> None:
    """Solve ``L Lᵀ x = b``.

    Parameters
    ----------
    band:
        The factor L of :func:`factor`; dims (column, distance), float64.
    x:
        b, is replaced by the solution; dims (column), float64.
    """
    n, width = band.shape
    for j in range(n):
        column = band[j]
        x[j] /= column[0]
        for d in range(1, min(width, n - j)):
            x[j + d] -= column[d] * x[j]
    for j in range(n - 1, -1, -1):
        column = band[j]
        total = x[j]
        for d in range(1, min(width, n - j)):
            total -= column[d] * x[j + d]
        x[j] = total / column[0]
