"""The local level of a voxel, predicted from its neighbours."""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

_TERMS = 4


@numba.njit(nogil=True, cache=True)
def _solve_first(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[float, float]:
    """First unknown of ``a x = b`` and the first diagonal element of the inverse of a.

    Cholesky from the last equation up, ``a = u u^T`` with u upper triangular, so that the
    first unknown needs no back substitution. Only the lower half of a is read, and changed.
    """
    for j in range(_TERMS - 1, -1, -1):
        for k in range(j + 1, _TERMS):
            a[j, j] -= a[k, j] ** 2
        a[j, j] = math.sqrt(max(a[j, j], 1e-300))
        for i in range(j):
            for k in range(j + 1, _TERMS):
                a[j, i] -= a[k, i] * a[k, j]
            a[j, i] /= a[j, j]
        for k in range(j + 1, _TERMS):
            b[j] -= a[k, j] * b[k]
        b[j] /= a[j, j]
    return b[0] / a[0, 0], 1.0 / a[0, 0] ** 2


@numba.njit(nogil=True, cache=True)
def predicted_level(
    pixels: NDArray[np.float64],
    counts: NDArray[np.float64],
    rows: NDArray[np.int32],
    offsets: NDArray[np.int64],
    use: NDArray[np.bool_],
    todo: NDArray[np.bool_],
    slope: float,
    level: NDArray[np.float64],
    effective: NDArray[np.float64],
) -> None:
    """Predict the counts per pixel of a voxel from its neighbours, never from itself.

    With the rate ``r(d) = a + g · d`` at the step d the weighted sum of squares
    ``Σ (N_u - n_u r(d_u))² / n_u + |g|² / (slope² a0)`` is least; a is the level, a0 the level
    before. The first term is Poisson's for nearly equal rates, and its solution is linear in
    the counts, hence unbiased at any count; the second says that a gradient of more than
    ``slope`` times the level per voxel is not expected, which holds back what few counts or a
    one-sided neighbourhood cannot know.

    Parameters
    ----------
    pixels, counts:
        Of every voxel; dims (voxel,), float64.
    rows:
        Neighbours, -1 for none; dims (voxel, neighbour), int32.
    offsets:
        Steps to the neighbours; dims (neighbour, 3), int64.
    use, todo:
        Voxels that count, and voxels to work out; dims (voxel,), bool.
    slope:
        Expected size of gradients, relative to the level, per voxel.
    level:
        Changed where asked for: before, the level of earlier; after, the new one, as it was
        where no neighbour has pixels; dims (voxel,), float64, counts per pixel.
    effective:
        Written where asked for: the variance of the level is level / effective; dims (voxel,),
        float64, pixels; 0 where no neighbour has pixels.
    """
    a = np.empty((_TERMS, _TERMS))
    b = np.empty(_TERMS)
    x = np.ones(_TERMS)
    for v in range(rows.shape[0]):
        if not todo[v]:
            continue
        a[:] = 0.0
        b[:] = 0.0
        for o in range(rows.shape[1]):
            u = rows[v, o]
            if u < 0 or u == v or not use[u]:
                continue
            for i in range(1, _TERMS):
                x[i] = offsets[o, i - 1]
            for i in range(_TERMS):
                b[i] += x[i] * counts[u]
                wx = pixels[u] * x[i]
                for j in range(i + 1):
                    a[i, j] += wx * x[j]
        effective[v] = 0.0
        if a[0, 0] > 0:
            # half a count is the least that pixels without any count can tell
            least = 0.5 / a[0, 0]
            for i in range(1, _TERMS):
                a[i, i] += 1.0 / (slope**2 * max(level[v], least))
            fitted, inverse = _solve_first(a, b)
            level[v] = max(fitted, least)
            effective[v] = 1.0 / inverse
