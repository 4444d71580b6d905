"""Photons that atoms absorb and send out again: a warning, not a correction."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ewaldite.crystal.form_factors import anomalous

# Classical electron radius in Å; CODATA 2018
_ELECTRON_RADIUS = 2.8179403262e-5
# A photon-counting detector is commonly set to count photons above half the beam's energy
_THRESHOLD = 0.5
_STEPS = 60


def edge_wavelength(symbol: str, wavelength: float) -> float | None:
    """Absorption edge that lies between half the photon energy and the photon energy.

    Without an edge f″ falls with energy; where it rises there is one.

    Parameters
    ----------
    symbol:
        The element.
    wavelength:
        Of the beam, Å.

    Returns
    -------
    :
        Wavelength of the edge next to the beam's energy to 1 %, Å; None if there is none.

    Raises
    ------
    UserError
        There is no such element, or the wavelength is not positive.
    """
    steps = wavelength * np.geomspace(1.0, 1.0 / _THRESHOLD, _STEPS + 1)
    absorbed = np.array([anomalous(symbol, float(x)).imag for x in steps])
    # from high to low energy f″ must rise
    edges = np.flatnonzero(absorbed[1:] < absorbed[:-1])
    return None if edges.size == 0 else float(np.sqrt(steps[edges[0]] * steps[edges[0] + 1]))


def fluorescence_bound(symbol: str, wavelength: float) -> float:
    r"""Upper bound of the fluorescence of an atom on the scale of its scattering.

    An atom absorbs with a cross-section :math:`2 r_e \lambda f''` (the optical theorem); if
    every absorbed photon were sent out again, evenly in all directions, their number would be
    that of

    .. math:: I = \frac{\lambda f''}{2 \pi r_e}

    electrons². The yield lowers it: some 0.3 for the K shell of iron, 0.6 of selenium.

    Parameters
    ----------
    symbol:
        The element.
    wavelength:
        Å.

    Returns
    -------
    :
        electrons².

    Raises
    ------
    UserError
        There is no such element, or the wavelength is not positive.
    """
    return wavelength * anomalous(symbol, wavelength).imag / (2 * np.pi * _ELECTRON_RADIUS)


def fluorescence_notes(elements: Mapping[str, float], wavelength: float) -> tuple[str, ...]:
    """Warn of elements that fluoresce above the threshold of a detector.

    Parameters
    ----------
    elements:
        Number of atoms in the unit cell, by element.
    wavelength:
        Å.

    Returns
    -------
    :
        One sentence an element.

    Raises
    ------
    UserError
        There is no such element, or the wavelength is not positive.
    """
    notes = []
    for symbol, number in elements.items():
        edge = edge_wavelength(symbol, wavelength)
        if edge is None or number <= 0:
            continue
        bound = number * fluorescence_bound(symbol, wavelength)
        notes.append(
            f"Fluorescence of {symbol}: the wavelength {wavelength:.4g} Å is above its "
            f"absorption edge at {edge:.3g} Å; it can add up to {bound:.0f} electrons² per "
            "unit cell, alike in all directions, which is not subtracted and lowers the scale."
        )
    return tuple(notes)
