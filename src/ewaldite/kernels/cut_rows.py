"""The rows of a cut: in which of its bins a neutron lies.

A **row** of a cut is one of its axes, or a range that it is integrated over (one bin). It is
linear in momentum and energy transfer, and may hold the length of Q; in a given **view** (a
setting of sample and tank, and a symmetry operation) it is

    x(k_i) = a k_i - b·k_f + c (K k_i² - E_f) + d |Q|,   K = ħ²/2m.

Rows are counted in bins from the lower end of the axis: bin i holds i ≤ x < i + 1.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Columns of the table of rows
LOW = 0  # lower end of the first bin
INVERSE = 1  # one over the width of a bin
ENERGY = 2  # c
LENGTH = 3  # d
ROW_COLUMNS = 4


@numba.njit(nogil=True, cache=True, inline="always")
def offset_of(b: FloatArray, v: int, k_f: FloatArray, p: int) -> float:
    """``b·k_f`` of a view and a pixel; dims (view, xyz), (pixel, xyz)."""
    return float(b[v, 0] * k_f[p, 0] + b[v, 1] * k_f[p, 1] + b[v, 2] * k_f[p, 2])


@numba.njit(nogil=True, cache=True, inline="always")
def row_offset(b: FloatArray, v: int, r: int, k_f: FloatArray, p: int) -> float:
    """Part of a row that the final wavevector gives, ``b·k_f``; dims (view, row, xyz)."""
    return float(b[v, r, 0] * k_f[p, 0] + b[v, r, 1] * k_f[p, 1] + b[v, r, 2] * k_f[p, 2])


@numba.njit(nogil=True, cache=True, inline="always")
def place(
    k_i: float,
    a: float,
    offset: float,
    energy_transfer: float,
    length: float,
    rows: FloatArray,
    r: int,
) -> float:
    """Coordinate of a row in bins.

    Parameters
    ----------
    k_i:
        Incident wavenumber, 1/Å.
    a:
        Coefficient of ``k_i``.
    offset:
        ``b·k_f``.
    energy_transfer:
        meV.
    length:
        |Q|, 1/Å; read where the row holds it.
    rows, r:
        Table of rows; dims (row, column); and which.
    """
    x = a * k_i - offset + rows[r, ENERGY] * energy_transfer + rows[r, LENGTH] * length
    return float((x - rows[r, LOW]) * rows[r, INVERSE])


@numba.njit(nogil=True, cache=True, inline="always")
def length_of(k_i: float, k_f: float, along: float) -> float:
    """``|k_i - k_f|`` with ``along`` the part of k_f along the beam; 1/Å."""
    return math.sqrt(max(k_i * k_i + k_f * k_f - 2.0 * k_i * along, 0.0))


@numba.njit(nogil=True, cache=True)
def flat_bin(
    k: float,
    transfer: float,
    length: float,
    v: int,
    p: int,
    ki: FloatArray,
    kf: FloatArray,
    k_f: FloatArray,
    rows: FloatArray,
    number: IntArray,
    stride: IntArray,
) -> int:
    """Flat bin of a neutron.

    Parameters
    ----------
    k, transfer, length:
        Incident wavenumber (1/Å), energy transfer (meV), |Q| (1/Å; read where a row holds it).
    v, p:
        View and pixel.
    ki, kf:
        Of views; dims (view, row), (view, row, xyz).
    k_f:
        Of pixels; dims (pixel, xyz), 1/Å.
    rows, number, stride:
        Table of rows, bins of a row, how far apart neighbours are; dims (row, column), (row),
        (row).

    Returns
    -------
    :
        -1 outside.
    """
    flat = 0
    for r in range(number.size):
        offset = row_offset(kf, v, r, k_f, p)
        u = place(k, ki[v, r], offset, transfer, length, rows, r)
        if not 0.0 <= u < number[r]:
            return -1
        flat += int(u) * stride[r]
    return flat
