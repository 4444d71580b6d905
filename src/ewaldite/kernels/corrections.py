"""Scattering vectors and corrections of the pixels of a flat panel, row by row.

What depends on the radius from the foot of the panel's normal alone comes from a table of cubic
pieces in the squared radius, in which it is smooth.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
#: Geometry and tables of a panel, in the order of :func:`plane_of`.
Plane = tuple[
    FloatArray, FloatArray, FloatArray, FloatArray, float, float, bool, FloatArray, FloatArray,
    float, FloatArray,
]  # fmt: skip


def plane_of(
    *,
    frame: FloatArray,
    start: FloatArray,
    pitch: FloatArray,
    s0: FloatArray,
    wavenumber: float,
    pupil: float,
    weighted: bool,
    polarization: FloatArray,
    projections: FloatArray,
    step: float,
    table: FloatArray,
) -> Plane:
    """Put together what the kernels need of a panel.

    Parameters
    ----------
    frame:
        Foot of the normal (mm), fast and slow unit vectors; dims (3, xyz).
    start:
        Place of the centre of pixel [0, 0], measured from the foot along (fast, slow), mm.
    pitch:
        Pixel size (fast, slow), mm.
    s0:
        Incident wavevector; dims (xyz), 1/Å.
    wavenumber:
        1/λ, 1/Å.
    pupil:
        Pixel area times distance of the plane times 1e6, so that over d³ it is the solid angle
        in mrad².
    weighted:
        Whether the solid angle is a factor of the corrections.
    polarization:
        (a, b, c) of the polarization factor a + b (u·p)² + c (u·q)² of the unit ray u.
    projections:
        Rows p, q and the vector whose product with u is the volume swept per mrad²; dims
        (3, xyz).
    step:
        Width of the pieces of the table, mm².
    table:
        Coefficients from the cubic to the constant one of the ratio of the radii of entry and
        of counting (columns 0–3) and of efficiency · attenuation (columns 4–7), in units of the
        step; dims (piece, 8).
    """
    return (
        frame, start, pitch, s0, wavenumber, pupil, weighted, polarization, projections, step,
        table,
    )  # fmt: skip


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _look_up(
    across: FloatArray,
    fast: FloatArray,
    start: float,
    pitch: float,
    first: int,
    step: float,
    table: FloatArray,
    ratio: FloatArray,
    factor: FloatArray,
) -> None:
    """Interpolate both columns of the table for pixels of a row."""
    fx, fy, fz = fast[0], fast[1], fast[2]
    bx, by, bz = across[0], across[1], across[2]
    pieces = table.shape[0]
    scale = 1.0 / step
    for column in range(ratio.size):
        a = start + (first + column) * pitch
        rx, ry, rz = bx + a * fx, by + a * fy, bz + a * fz
        t = (rx * rx + ry * ry + rz * rz) * scale
        n = min(int(t), pieces - 1)
        t -= n
        c = table[n]
        ratio[column] = ((c[0] * t + c[1]) * t + c[2]) * t + c[3]
        factor[column] = ((c[4] * t + c[5]) * t + c[6]) * t + c[7]


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _unit_rays(
    across: FloatArray,
    foot: FloatArray,
    fast: FloatArray,
    start: float,
    pitch: float,
    first: int,
    ratio: FloatArray,
    rays: FloatArray,
    inverse: FloatArray,
) -> None:
    """Fill the unit vectors to pixels of a row and the inverse distances."""
    fx, fy, fz = fast[0], fast[1], fast[2]
    bx, by, bz = across[0], across[1], across[2]
    x0, y0, z0 = foot[0], foot[1], foot[2]
    ux, uy, uz = rays[0], rays[1], rays[2]
    for column in range(ratio.size):
        a = start + (first + column) * pitch
        k = ratio[column]
        x, y, z = x0 + k * (bx + a * fx), y0 + k * (by + a * fy), z0 + k * (bz + a * fz)
        v = 1.0 / np.sqrt(x * x + y * y + z * z)
        ux[column], uy[column], uz[column], inverse[column] = x * v, y * v, z * v, v


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _factors(
    rays: FloatArray,
    inverse: FloatArray,
    factor: FloatArray,
    pupil: float,
    weighted: bool,
    polarization: FloatArray,
    projections: FloatArray,
    total: FloatArray,
    d3s: FloatArray,
) -> None:
    """Fill product of the corrections and swept volume of pixels of a row."""
    px, py, pz = projections[0, 0], projections[0, 1], projections[0, 2]
    qx, qy, qz = projections[1, 0], projections[1, 1], projections[1, 2]
    vx, vy, vz = projections[2, 0], projections[2, 1], projections[2, 2]
    constant, along_p, along_q = polarization[0], polarization[1], polarization[2]
    ux, uy, uz = rays[0], rays[1], rays[2]
    for column in range(inverse.size):
        x, y, z, v = ux[column], uy[column], uz[column], inverse[column]
        omega = pupil * v * v * v
        p = x * px + y * py + z * pz
        q = x * qx + y * qy + z * qz
        value = factor[column] * (constant + along_p * p * p + along_q * q * q)
        total[column] = value * omega if weighted else value
        d3s[column] = omega * abs(x * vx + y * vy + z * vz)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def row_corrections(
    row: int,
    first: int,
    plane: Plane,
    work: FloatArray,
    s: FloatArray,
    total: FloatArray,
    d3s: FloatArray,
) -> None:
    """Fill the arrays of pixels that follow one another in a row of a panel.

    Parameters
    ----------
    row, first:
        Row of the panel, and column of the first pixel.
    plane:
        See :func:`plane_of`.
    work:
        Scratch; dims (3, pixel or more).
    s:
        Output: scattering vectors; dims (xyz, pixel or more), 1/Å.
    total, d3s:
        Output: product of the corrections (mrad²) and swept volume (1/Å³); dims (pixel).
    """
    (frame, start, pitch, s0, wavenumber, pupil, weighted, polarization, projections, step,
     table) = plane  # fmt: skip
    n = total.size
    ratio, factor, inverse = work[0][:n], work[1][:n], work[2][:n]
    foot, fast, slow = frame[0], frame[1], frame[2]
    across = (start[1] + row * pitch[1]) * slow
    # In three passes, because only the arithmetic passes can be vectorised
    _look_up(across, fast, start[0], pitch[0], first, step, table, ratio, factor)
    _unit_rays(across, foot, fast, start[0], pitch[0], first, ratio, s, inverse)
    _factors(s, inverse, factor, pupil, weighted, polarization, projections, total, d3s)
    for k in range(3):
        component = s[k]
        for column in range(n):
            component[column] = wavenumber * component[column] - s0[k]


@numba.njit(nogil=True, cache=True, error_model="numpy")
def band_corrections(
    first: int,
    last: int,
    columns: int,
    plane: Plane,
    s: FloatArray,
    total: FloatArray,
    d3s: FloatArray,
) -> None:
    """Fill the arrays of all pixels in rows ``first`` to ``last`` (excluded) of a panel.

    Parameters
    ----------
    first, last, columns:
        Half-open range of rows and number of columns of the panel.
    plane:
        See :func:`plane_of`.
    s, total, d3s:
        Output, as of :func:`row_corrections`; dims (pixel, xyz) and (pixel).
    """
    work, across = np.empty((3, columns)), np.empty((3, columns))
    for row in range(first, last):
        begin = (row - first) * columns
        end = begin + columns
        row_corrections(row, 0, plane, work, across, total[begin:end], d3s[begin:end])
        for column in range(columns):
            for k in range(3):
                s[begin + column, k] = across[k, column]


@numba.njit(nogil=True, cache=True, error_model="numpy")
def pixel_corrections(
    row: NDArray[np.int64],
    column: NDArray[np.int64],
    plane: Plane,
    s: FloatArray,
    total: FloatArray,
    d3s: FloatArray,
) -> None:
    """Fill the arrays of single pixels of a panel, to the bit as :func:`row_corrections`.

    Parameters
    ----------
    row, column:
        Pixels of the panel; dims (pixel).
    plane:
        See :func:`plane_of`.
    s, total, d3s:
        Output, as of :func:`row_corrections`; dims (pixel, xyz) and (pixel).
    """
    work, one = np.empty((3, 1)), np.empty((3, 1))
    for i in range(row.size):
        end = i + 1
        row_corrections(row[i], column[i], plane, work, one, total[i:end], d3s[i:end])
        s[i] = one[:, 0]
