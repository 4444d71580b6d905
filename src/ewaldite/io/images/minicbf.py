"""The header of mini-CBF images, as Pilatus and Eiger detectors write it.

Keys and units: those of the header convention PILATUS_1.2, which the files name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ewaldite.io.images.frame_header import (
    FrameHeader,
    first_number,
    material,
    numbers,
    positive,
)
from ewaldite.model.experiment import Sensor

_LINE = re.compile(r"^#\s*([A-Za-z][A-Za-z0-9_]*)\s*[:=]?\s*(.*?)\s*$", re.MULTILINE)
_SENSOR = re.compile(
    r"^#\s*(.+?)\s+sensor,?\s+thickness\s*[:=]?\s*([-+0-9.eE]+)\s*m", re.MULTILINE
)


def header_items(text: str) -> dict[str, str]:
    """Return the ``# Key value`` lines of a header; the first of several alike counts."""
    items: dict[str, str] = {}
    for key, value in _LINE.findall(text):
        items.setdefault(key, value)
    return items


def parse_minicbf(text: str, shape: tuple[int, int], dtype: np.dtype[Any]) -> FrameHeader:
    """Return what a mini-CBF header says.

    ``Filter_transmission`` is a fraction or, where it exceeds 1, a percentage: beamlines
    write both. ``Count_cutoff`` is the smallest count that is not valid. ``Tau`` is the dead
    time for which the detector's software has corrected the counts, 0 where it has not.

    Parameters
    ----------
    text:
        The file up to its binary section.
    shape:
        (slow, fast), from the binary section's header.
    dtype:
        Type of the counts, from the same.
    """
    items = header_items(text)
    pixel = [1e3 * x for x in numbers(items.get("Pixel_size"))]
    beam = numbers(items.get("Beam_xy"))
    tau = first_number(items.get("Tau"))
    cutoff = positive(first_number(items.get("Count_cutoff")))
    return FrameHeader(
        shape=shape,
        dtype=dtype,
        start=first_number(items.get("Start_angle")),
        width=first_number(items.get("Angle_increment")),
        exposure=positive(first_number(items.get("Exposure_time"))),
        period=positive(first_number(items.get("Exposure_period"))),
        wavelength=positive(first_number(items.get("Wavelength"))),
        pixel_size=(pixel[0], pixel[1]) if len(pixel) == 2 and min(pixel) > 0 else None,
        distance=positive(first_number(items.get("Detector_distance")), 1e3),
        beam_centre=(beam[0], beam[1]) if len(beam) == 2 else None,
        overload=int(cutoff) if cutoff is not None else None,
        sensor=_sensor(text),
        polarization_fraction=positive(first_number(items.get("Polarization"))),
        detector=items.get("Detector"),
        transmission=_transmission(items),
        flux=positive(first_number(items.get("Flux"))),
        dead_time=positive(tau),
        rate_corrected=None if tau is None else tau > 0,
    )


def _sensor(text: str) -> Sensor | None:
    match = _SENSOR.search(text)
    thickness = positive(first_number(match.group(2)), 1e3) if match else None
    if match is None or thickness is None:
        return None
    return Sensor(material(match.group(1)), thickness)


def _transmission(items: Mapping[str, str]) -> float | None:
    value = positive(first_number(items.get("Filter_transmission")))
    if value is not None and value > 1:
        return value / 100
    return value
