"""Events of a cut from the raw ones: pixel, incident wavenumber, time of scattering.

What :mod:`.events` works out for those who want all of an event, less what a cut does not
need: masks of time and of regions are those of cells (decision 38), and angles are those of
steps. Both call :func:`at_sample`, and so agree to the bit.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Counters of masks: one for each bit, and one for events with any.
COUNTERS = 33
REJECTED = 32


@numba.njit(nogil=True, cache=True)
def wavelength_at(time: float, curve: FloatArray) -> float:
    """Wavelength at a time, on the lines between entries; dims (time wavelength, entry)."""
    n = curve.shape[1]
    place = (time - curve[0, 0]) / (curve[0, n - 1] - curve[0, 0]) * (n - 1)
    if not 0.0 <= place <= n - 1:
        return math.nan
    i = min(int(place), n - 2)
    part = place - i
    return float(curve[1, i] * (1.0 - part) + curve[1, i + 1] * part)


@numba.njit(nogil=True, cache=True, inline="always")
def unwrap(folded: float, t_min: float, period: float, frequency: float) -> tuple[float, int]:
    """Bring a time into [t_min, t_min + period).

    Parameters
    ----------
    folded, t_min, period:
        s.
    frequency:
        One over the period, 1/s.

    Returns
    -------
    :
        The time, s, and how many periods were added.
    """
    n = math.ceil((t_min - folded) * frequency)
    t = folded + n * period
    # What rounding did to the edges of the frame
    if t < t_min:
        t += period
        n += 1
    elif t >= t_min + period:
        t -= period
        n -= 1
    return t, n


@numba.njit(nogil=True, cache=True)
def entry_of(time: float, entries: FloatArray, j: int) -> int:
    """Entry of a log that a time follows, sought from entry ``j`` on; at least the first."""
    while j + 1 < entries.size and entries[j + 1] <= time:
        j += 1
    while j > 0 and entries[j] > time:
        j -= 1
    return j


@numba.njit(nogil=True, cache=True)
def decode_events(
    number: IntArray,
    offset: IntArray,
    scale: float,
    index: IntArray,
    pulse_time: FloatArray,
    pulse_bits: NDArray[np.uint32],
    first_frame: int,
    row_by_number: NDArray[np.int32],
    final_time: FloatArray,
    pixel_bits: NDArray[np.uint32],
    tank: FloatArray,
    moving: NDArray[np.bool_],
    clock: FloatArray,
    curve: FloatArray,
    constants: FloatArray,
    bits: NDArray[np.uint32],
    row: NDArray[np.int32],
    k_i: FloatArray,
    when: FloatArray,
    masked: IntArray,
) -> int:
    """Work out what a cut needs of consecutive events of one detector.

    Parameters
    ----------
    number, offset, scale, index, pulse_time, pulse_bits, first_frame, row_by_number,
    pixel_bits, moving, clock, curve, constants:
        As in :func:`ewaldite.kernels.events.convert_events`.
    final_time:
        From the sample to the detector; dims (row), s.
    tank:
        Times of the log of the tank; dims (entry), s.
    bits:
        Flags of: moving tank, unknown number, no speed; dims (3).
    row, k_i, when:
        Result, of the events without a flag: pixel, incident wavenumber (1/Å), time of
        scattering from the start of the run (s); dims (event), as long as ``number`` at least.
    masked:
        Grows: events by flag, and those with any; dims (counter), int64.

    Returns
    -------
    :
        How many events have no flag.
    """
    t_min, period, zero = clock[0], clock[1], clock[3]
    frequency, of_source = 1.0 / period, clock[4] > 0.0
    length, from_wavelength = clock[2] / constants[0], constants[2] / constants[0]
    tabulated = curve.shape[1] > 0
    frames = pulse_bits.shape[1]
    watched = bool(np.any(moving))
    j4 = 0
    kept = 0
    for p in range(index.size - 1):
        start = pulse_time[p]
        for i in range(index[p], index[p + 1]):
            r = -1
            if 0 <= number[i] < row_by_number.size:
                r = row_by_number[number[i]]
            if r < 0:
                flag = bits[1]
            else:
                folded = offset[i] * scale - final_time[r]
                t, n = unwrap(folded, t_min, period, frequency)
                time = start + (t if of_source else folded)
                frame = min(max(np.int64(n) - first_frame, 0), frames - 1)
                flag = pixel_bits[r] | pulse_bits[p, frame]
                k = length / (t - zero)
                if tabulated:
                    k = from_wavelength / wavelength_at(t, curve)
                if not 0.0 < k < math.inf:
                    flag |= bits[2]
                if watched:
                    j4 = entry_of(time, tank, j4)
                    if moving[j4]:
                        flag |= bits[0]
                row[kept], k_i[kept], when[kept] = r, k, time
            if flag == 0:
                kept += 1
            else:
                masked[REJECTED] += 1
                for b in range(32):
                    masked[b] += (flag >> b) & 1
    return kept


@numba.njit(nogil=True, cache=True)
def find_steps(
    when: FloatArray,
    start: FloatArray,
    end: FloatArray,
    first: int,
    step: NDArray[np.int32],
) -> None:
    """Find the steps of the rotation in which events scattered.

    Parameters
    ----------
    when:
        Time of scattering, ascending but for the spread of one frame; dims (event), s.
    start, end:
        Of steps, ascending; dims (step), s.
    first:
        Added to the number of the step.
    step:
        Result, -1 for none; dims (event).
    """
    j = 0
    for i in range(when.size):
        time = when[i]
        j = entry_of(time, start, j)
        step[i] = first + j if start[j] <= time < end[j] else -1


@numba.njit(nogil=True, cache=True)
def find_angles(when: FloatArray, log: FloatArray, angle: FloatArray) -> None:
    """Logged angle at some times.

    Parameters
    ----------
    when:
        As in :func:`find_steps`.
    log:
        Time (s), value (rad), slope (rad/s), ...; dims (row, entry).
    angle:
        Result; dims (event), rad.
    """
    j = 0
    for i in range(when.size):
        j = entry_of(when[i], log[0], j)
        angle[i] = log[1, j] + log[2, j] * max(when[i] - log[0, j], 0.0)
