"""A chopper system like BIFROST's."""

from __future__ import annotations

import numpy as np

from ewaldite.spectroscopy.chopper import Chopper, Pulse

LENGTH = 161.99882399465903
PULSE = Pulse(0.0, 0.29e-3, 2.86e-3)
SPEED_5A = 3956.034 / 5.0


def chopper(
    name: str, distance: float, middle: float, frequency: float, opening: float
) -> Chopper:
    """A disc whose one slit of ``opening`` degrees passes the beam at ``middle`` s."""
    slits = np.array([[-opening / 2, opening / 2]])
    return Chopper(name, distance, frequency, middle, slits)


def shaping(middle: float, width: float, frequency: float = 14.0) -> list[Chopper]:
    """Two discs that are open together around ``middle`` for ``width`` s."""
    slit = 170.0
    late = (slit / 360.0 / frequency - width) / 2.0
    return [
        chopper("pulse_shaping_chopper_1", 6.3245, middle - late, frequency, slit),
        chopper("pulse_shaping_chopper_2", 6.3735, middle + late, frequency, slit),
    ]


#: Centred on 5 Å.
BAND = [
    chopper(name, z, PULSE.mean + z / SPEED_5A, 14.0, opening)
    for name, z, opening in (
        ("band_overlap_1", 8.5, 40.0),
        ("band_overlap_2", 15.0, 70.0),
        ("band_1", 78.0, 160.0),
        ("band_2", 78.04, 160.0),
    )
]
