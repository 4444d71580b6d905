"""From the time of arrival to energy and momentum transfer, event by event."""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.event_decode import entry_of, unwrap, wavelength_at

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Columns of the output: what a histogram needs, and all.
LEAN, FULL = 5, 16


@numba.njit(nogil=True, cache=True)
def _since(time: float, log: FloatArray, j: int) -> float:
    """Change of a logged angle (rows: time, value, slope, cosine, sine) since an entry."""
    return float(log[2, j] * max(time - log[0, j], 0.0))


@numba.njit(nogil=True, cache=True)
def _turn(d: float, log: FloatArray, j: int) -> tuple[float, float]:
    """Cosine and sine of a logged angle that changed by ``d`` since an entry."""
    cosine, sine = log[3, j], log[4, j]
    if d == 0.0:
        return cosine, sine
    if abs(d) < 0.02:
        # Exact to 1e-13, and ten times faster than the library's
        s = d * d
        c, n = 1.0 - s / 2.0 * (1.0 - s / 12.0), d * (1.0 - s / 6.0 * (1.0 - s / 20.0))
    else:
        c, n = math.cos(d), math.sin(d)
    return c * cosine - n * sine, c * sine + n * cosine


@numba.njit(nogil=True, cache=True)
def _inside(value: float, bounds: FloatArray) -> bool:
    """Whether a value is in one of some half-open intervals; dims (interval, 2)."""
    inside = False
    for i in range(bounds.shape[0]):
        inside |= bounds[i, 0] <= value < bounds[i, 1]
    return inside


