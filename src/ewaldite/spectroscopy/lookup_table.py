"""The mean wavelength at a distance and time, from the choppers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipp as sc
from numpy.typing import ArrayLike

from ewaldite.errors import UserError
from ewaldite.model.experiment import FloatArray
from ewaldite.spectroscopy.cascade import (
    LONGEST_WAVELENGTH,
    chords,
    cut_by_emission,
    transmit,
)
from ewaldite.spectroscopy.chopper import Chopper, Pulse

#: Spacing of times of a table, s.
SPACING = 20e-6
#: Slices into which the pulse is cut.
SLICES = 40


def lookup_table(
    pulse: Pulse,
    choppers: Sequence[Chopper],
    distances: ArrayLike,
    *,
    wavelengths: tuple[float, float] = (0.0, LONGEST_WAVELENGTH),
    spacing: float = SPACING,
    slices: int = SLICES,
) -> sc.DataArray:
    r"""Compute the mean wavelength of neutrons at a distance and time.

    Of the neutrons that arrive at a time, those with the wavelength λ left the source at
    :math:`t - \lambda d\, m/h`; weighted with the density p of the emission then,

    .. math:: \bar\lambda(d, t) = \frac{\int \lambda\, p(t - \lambda d\, m/h)\, d\lambda}
              {\int p(t - \lambda d\, m/h)\, d\lambda}

    over what the choppers let through. The spectrum is taken as flat within that chord.

    Parameters
    ----------
    pulse:
        When neutrons start.
    choppers:
        In the order in which they meet them.
    distances:
        From the source, ascending, behind all choppers; dims (distance), m.
    wavelengths:
        Shortest and longest that the source gives, Å.
    spacing:
        Of times, s.
    slices:
        Into which the pulse is cut.

    Returns
    -------
    :
        Wavelength in Å, its variance the square of the spread at that place; not a number where
        nothing arrives; dims (distance, time), coordinates in m and s after the pulse.

    Raises
    ------
    UserError
        If the choppers let nothing through.
    """
    places = np.atleast_1d(np.asarray(distances, dtype=np.float64))
    beamlets = transmit(pulse, choppers, wavelengths)
    spans = np.array([b.arrival(d) for d in (places[0], places[-1]) for b in beamlets])
    first = np.floor(spans.min() / spacing) * spacing
    count = int(np.ceil((spans.max() - first) / spacing)) + 1
    time = first + spacing * np.arange(count)
    parts = cut_by_emission(beamlets, pulse, slices)
    moments = np.zeros((3, places.size, time.size))
    for row, distance in enumerate(places):
        for beamlet, weight in parts:
            low, high = chords(beamlet.corners, float(distance), time).T
            for power in range(3):
                whole = high ** (power + 1) - low ** (power + 1)
                moments[power, row] += weight * whole / (power + 1)
    none = moments[0] <= 0.0
    size = np.where(none, 1.0, moments[0])
    mean = np.where(none, np.nan, moments[1] / size)
    spread = np.where(none, np.nan, np.maximum(moments[2] / size - mean**2, 0.0))
    return sc.DataArray(
        sc.array(dims=["distance", "time"], values=mean, variances=spread, unit="angstrom"),
        coords={
            "distance": sc.array(dims=["distance"], values=places, unit="m"),
            "time": sc.array(dims=["time"], values=time, unit="s"),
        },
        name="wavelength",
    )


def curve_at(table: sc.DataArray, distance: float) -> FloatArray:
    """Wavelength against time at one distance of a table.

    Parameters
    ----------
    table:
        dims (distance, time), as :func:`lookup_table` makes it.
    distance:
        m.

    Returns
    -------
    :
        Times (s) and wavelengths (Å), on the line between the distances on either side; dims
        (time wavelength, entry).

    Raises
    ------
    UserError
        If it is no such table, its times are not evenly spaced, or the distance is beyond it.
    """
    asked = "use the lookup table"
    remedy = "Give one with dims (distance, time) in m and s, wavelength in Å."
    try:
        whole = table.transpose(["distance", "time"])
        places = whole.coords["distance"].to(unit="m", dtype="float64").values
        time = whole.coords["time"].to(unit="s", dtype="float64").values
        wavelength = whole.data.to(unit="angstrom", dtype="float64").values
    except (sc.DimensionError, sc.UnitError, KeyError, AttributeError) as error:
        raise UserError(asked, f"it is not one ({error})", remedy) from error
    steps = np.diff(time)
    if time.size < 2 or np.any(np.abs(steps / steps.mean() - 1.0) > 1e-6):
        raise UserError(asked, "its times are not evenly spaced", remedy)
    slack = 0.05
    if not places[0] - slack <= distance <= places[-1] + slack:
        raise UserError(
            asked,
            f"it reaches from {places[0]:.3f} to {places[-1]:.3f} m, and the sample is at "
            f"{distance:.3f} m",
            "Compute one that reaches the sample.",
        )
    above = int(np.clip(np.searchsorted(places, distance), 1, max(places.size - 1, 1)))
    if places.size == 1:
        return np.stack([time, wavelength[0]])
    part = np.clip((distance - places[above - 1]) / np.diff(places)[above - 1], 0.0, 1.0)
    between = wavelength[above - 1] * (1.0 - part) + wavelength[above] * part
    # At the edges of the band one of the two may have nothing
    exact = (
        wavelength[above - 1] if part == 0.0 else wavelength[above] if part == 1.0 else between
    )
    return np.stack([time, exact])
