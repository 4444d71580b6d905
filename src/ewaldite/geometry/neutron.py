"""Speed, wavelength and energy of a neutron from its wavenumber, and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ewaldite.model.experiment import FloatArray
from ewaldite.tables.neutron import H_OVER_MASS, HBAR_OVER_MASS, K2_TO_MEV


def speed(wavenumber: ArrayLike) -> FloatArray:
    r"""Speed :math:`v = \hbar k / m` (de Broglie).

    Parameters
    ----------
    wavenumber:
        dims (...), 1/Å, float64.

    Returns
    -------
    :
        dims (...), m/s, float64.
    """
    return np.asarray(HBAR_OVER_MASS * np.asarray(wavenumber, dtype=np.float64))


def energy(wavenumber: ArrayLike) -> FloatArray:
    r"""Energy :math:`E = \hbar^2 k^2 / 2m`.

    Parameters
    ----------
    wavenumber:
        dims (...), 1/Å, float64.

    Returns
    -------
    :
        dims (...), meV, float64.
    """
    return np.asarray(K2_TO_MEV * np.asarray(wavenumber, dtype=np.float64) ** 2)


def wavenumber(energy: ArrayLike) -> FloatArray:
    r"""Wavenumber :math:`k = \sqrt{2 m E} / \hbar` of an energy.

    Parameters
    ----------
    energy:
        dims (...), meV, float64, not negative.

    Returns
    -------
    :
        dims (...), 1/Å, float64.
    """
    return np.asarray(np.sqrt(np.asarray(energy, dtype=np.float64) / K2_TO_MEV))


def speed_of_wavelength(wavelength: ArrayLike) -> FloatArray:
    r"""Speed :math:`v = h / m \lambda`.

    Parameters
    ----------
    wavelength:
        dims (...), Å, float64.

    Returns
    -------
    :
        dims (...), m/s, float64.
    """
    return np.asarray(H_OVER_MASS / np.asarray(wavelength, dtype=np.float64))
