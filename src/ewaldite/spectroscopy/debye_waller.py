"""The Debye–Waller factor of vanadium, or of another cubic element."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.tables import vanadium as table

FloatArray = NDArray[np.float64]


def debye_waller(
    momentum: ArrayLike,
    temperature: float,
    *,
    mass: float = table.MOLAR_MASS,
    debye: float = table.DEBYE_TEMPERATURE,
) -> FloatArray:
    r"""Debye–Waller factor :math:`e^{-2W}` of a cubic element.

    :math:`2W = Q^2 \langle u^2\rangle`, :math:`\langle u^2\rangle = \frac{3\hbar^2}{M k_B
    \Theta} \left[\frac14 + \left(\frac T\Theta\right)^2 \int_0^{\Theta/T} \frac{x\,dx}{e^x - 1}
    \right]` (Debye; Squires, Introduction to the Theory of Thermal Neutron Scattering, 1978,
    3.8).

    Parameters
    ----------
    momentum:
        Q; dims (...), 1/Å.
    temperature:
        K.
    mass:
        g/mol.
    debye:
        Θ, K.

    Returns
    -------
    :
        dims (...), float64.
    """
    from scipy import constants

    ratio = temperature / debye
    # what is beyond 60 is below 1e-24 of it
    integral = _integral(min(1.0 / ratio, 60.0)) if ratio > 0 else 0.0
    atom = mass * 1e-3 / constants.N_A
    scale = 3.0 * constants.hbar**2 / (atom * constants.k * debye) * 1e20
    mean_square = scale * (0.25 + ratio**2 * integral)
    return np.asarray(np.exp(-mean_square * np.asarray(momentum, np.float64) ** 2))


def _integral(end: float) -> float:
    """Integral of x/(eˣ - 1) from 0, by Gauss and Legendre; scipy's takes a second to load."""
    node, weight = np.polynomial.legendre.leggauss(120)
    x = end * (1.0 + node) / 2.0
    return float(np.sum(weight * x / np.expm1(x)) * end / 2.0)
