"""Scattering vectors and corrections of a band of rows of a flat panel."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _look_up(
    across: NDArray[np.float64],
    fast: NDArray[np.float64],
    start: float,
    pitch: float,
    step: float,
    table: NDArray[np.float64],
    ratio: NDArray[np.float64],
    factor: NDArray[np.float64],
) -> None:
    """Interpolate both columns of the table for a row of pixels."""
    fx, fy, fz = fast[0], fast[1], fast[2]
    bx, by, bz = across[0], across[1], across[2]
    pieces = table.shape[0]
    scale = 1.0 / step
    for column in range(ratio.size):
        a = start + column * pitch
        rx, ry, rz = bx + a * fx, by + a * fy, bz + a * fz
        t = (rx * rx + ry * ry + rz * rz) * scale
        n = min(int(t), pieces - 1)
        t -= n
        c = table[n]
        ratio[column] = ((c[0] * t + c[1]) * t + c[2]) * t + c[3]
        factor[column] = ((c[4] * t + c[5]) * t + c[6]) * t + c[7]


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _unit_rays(
    across: NDArray[np.float64],
    foot: NDArray[np.float64],
    fast: NDArray[np.float64],
    start: float,
    pitch: float,
    ratio: NDArray[np.float64],
    rays: NDArray[np.float64],
    inverse: NDArray[np.float64],
) -> None:
    """Fill the unit vectors to a row of pixels and the inverse distances."""
    fx, fy, fz = fast[0], fast[1], fast[2]
    bx, by, bz = across[0], across[1], across[2]
    x0, y0, z0 = foot[0], foot[1], foot[2]
    ux, uy, uz = rays[0], rays[1], rays[2]
    for column in range(ratio.size):
        a = start + column * pitch
        k = ratio[column]
        x, y, z = x0 + k * (bx + a * fx), y0 + k * (by + a * fy), z0 + k * (bz + a * fz)
        v = 1.0 / np.sqrt(x * x + y * y + z * z)
        ux[column], uy[column], uz[column], inverse[column] = x * v, y * v, z * v, v


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _factors(
    rays: NDArray[np.float64],
    inverse: NDArray[np.float64],
    factor: NDArray[np.float64],
    pupil: float,
    weighted: bool,
    polarization: NDArray[np.float64],
    projections: NDArray[np.float64],
    total: NDArray[np.float64],
    d3s: NDArray[np.float64],
) -> None:
    """Fill product of the corrections and swept volume of a row of pixels."""
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
def band_corrections(
    first: int,
    last: int,
    columns: int,
    frame: NDArray[np.float64],
    start: NDArray[np.float64],
    pitch: NDArray[np.float64],
    s0: NDArray[np.float64],
    wavenumber: float,
    pupil: float,
    weighted: bool,
    polarization: NDArray[np.float64],
    projections: NDArray[np.float64],
    step: float,
    table: NDArray[np.float64],
    s: NDArray[np.float64],
    total: NDArray[np.float64],
    d3s: NDArray[np.float64],
) -> None:
    """Fill the arrays of the pixels in rows ``first`` to ``last`` (excluded) of a panel.

    What depends on the radius from the foot of the panel's normal alone comes from a table of
    cubic pieces in the squared radius, in which it is smooth.

    Parameters
    ----------
    first, last, columns:
        Half-open range of rows and number of columns of the panel.
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
        Whether the solid angle is a factor of ``total``.
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
    s:
        Output: scattering vectors; dims (pixel, xyz), 1/Å.
    total, d3s:
        Output: product of the corrections (mrad²) and swept volume (1/Å³); dims (pixel).
    """
    ratio, factor, inverse = np.empty(columns), np.empty(columns), np.empty(columns)
    rays = np.empty((3, columns))
    foot, fast, slow = frame[0], frame[1], frame[2]
    for row in range(first, last):
        across = (start[1] + row * pitch[1]) * slow
        begin = (row - first) * columns
        end = begin + columns
        # Row by row in three passes, because only the arithmetic passes can be vectorised
        _look_up(across, fast, start[0], pitch[0], step, table, ratio, factor)
        _unit_rays(across, foot, fast, start[0], pitch[0], ratio, rays, inverse)
        _factors(
            rays,
            inverse,
            factor,
            pupil,
            weighted,
            polarization,
            projections,
            total[begin:end],
            d3s[begin:end],
        )
        for column in range(columns):
            for k in range(3):
                s[begin + column, k] = wavenumber * rays[k, column] - s0[k]
