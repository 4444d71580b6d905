"""Choppers and the neutrons that they let through, as a picture needs them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.errors import UserError
from ewaldite.io.bifrost.components import RawChopper
from ewaldite.spectroscopy.cascade import transmit
from ewaldite.spectroscopy.chopper import Chopper, Pulse
from ewaldite.spectroscopy.primary import Primary
from ewaldite.spectroscopy.resolve_primary import delay_of, turns

FloatArray = NDArray[np.float64]

# Half of the opening that stands for a time of passage which was given by hand, s
_PASSAGE = 20e-6


def turning(disc: RawChopper) -> Chopper | None:
    """A disc that turns and says when it is open; None for any other."""
    if disc.speed is None or not turns(disc) or not disc.slits.size:
        return None
    delay = delay_of(disc)
    if delay is None:
        return None
    frequency, when = float(np.median(disc.speed[1])), float(np.median(delay[1]))
    return Chopper(disc.name, disc.distance, frequency, when, disc.slits, disc.beam)


def chopper_view(disc: RawChopper, until: float) -> sc.DataGroup[Any]:
    """When a disc is open.

    Parameters
    ----------
    disc:
        As the file describes it.
    until:
        Last time that is asked for, s after the pulse.

    Returns
    -------
    :
        ``distance`` (m), ``state`` (``"turns"``, ``"stands"``, or ``"unknown"`` where the file
        lacks logs or slits), ``frequency`` (Hz), and ``openings``; dims (opening, edge), s.
    """
    one = turning(disc)
    stands = disc.speed is not None and not turns(disc)
    openings = np.zeros((0, 2)) if one is None else one.openings(until)
    return sc.DataGroup(
        {
            "distance": disc.distance,
            "state": "turns" if one else "stands" if stands else "unknown",
            "frequency": 0.0 if one is None else one.frequency,
            "openings": sc.array(dims=["opening", "edge"], values=openings, unit="s"),
        }
    )


def transmitted(
    pulse: Pulse,
    discs: Sequence[RawChopper],
    primary: Primary,
    band: tuple[float, float],
    *,
    parked: bool,
) -> list[FloatArray]:
    """Neutrons of the band that reach the sample.

    Parameters
    ----------
    pulse:
        When they leave the source.
    discs:
        All of the file; those that do not turn are open.
    primary:
        The way in: where no disc turns and the choppers were given by hand, neutrons pass its
        reference.
    band:
        Shortest and longest wavelength, Å.
    parked:
        Whether the pulse-shaping choppers stand open.

    Returns
    -------
    :
        Convex polygons of the time of emission (s) and wavelength (Å), each dims (corner, 2);
        none if the choppers, as they are logged, let nothing through.
    """
    found = [one for disc in discs if (one := turning(disc)) is not None]
    by_hand = not parked and primary.reference_distance > 0
    if by_hand and not any(abs(c.distance - primary.reference_distance) < 1 for c in found):
        # one slit of the angle that passes in twice the time, at one turn a second
        slit = np.array([[-_PASSAGE, _PASSAGE]]) * 360.0
        place, when = primary.reference_distance, primary.reference_time
        found.append(Chopper("reference", place, 1.0, when, slit))
        found.sort(key=lambda chopper: chopper.distance)
    try:
        return [b.corners for b in transmit(pulse, found, band)]
    except UserError:
        return []
