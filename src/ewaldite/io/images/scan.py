"""Metadata of a series from the headers of its first and last image.

Reading every header costs an open per file, so the angles are taken to run linearly when the
two ends say that they do, and are read one by one when they do not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ewaldite.io.images.frame_header import FrameHeader
from ewaldite.io.images.series import FrameError, ImageMetadata
from ewaldite.model.experiment import FloatArray

# Headers hold angles with four decimals.
ROUNDING = 1e-4


def scan_metadata(frames: Sequence[int], header: Callable[[int], FrameHeader]) -> ImageMetadata:
    """Return the metadata of a series of single-image files.

    An unreadable header is no error here (reading that image is): its frame gets what the
    others say, or NaN.

    Parameters
    ----------
    frames:
        Frame numbers, ascending; not empty.
    header:
        Returns the header of the i-th frame (0-based position).

    Returns
    -------
    :
        Arrays have the dims (frame); phi is start + width/2.

    Raises
    ------
    FrameError
        If the first header is unreadable.
    """
    number = np.asarray(frames, dtype=np.float64)
    first = header(0)
    last = _readable(header, number.size - 1) if number.size > 1 else first
    notes = _conflicts(first, last)
    heads: list[FrameHeader | None] = [first]
    start = _linear(number, first, last)
    uneven = last is not None and (
        _differ(first, last) or (start is not None and bool(np.isnan(start[-1])))
    )
    if uneven or (last is not None and first.flux != last.flux):
        heads = [_readable(header, i) for i in range(number.size)]
    if uneven:
        start = _column([None if h is None else h.start for h in heads], number.size)
        notes.append(
            "angles or exposures do not advance evenly from the first to the last image: "
            "every header was read"
        )
    width = _column([None if h is None else h.width for h in heads], number.size)
    monitor = _column([None if h is None else h.flux for h in heads], number.size)
    return ImageMetadata(
        wavelength=first.wavelength,
        exposure=_column([None if h is None else h.exposure for h in heads], number.size),
        period=_column([None if h is None else h.period for h in heads], number.size),
        phi=None if start is None or width is None else start + width / 2,
        width=width,
        pixel_size=first.pixel_size,
        distance=first.distance,
        beam_centre=first.beam_centre,
        overload=first.overload,
        sensor=first.sensor,
        polarization_fraction=first.polarization_fraction,
        detector=first.detector,
        transmission=first.transmission,
        pedestal=first.pedestal,
        monitor=monitor,
        monitor_name=None if monitor is None else "Flux",
        dead_time=first.dead_time,
        rate_corrected=first.rate_corrected,
        notes=tuple(notes),
    )


def _readable(header: Callable[[int], FrameHeader], i: int) -> FrameHeader | None:
    try:
        return header(i)
    except FrameError:
        return None


def _linear(
    number: FloatArray, first: FrameHeader, last: FrameHeader | None
) -> FloatArray | None:
    """Start angles; None where the first header has none; NaN where the ends contradict."""
    if first.start is None or first.width is None:
        return None
    steps = number - number[0]
    if number.size == 1 or last is None:
        return np.asarray(first.start + steps * first.width)
    if last.start is None:
        return np.full(number.shape, np.nan)
    travel = last.start - first.start
    if first.width == 0:
        return np.asarray(first.start + steps * (travel / steps[-1]))
    # A header may fold the angle into one turn.
    travel += 360.0 * np.round((first.width * steps[-1] - travel) / 360.0)
    # Half a last digit for the width of each frame, and for either of the two ends.
    if abs(travel - first.width * steps[-1]) > ROUNDING * (0.5 * steps[-1] + 1.0):
        return np.full(number.shape, np.nan)
    return np.asarray(first.start + steps * (travel / steps[-1]))


def _differ(first: FrameHeader, last: FrameHeader) -> bool:
    keys = ("width", "exposure", "period")
    return any(getattr(first, key) != getattr(last, key) for key in keys)


def _conflicts(first: FrameHeader, last: FrameHeader | None) -> list[str]:
    if last is None:
        return ["the header of the last image cannot be read: angles follow from the first"]
    keys = ("wavelength", "distance", "transmission", "overload")
    return [
        f"the first and the last image disagree about {key} "
        f"({getattr(first, key)}, {getattr(last, key)}): the first counts"
        for key in keys
        if getattr(first, key) != getattr(last, key)
    ]


def _column(values: Sequence[float | None], count: int) -> FloatArray | None:
    """One value a frame from one a frame or one for all; None where no header has any."""
    column = np.array([np.nan if v is None else v for v in values], dtype=np.float64)
    if np.isnan(column).all():
        return None
    return column if column.size == count else np.full(count, column[0])
