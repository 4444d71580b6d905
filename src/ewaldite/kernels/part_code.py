"""Which part of which reciprocal cell a pixel is in, as one number to compare.

The parts of the three axes, ``ceil(parts · (h + 1/2)) - 1``, are the digits of a number of base
2^17, which a float64 holds exactly. The loops that make such numbers are ones that compilers
vectorise; the products are added in the same order in all of them, so that all agree to the
bit.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.voxel_table import pack

FloatArray = NDArray[np.float64]

#: Code of what lies in no part.
NOWHERE = np.inf

_BASE = 131072.0
_DIGIT = 131071
_HALF = 65536
_BIAS = (_HALF << 34) + (_HALF << 17) + _HALF


@numba.njit(nogil=True, cache=True)
def codes_of_row(
    s: FloatArray,
    outside: FloatArray,
    matrix: FloatArray,
    half: float,
    codes: FloatArray,
) -> None:
    """Code of every pixel of a row at one frame.

    Parameters
    ----------
    s:
        Scattering vectors; dims (xyz, pixel or more), 1/Å.
    outside:
        0 for pixels that take part, else :data:`NOWHERE`; dims (pixel or more).
    matrix:
        ``parts · hkl = s · M``, at ``3 hkl + xyz``; dims (9), Å.
    half:
        Half the number of parts.
    codes:
        Output; dims (pixel).
    """
    sx, sy, sz = s[0], s[1], s[2]
    hx, hy, hz = matrix[0], matrix[1], matrix[2]
    kx, ky, kz = matrix[3], matrix[4], matrix[5]
    lx, ly, lz = matrix[6], matrix[7], matrix[8]
    for x in range(codes.size):
        h = np.ceil(sx[x] * hx + sy[x] * hy + sz[x] * hz + half)
        k = np.ceil(sx[x] * kx + sy[x] * ky + sz[x] * kz + half)
        l = np.ceil(sx[x] * lx + sy[x] * ly + sz[x] * lz + half)
        codes[x] = (h * _BASE + k) * _BASE + l + outside[x]


@numba.njit(nogil=True, cache=True)
def codes_of_pixel(s: FloatArray, matrices: FloatArray, half: float, codes: FloatArray) -> None:
    """Code of one pixel at every frame.

    Parameters
    ----------
    s:
        Scattering vector; dims (xyz), 1/Å.
    matrices:
        As ``matrix`` of :func:`codes_of_row`; dims (9, frame), Å.
    half:
        Half the number of parts.
    codes:
        Output; dims (frame).
    """
    x, y, z = s[0], s[1], s[2]
    for f in range(codes.size):
        h = np.ceil(x * matrices[0, f] + y * matrices[1, f] + z * matrices[2, f] + half)
        k = np.ceil(x * matrices[3, f] + y * matrices[4, f] + z * matrices[5, f] + half)
        l = np.ceil(x * matrices[6, f] + y * matrices[7, f] + z * matrices[8, f] + half)
        codes[f] = (h * _BASE + k) * _BASE + l


@numba.njit(nogil=True, cache=True, inline="always")
def _place(
    code: float, parts: int
) -> tuple[np.int64, np.int64, np.int64, np.int64, np.int64, np.int64]:
    """Cell along h and the part's place in it, the same along k and l."""
    number = np.int64(code) + _BIAS
    l = (number & _DIGIT) - _HALF - 1
    k = ((number >> 17) & _DIGIT) - _HALF - 1
    h = (number >> 34) - _HALF - 1
    ch, ck, cl = h // parts, k // parts, l // parts
    return ch, h - ch * parts, ck, k - ck * parts, cl, l - cl * parts


@numba.njit(nogil=True, cache=True)
def key_of(
    code: float,
    parts: int,
    segment: NDArray[np.int32],
    segments: NDArray[np.int64],
) -> int:
    """Packed segment index of a part.

    Parameters
    ----------
    code:
        Of the part.
    parts:
        Equal parts per reciprocal cell on whose borders all grids' borders lie.
    segment:
        Segment that a part belongs to; dims (3, parts).
    segments:
        Segments per cell; dims (3).

    Returns
    -------
    :
        See :func:`.voxel_table.pack`.
    """
    ch, h, ck, k, cl, l = _place(code, parts)
    return pack(
        ch * segments[0] + segment[0, h],
        ck * segments[1] + segment[1, k],
        cl * segments[2] + segment[2, l],
    )


@numba.njit(nogil=True, cache=True)
def voxels_of(
    code: float,
    parts: int,
    member: NDArray[np.int64],
    n: NDArray[np.int64],
    out: NDArray[np.int64],
) -> None:
    """Packed index of the voxel of every grid that holds a part; written to ``out``.

    Parameters
    ----------
    code, parts:
        As of :func:`key_of`.
    member, n:
        For each grid the voxel that a part belongs to, dims (grid, 3, parts), and voxels per
        cell, dims (grid, 3).
    out:
        dims (grid).
    """
    ch, h, ck, k, cl, l = _place(code, parts)
    for g in range(n.shape[0]):
        out[g] = pack(
            ch * n[g, 0] + member[g, 0, h],
            ck * n[g, 1] + member[g, 1, k],
            cl * n[g, 2] + member[g, 2, l],
        )
