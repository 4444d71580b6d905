"""Masks of cells: what is left out of events must be left out of the coverage.

Masks of the time, of Bragg peaks, of spurions and of regions in (Q, ω) depend on pixel,
incident energy and rotation. They are asked for in the middle of every cell, by the very code
that masks events; events then follow their cell, so that both leave out the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ewaldite.io.bifrost.events import EventSlab
from ewaldite.spectroscopy.converter import AMBIGUOUS, FORBIDDEN, Converter
from ewaldite.spectroscopy.exposure import Exposure, block
from ewaldite.spectroscopy.monitor import Intervals
from ewaldite.spectroscopy.steps import Steps

FloatArray = NDArray[np.float64]

_AT_ONCE = 100_000


def cell_names(converter: Converter) -> tuple[str, ...]:
    """Masks that belong to cells, of those that the converter sets."""
    windows = {window.name for window in converter.windows}
    own = {AMBIGUOUS, FORBIDDEN, *windows, *converter.rejection.names}
    return tuple(name for name in converter.bits.names if name in own)


def cell_bits(converter: Converter) -> np.uint32:
    """Bits of :func:`cell_names`."""
    bits = np.uint32(0)
    for name in cell_names(converter):
        bits |= converter.bits.bit(name)
    return bits


def masked_cells(converter: Converter, k_i: FloatArray, time: float) -> NDArray[np.bool_]:
    """Whether neutrons of an energy are masked.

    Parameters
    ----------
    converter:
        Of the run.
    k_i:
        Incident wavenumbers, for all pixels or for each; dims (interval) or (pixel, interval),
        1/Å.
    time:
        When they scatter, which says how sample and tank stand; s from the start of the run.

    Returns
    -------
    :
        dims (pixel, interval).
    """
    one, primary = converter.instrument, converter.primary
    period, bits = primary.frames.period, cell_bits(converter)
    pixels = len(one)
    k = np.broadcast_to(k_i, (pixels, np.shape(k_i)[-1]))
    out = np.empty(k.shape, dtype=np.bool_)
    rows = max(_AT_ONCE // max(k.shape[1], 1), 1)
    for first in range(0, pixels, rows):
        part = np.arange(first, min(first + rows, pixels))
        at_sample = primary.time(primary.sample_distance, k[part])
        arrival = (at_sample + one.final_time[part, None]).ravel()
        turns = np.zeros(arrival.size) if converter.source_frames else arrival // period
        order = np.argsort(turns, kind="stable")
        frames, starts = np.unique(turns[order], return_index=True)
        slab = EventSlab(
            start=0,
            number=np.repeat(one.detector_number[part], k.shape[1])[order],
            offset=(arrival - turns * period)[order],
            scale=1.0,
            first_pulse=0,
            index=np.append(starts, arrival.size).astype(np.int64),
        )
        pulse = time - float(np.median(at_sample)) + frames * period
        # what pulses mask is no matter of cells
        lowest, flags = converter.pulse_flags(pulse)
        made = converter.convert(slab, pulse, (lowest, np.zeros_like(flags)))
        found = np.empty(arrival.size, dtype=np.bool_)
        found[order] = (made.flags & bits) != 0
        out[part] = found.reshape(part.size, -1)
    return out


def mask_cells(
    exposed: Exposure, converter: Converter, intervals: Intervals, steps: Steps
) -> Exposure:
    """Leave out the cells of a run that are masked.

    Parameters
    ----------
    exposed:
        Steps of the run.
    converter:
        Of the run.
    intervals:
        Of its flux.
    steps:
        The same steps, with their times.

    Returns
    -------
    :
        The steps, unchanged where no mask depends on energy.
    """
    if not cell_names(converter):
        return exposed
    rejection = converter.rejection
    turning = rejection.needs_hkl or (bool(rejection.names) and np.ptp(steps.a4) > 0)
    chosen = np.arange(len(steps)) if turning else np.zeros(len(steps), np.int64)
    middle = (steps.start + steps.end) / 2
    numbers = range(int(chosen.max(initial=-1)) + 1)
    # one at a time: of many steps, bytes would be many where bits are enough
    masks = (masked_cells(converter, intervals.wavenumber, float(middle[j])) for j in numbers)
    masked = block(exposed, masks, chosen)
    return masked if np.any(masked.blocked) else exposed
