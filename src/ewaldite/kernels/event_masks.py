"""Flags of converted events: what is no inelastic scattering of the sample."""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Flags = NDArray[np.uint32]


@numba.njit(nogil=True, cache=True)
def _off_node(h: float, k: float, l: float, axes: FloatArray) -> float:
    """Squared distance (1/Å²) from the nearest whole hkl; axes: reciprocal ones as columns."""
    x, y, z = h - math.floor(h + 0.5), k - math.floor(k + 0.5), l - math.floor(l + 0.5)
    square = 0.0
    for a in range(3):
        d = axes[a, 0] * x + axes[a, 1] * y + axes[a, 2] * z
        square += d * d
    return square


@numba.njit(nogil=True, cache=True)
def flag_bragg(
    hkl: FloatArray,
    transfer: FloatArray,
    axes: FloatArray,
    radius: float,
    width: float,
    bit: int,
    flags: Flags,
) -> None:
    """Flag events near Bragg peaks.

    Parameters
    ----------
    hkl:
        dims (3, event).
    transfer:
        ΔE; dims (event), meV.
    axes:
        2π U B; dims (xyz, reciprocal axis), 1/Å.
    radius:
        Around whole hkl, 1/Å.
    width:
        Largest |ΔE|, meV.
    bit:
        The flag.
    flags:
        dims (event); changed.
    """
    for i in range(flags.size):
        if abs(transfer[i]) <= width:
            off = _off_node(hkl[0, i], hkl[1, i], hkl[2, i], axes)
            if off <= radius * radius:
                flags[i] |= np.uint32(bit)


@numba.njit(nogil=True, cache=True)
def flag_currat_axe(
    time: FloatArray,
    a3: FloatArray,
    a4: FloatArray,
    row: NDArray[np.int32],
    pixel: FloatArray,
    path: FloatArray,
    clock: FloatArray,
    constant: float,
    hkl: FloatArray,
    axes: FloatArray,
    radius: float,
    bit: int,
    flags: Flags,
) -> None:
    r"""Flag Bragg scattering of the sample that the analyser scattered without a reflection.

    The neutron keeps its speed v′ all the way; taken as one of v_f behind the sample it seems
    to have come in with v_app (the time-of-flight form of the spurion of Currat and Axe):

    .. math:: L_1/v_{app} = L_1/v' + L_2 (1/v' - 1/v_f)

    It is there where k′, elastic, meets a Bragg peak in the direction of the pixel.

    Parameters
    ----------
    time:
        At the sample; dims (event), s.
    a3, a4:
        dims (event), rad.
    row:
        Of the pixel; dims (event).
    pixel:
        Final time (s), k_f x, y, z at tank angle zero (1/Å), ...; dims (row, 6).
    path:
        L_2; dims (row), m.
    clock:
        L_1 (m) and the time of its beginning after the pulse (s).
    constant:
        ħ/m, Å m/s.
    hkl:
        From Q on the table to hkl; dims (3, 3), Å.
    axes, radius, bit, flags:
        As in :func:`flag_bragg`.
    """
    for i in range(flags.size):
        r = row[i]
        if r < 0:
            continue
        slowness = (time[i] - clock[1] + pixel[r, 0]) / (clock[0] + path[r])
        k = 1.0 / (slowness * constant)
        x, y, z = pixel[r, 1], pixel[r, 2], pixel[r, 3]
        size = math.sqrt(x * x + y * y + z * z)
        c, s = math.cos(a4[i]), math.sin(a4[i])
        qx = -k * (c * x + s * z) / size
        qy = -k * y / size
        qz = k - k * (c * z - s * x) / size
        c, s = math.cos(a3[i]), math.sin(a3[i])
        u, w = c * qx - s * qz, s * qx + c * qz
        h = hkl[0, 0] * u + hkl[0, 1] * qy + hkl[0, 2] * w
        j = hkl[1, 0] * u + hkl[1, 1] * qy + hkl[1, 2] * w
        l = hkl[2, 0] * u + hkl[2, 1] * qy + hkl[2, 2] * w
        if _off_node(h, j, l, axes) <= radius * radius:
            flags[i] |= np.uint32(bit)


@numba.njit(nogil=True, cache=True)
def flag_order(
    time: FloatArray,
    row: NDArray[np.int32],
    pixel: FloatArray,
    clock: FloatArray,
    constant: float,
    order: int,
    width: float,
    bit: int,
    flags: Flags,
) -> None:
    r"""Flag where elastic scattering of a higher order of the analyser falls.

    A neutron of wavenumber n·k_f is reflected too, and takes an n-th of the final time;
    scattered elastically it came in with n·k_f. Its time at the sample was
    :math:`t_s + t_f (1 - 1/n)`, up to a whole number of periods.

    Parameters
    ----------
    time, row, pixel, constant, bit, flags:
        As in :func:`flag_currat_axe`.
    clock:
        L_1 (m), the time of its beginning after the pulse (s), and the period (s).
    order:
        n, 2 for λ/2.
    width:
        Largest difference of incident and final energy of that order, relative to the latter.
    """
    for i in range(flags.size):
        r = row[i]
        if r < 0:
            continue
        x, y, z = pixel[r, 1], pixel[r, 2], pixel[r, 3]
        flight = clock[0] / (order * constant * math.sqrt(x * x + y * y + z * z))
        elastic = clock[1] + flight
        late = time[i] + pixel[r, 0] * (1.0 - 1.0 / order) - elastic
        late -= math.floor(late / clock[2] + 0.5) * clock[2]
        # E goes with the inverse square of the time of flight
        if abs((flight / (flight + late)) ** 2 - 1.0) <= width:
            flags[i] |= np.uint32(bit)


@numba.njit(nogil=True, cache=True)
def flag_polygon(
    x: FloatArray, y: FloatArray, corners: FloatArray, bit: int, flags: Flags
) -> None:
    """Flag points inside a polygon: a ray from them crosses its sides an odd number of times.

    Parameters
    ----------
    x, y:
        dims (event).
    corners:
        dims (corner, 2).
    bit, flags:
        As in :func:`flag_bragg`.
    """
    n = corners.shape[0]
    for i in range(flags.size):
        inside = False
        for a in range(n):
            b = (a + 1) % n
            ya, yb = corners[a, 1], corners[b, 1]
            if (ya > y[i]) != (yb > y[i]):
                part = (y[i] - ya) / (yb - ya)
                if x[i] < corners[a, 0] + part * (corners[b, 0] - corners[a, 0]):
                    inside = not inside
        if inside:
            flags[i] |= np.uint32(bit)
