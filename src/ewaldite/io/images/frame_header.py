"""The header of one image file, in the units of the program."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ewaldite.model.experiment import Sensor

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")

MATERIALS: Mapping[str, str] = {
    "silicon": "Si",
    "si": "Si",
    "cdte": "CdTe",
    "cadmium telluride": "CdTe",
    "cadmium-telluride": "CdTe",
    "gaas": "GaAs",
    "gallium arsenide": "GaAs",
}


@dataclass(frozen=True)
class FrameHeader:
    """What the header of one image says; None where it does not.

    Attributes
    ----------
    shape:
        Number of pixels (slow, fast).
    dtype:
        Type of the counts.
    start, width:
        Spindle angle at the start of the frame and angle swept, degrees.
    exposure, period:
        Counting time and time from frame to frame, s.
    flux:
        Incident beam, photons/s.
    wavelength, distance, pixel_size, beam_centre, overload, sensor, polarization_fraction,
    detector, transmission, pedestal, dead_time, rate_corrected:
        As in `ImageMetadata`.
    """

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    start: float | None = None
    width: float | None = None
    exposure: float | None = None
    period: float | None = None
    wavelength: float | None = None
    pixel_size: tuple[float, float] | None = None
    distance: float | None = None
    beam_centre: tuple[float, float] | None = None
    overload: int | None = None
    sensor: Sensor | None = None
    polarization_fraction: float | None = None
    detector: str | None = None
    transmission: float | None = None
    pedestal: float | None = None
    flux: float | None = None
    dead_time: float | None = None
    rate_corrected: bool | None = None


def numbers(text: str | None) -> list[float]:
    """Return the finite numbers in a text, in order."""
    if text is None:
        return []
    return [x for x in map(float, _NUMBER.findall(text)) if math.isfinite(x)]


def first_number(text: str | None) -> float | None:
    """Return the first number in a text, or None."""
    found = numbers(text)
    return found[0] if found else None


def positive(value: float | None, factor: float = 1.0) -> float | None:
    """Return ``value · factor``, or None where it is not above 0.

    Headers hold 0 where the control software was not told the value.
    """
    return value * factor if value is not None and value > 0 else None


def material(name: str) -> str:
    """Return the chemical formula of a sensor material."""
    return MATERIALS.get(name.strip().lower(), name.strip())
