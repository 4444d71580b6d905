"""Count events at times at the sample that no neutron has."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.event_decode import entry_of, unwrap

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@numba.njit(nogil=True, cache=True)
def count_forbidden(
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
    windows: FloatArray,
    pieces: FloatArray,
    part: IntArray,
    start: FloatArray,
    end: FloatArray,
    counts: IntArray,
) -> None:
    """Count events that have no other mask than that of their time at the sample.

    Parameters
    ----------
    number, offset, scale, index, pulse_time, pulse_bits, first_frame, row_by_number,
    final_time, pixel_bits, tank, moving, clock:
        As in :func:`ewaldite.kernels.event_decode.decode_events`.
    windows:
        Times in the frame that are left out; dims (window, 2), s.
    pieces, part:
        Times at the sample that count, dims (piece, 2), s, and the column that each counts in,
        dims (piece), int64.
    start, end:
        Of steps of the rotation, ascending; dims (step), s from the start of the run.
    counts:
        Grows; dims (row, column), int64.
    """
    t_min, period, of_source = clock[0], clock[1], clock[4] > 0.0
    frequency = 1.0 / period
    frames = pulse_bits.shape[1]
    watched = bool(np.any(moving))
    j = j4 = 0
    for p in range(index.size - 1):
        for i in range(index[p], index[p + 1]):
            r = -1
            if 0 <= number[i] < row_by_number.size:
                r = row_by_number[number[i]]
            if r < 0 or pixel_bits[r] != 0:
                continue
            at = offset[i] * scale
            folded = at - final_time[r]
            t, n = unwrap(folded, t_min, period, frequency)
            column = -1
            for m in range(part.size):
                if pieces[m, 0] <= t < pieces[m, 1]:
                    column = part[m]
            if column < 0:
                continue
            for m in range(windows.shape[0]):
                if windows[m, 0] <= at < windows[m, 1]:
                    column = -1
            if column < 0:
                continue
            if pulse_bits[p, min(max(np.int64(n) - first_frame, 0), frames - 1)] != 0:
                continue
            time = pulse_time[p] + (t if of_source else folded)
            if watched:
                j4 = entry_of(time, tank, j4)
                if moving[j4]:
                    continue
            j = entry_of(time, start, j)
            if start[j] <= time < end[j]:
                counts[r, column] += 1
