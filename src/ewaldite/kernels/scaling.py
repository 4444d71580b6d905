"""Target of scaling, its derivatives, and the normal matrix without the merged intensities.

Observations are sorted by voxel. One has the expected counts ``e a d (b D I + c)`` above
background, with the derivatives, in units of its standard deviation σ:

* by the voxel's intensity I, ``e a d b D / σ``
* by b, ``e a d D I / σ``; by c, ``e a d / σ``
* by a and d, what is expected over σ and over a or d
* by the dose term, ``-e a d b D I |s|² / 2 σ``
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.scaling_terms import (
    UNIT,
    Places,
    add_a,
    add_b,
    add_c,
    add_d,
    value_a,
    value_b,
    value_c,
    value_d,
)

FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]

# Columns of the derivatives
INTENSITY, B, C, A, D, DOSE = range(6)


class Rows(NamedTuple):
    """Observations sorted by voxel.

    Attributes
    ----------
    start:
        First observation of each voxel, and one past the last; dims (voxel + 1), int64.
    signal:
        Counts less background; dims (observation), float32.
    exposure:
        mrad² s; dims (observation), float32.
    length:
        Length of s; dims (observation), 1/Å, float32.
    """

    start: NDArray[np.int64]
    signal: SingleArray
    exposure: SingleArray
    length: SingleArray


@numba.njit(nogil=True, cache=True, fastmath=True)
def linearise(
    rows: Rows,
    places: Places,
    p: FloatArray,
    weight: SingleArray,
    intensity: FloatArray,
    f: SingleArray,
    gradient: FloatArray,
) -> float:
    """Merge, and give derivatives, gradient and target.

    The intensity of a voxel is the weighted mean that makes the target smallest for the given
    coefficients (variable projection: Golub & Pereyra, SIAM J. Numer. Anal. 10 (1973) 413);
    residuals are then orthogonal to the derivatives by intensities, so that the gradient by
    the coefficients is that of the full problem.

    Parameters
    ----------
    rows, places, p:
        Observations, places, and coefficients; dims of p (coefficient).
    weight:
        1/σ of the counts, 0 to leave an observation out; dims (observation), float32.
    intensity:
        Is set; dims (voxel); 0 for a voxel without weight.
    f:
        Is set; dims (observation, column); at least three columns, and those of every term
        that is on.
    gradient:
        Is set to ``Jᵀ r``; dims (coefficient).

    Returns
    -------
    :
        ``Σ r²`` with ``r = (signal - e a d (b D I + c)) / σ``.
    """
    qa, ya, qb, yb, qc, yc, qd, yd, qe, ye, step = places
    start, signal, exposure, length = rows
    has_a, has_b, has_c, has_d = qa.size > 0, qb.size > 0, qc.size > 0, qd.size > 0
    has_dose = qe.size > 0
    gradient[:] = 0.0
    target = 0.0
    for voxel in range(start.size - 1):
        first, last = start[voxel], start[voxel + 1]
        top = bottom = 0.0
        for i in range(first, last):
            plain = weight[i] * exposure[i]
            slope = 1.0
            if has_a:
                a = value_a(qa, ya, step, i, p)
                f[i, A] = a
                plain *= a
            if has_d:
                d = value_d(qd, yd, step, i, p)
                f[i, D] = d
                plain *= d
            if has_b:
                slope = value_b(qb, yb, step[3], i, p)
            if has_dose:
                loss = np.exp(-0.5 * length[i] * length[i] * value_b(qe, ye, step[8], i, p))
                f[i, DOSE] = loss
                slope *= loss
            slope *= plain
            rest = weight[i] * signal[i]
            if has_c:
                rest -= plain * value_c(qc, yc, step, i, p)
            f[i, INTENSITY], f[i, B], f[i, C] = slope, rest, plain
            top += slope * rest
            bottom += slope * slope
        mean = top / bottom if bottom > 0.0 else 0.0
        intensity[voxel] = mean
        for i in range(first, last):
            if weight[i] == 0.0:
                f[i, :] = 0.0
                continue
            residual = f[i, B] - f[i, INTENSITY] * mean
            target += residual * residual
            model = weight[i] * signal[i] - residual
            by_b = f[i, C] * mean
            if has_dose:
                by_b *= f[i, DOSE]
                f[i, DOSE] = -0.5 * length[i] * length[i] * f[i, INTENSITY] * mean
                add_b(qe, ye, step[8], i, residual * f[i, DOSE], gradient)
            f[i, B] = by_b
            if has_b:
                add_b(qb, yb, step[3], i, residual * by_b, gradient)
            if has_c:
                add_c(qc, yc, step, i, residual * f[i, C], gradient)
            if has_a:
                f[i, A] = model / f[i, A]
                add_a(qa, ya, step, i, residual * f[i, A], gradient)
            if has_d:
                f[i, D] = model / f[i, D]
                add_d(qd, yd, step, i, residual * f[i, D], gradient)
    return target


@numba.njit(nogil=True, cache=True, fastmath=True)
def apply(
    rows: Rows, places: Places, f: SingleArray, most: int, v: FloatArray, out: FloatArray
) -> None:
    """Multiply by ``Jᵀ (1 - P) J``, where P projects on the derivatives by the intensities.

    Parameters
    ----------
    rows, places, f:
        Observations, places, derivatives of :func:`linearise`.
    most:
        Largest number of observations in a voxel.
    v:
        dims (coefficient).
    out:
        Is set; dims (coefficient).
    """
    qa, ya, qb, yb, qc, yc, qd, yd, qe, ye, step = places
    start = rows.start
    has_a, has_b, has_c, has_d = qa.size > 0, qb.size > 0, qc.size > 0, qd.size > 0
    has_dose = qe.size > 0
    out[:] = 0.0
    change = np.empty(most, np.float64)
    for voxel in range(start.size - 1):
        first, last = start[voxel], start[voxel + 1]
        top = bottom = 0.0
        for i in range(first, last):
            t = 0.0
            if has_b:
                t += f[i, B] * value_b(qb, yb, step[3], i, v)
            if has_c:
                t += f[i, C] * value_c(qc, yc, step, i, v)
            if has_a:
                t += f[i, A] * value_a(qa, ya, step, i, v)
            if has_d:
                t += f[i, D] * value_d(qd, yd, step, i, v)
            if has_dose:
                t += f[i, DOSE] * value_b(qe, ye, step[8], i, v)
            change[i - first] = t
            top += f[i, INTENSITY] * t
            bottom += f[i, INTENSITY] * f[i, INTENSITY]
        mean = top / bottom if bottom > 0.0 else 0.0
        for i in range(first, last):
            u = change[i - first] - f[i, INTENSITY] * mean
            if has_b:
                add_b(qb, yb, step[3], i, u * f[i, B], out)
            if has_c:
                add_c(qc, yc, step, i, u * f[i, C], out)
            if has_a:
                add_a(qa, ya, step, i, u * f[i, A], out)
            if has_d:
                add_d(qd, yd, step, i, u * f[i, D], out)
            if has_dose:
                add_b(qe, ye, step[8], i, u * f[i, DOSE], out)


@numba.njit(nogil=True, cache=True, fastmath=True)
def _square_line(at: int, step: int, x: float, value: float, out: FloatArray) -> None:
    out[at] += (1.0 - x) ** 2 * value
    out[at + step] += x * x * value


@numba.njit(nogil=True, cache=True, fastmath=True)
def _square_plane(
    at: int, step: int, row: int, x: float, y: float, value: float, out: FloatArray
) -> None:
    _square_line(at, step, x, (1.0 - y) ** 2 * value, out)
    _square_line(at + row, step, x, y * y * value, out)


@numba.njit(nogil=True, cache=True, fastmath=True)
def squares(places: Places, f: SingleArray, out: FloatArray) -> None:
    """Diagonal of ``Jᵀ J``.

    Parameters
    ----------
    places, f:
        Places, derivatives of :func:`linearise`.
    out:
        Is set; dims (coefficient).
    """
    qa, ya, qb, yb, qc, yc, qd, yd, qe, ye, step = places
    out[:] = 0.0
    for i in range(f.shape[0]):
        if qb.size > 0:
            _square_line(qb[i], step[3], yb[i, 0] * UNIT, f[i, B] ** 2, out)
        if qe.size > 0:
            _square_line(qe[i], step[8], ye[i, 0] * UNIT, f[i, DOSE] ** 2, out)
        if qc.size > 0:
            x, y = yc[i, 0] * UNIT, yc[i, 1] * UNIT
            _square_plane(qc[i], step[4], step[5], x, y, f[i, C] ** 2, out)
        if qa.size > 0:
            x, y, z = ya[i, 0] * UNIT, ya[i, 1] * UNIT, ya[i, 2] * UNIT
            low, high = ((1.0 - z) * f[i, A]) ** 2, (z * f[i, A]) ** 2
            _square_plane(qa[i], step[0], step[1], x, y, low, out)
            _square_plane(qa[i] + step[2], step[0], step[1], x, y, high, out)
        if qd.size > 0 and yd.shape[1] == 0:
            out[qd[i]] += f[i, D] ** 2
        elif qd.size > 0:
            x, y = yd[i, 0] * UNIT, yd[i, 1] * UNIT
            _square_plane(qd[i], step[6], step[7], x, y, f[i, D] ** 2, out)