@numba.njit(nogil=True, cache=True)
def convert_events(
    number: IntArray,
    offset: FloatArray,
    scale: float,
    index: IntArray,
    pulse_time: FloatArray,
    pulse_bits: NDArray[np.uint32],
    first_frame: int,
    out: FloatArray,
    row: NDArray[np.int32],
    flags: NDArray[np.uint32],
    row_by_number: NDArray[np.int32],
    pixel: FloatArray,
    pixel_bits: NDArray[np.uint32],
    a3: FloatArray,
    a4: FloatArray,
    moving: NDArray[np.bool_],
    clock: FloatArray,
    curve: FloatArray,
    constants: FloatArray,
    hkl: FloatArray,
    windows: FloatArray,
    window_bits: NDArray[np.uint32],
    ambiguous: FloatArray,
    forbidden: FloatArray,
    bits: NDArray[np.uint32],
) -> int:
    r"""Convert consecutive events of one detector.

    .. math:: t_s = t - t_f + nT, \quad v_i = L / (t_s - t_0), \quad k_i = m v_i / \hbar, \quad
              \Delta E = \hbar^2 (k_i^2 - k_f^2) / 2m, \quad
              \mathbf Q = k_i \hat z - R_y(a_4) \mathbf k_f, \quad
              \mathbf Q_{table} = R_y(-a_3) \mathbf Q

    with n such that t_s is in [t_min, t_min + T). Angles are those at the time of scattering.

    Parameters
    ----------
    number, offset:
        Detector number, and time in the frame in units of ``scale`` (s); dims (event).
    index:
        First event of each pulse, and where the last one ends; dims (pulse + 1), int64.
    pulse_time:
        Beginning of the frame from the start of the run; dims (pulse), s.
    pulse_bits:
        Flags of the source pulse by n, from ``first_frame`` on; dims (pulse, frame), uint32.
    out:
        Result, dims (column, event): time at the sample after the pulse (s), k_i (1/Å), time of
        scattering from the start of the run (s), a3 and a4 then (rad); and if there are more
        than five columns ΔE (meV), A4 (rad), x, y, z of Q in the laboratory and on the table
        (1/Å), h, k, l.
    row:
        Result: row of the pixel, -1 for an unknown number; dims (event), int32.
    flags:
        Result; dims (event), uint32.
    row_by_number:
        Row of the pixel of each number, -1 for none; int32.
    pixel:
        Final time (s), k_f x, y, z at tank angle zero (1/Å), E_f (meV), A4 (rad); dims
        (row, 6).
    pixel_bits:
        Flags; dims (row), uint32.
    a3, a4:
        Logs: time (s), value (rad), slope (rad/s), cosine, sine; dims (5, entry).
    moving:
        Whether the tank moves after an entry of ``a4``; dims (entry).
    clock:
        t_min, T, L, t_0; s, s, m, s; and 1 where the frame is that of the source pulse, 0 where
        it is that of the last pulse before detection.
    curve:
        Time at the sample (s, evenly spaced) and wavelength (Å); dims (2, entry); without
        entries L and t_0 are used.
    constants:
        ħ/m (Å m/s), ħ²/2m (meV Å²), h/m (Å m/s).
    hkl:
        From Q on the table to hkl; dims (3, 3), Å.
    windows:
        Intervals of the time in the frame that are left out; dims (interval, 2), s.
    window_bits:
        Their flags; dims (interval), uint32.
    ambiguous, forbidden:
        Intervals of the time at the sample that two frames, or none, can have; dims
        (interval, 2), s.
    bits:
        Flags of: ambiguous, forbidden, moving tank, unknown number, no speed; dims (5).

    Returns
    -------
    :
        How many numbers are unknown.
    """
    t_min, period, zero = clock[0], clock[1], clock[3]
    frequency = 1.0 / period
    length, from_wavelength = clock[2] / constants[0], constants[2] / constants[0]
    tabulated = curve.shape[1] > 0
    of_source = clock[4] > 0.0
    frames = pulse_bits.shape[1]
    full = out.shape[0] > LEAN
    j3 = j4 = 0
    unknown = 0
    for p in range(index.size - 1):
        start = pulse_time[p]
        for i in range(index[p], index[p + 1]):
            r = -1
            if 0 <= number[i] < row_by_number.size:
                r = row_by_number[number[i]]
            row[i] = r
            if r < 0:
                unknown += 1
                flags[i] = bits[3]
                out[:, i] = math.nan
                continue
            flag = pixel_bits[r]
            t = offset[i] * scale
            for m in range(window_bits.size):
                if windows[m, 0] <= t < windows[m, 1]:
                    flag |= window_bits[m]
            folded = t - pixel[r, 0]
            t, n = unwrap(folded, t_min, period, frequency)
            when = start + (t if of_source else folded)
            flag |= pulse_bits[p, min(max(np.int64(n) - first_frame, 0), frames - 1)]
            if _inside(t, ambiguous):
                flag |= bits[0]
            if _inside(t, forbidden):
                flag |= bits[1]
            k_i = length / (t - zero)
            if tabulated:
                k_i = from_wavelength / wavelength_at(t, curve)
            if not 0.0 < k_i < math.inf:
                flag |= bits[4]
                k_i = math.nan
            j3 = entry_of(when, a3[0], j3)
            j4 = entry_of(when, a4[0], j4)
            if moving[j4]:
                flag |= bits[2]
            d3, d4 = _since(when, a3, j3), _since(when, a4, j4)
            out[0, i] = t
            out[1, i] = k_i
            out[2, i] = when
            out[3, i] = a3[1, j3] + d3
            out[4, i] = a4[1, j4] + d4
            if full:
                c3, s3 = _turn(d3, a3, j3)
                c4, s4 = _turn(d4, a4, j4)
                x = -(c4 * pixel[r, 1] + s4 * pixel[r, 3])
                y = 0.0 - pixel[r, 2]  # never a negative zero
                z = k_i - (c4 * pixel[r, 3] - s4 * pixel[r, 1])
                u, w = c3 * x - s3 * z, s3 * x + c3 * z
                out[5, i] = constants[1] * k_i * k_i - pixel[r, 4]
                out[6, i] = pixel[r, 5] + a4[1, j4] + d4
                out[7, i], out[8, i], out[9, i] = x, y, z
                out[10, i], out[11, i], out[12, i] = u, y, w
                for a in range(3):
                    out[13 + a, i] = hkl[a, 0] * u + hkl[a, 1] * y + hkl[a, 2] * w
            flags[i] = flag
    return unknown
