"""Incoherent (Compton) scattering of free atoms, with its source."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.errors import MissingExtraError, UserError

FloatArray = NDArray[np.float64]

#: Where the functions of :func:`incoherent` are from.
COMPTON_SOURCE = (
    "Hubbell et al., J. Phys. Chem. Ref. Data 4 (1975) 471, incoherent scattering functions; "
    "xraylib SF_Compt"
)

# Where the table begins, in sin θ/λ; below it S rises as the square of s
_FIRST = 0.001

# Compton wavelength of the electron, Å; CODATA 2018
_COMPTON_WAVELENGTH = 0.0242631023867


def incoherent(number: int, s: ArrayLike) -> FloatArray:
    """Incoherent scattering function S of an atom, from :data:`COMPTON_SOURCE`.

    Parameters
    ----------
    number:
        Atomic number, 1 … 98.
    s:
        Length of the scattering vector, 1/Å; any dims.

    Returns
    -------
    :
        Same dims, electrons², float64: 0 at s = 0, the atomic number at large s.

    Raises
    ------
    UserError
        xraylib has no table for the element.
    MissingExtraError
        xraylib is not installed.
    """
    xraylib = _xraylib()
    lengths = np.asarray(s, dtype=np.float64)
    out = np.zeros(lengths.size)
    for i, half in enumerate(lengths.ravel() / 2):
        try:
            out[i] = xraylib.SF_Compt(number, max(float(half), _FIRST))
        except ValueError as error:
            raise UserError(
                f"look up the Compton scattering of element {number} at s = {2 * half} 1/Å",
                str(error),
                "Leave the element out of the contents, or lower the resolution.",
            ) from error
    below = np.minimum(lengths / (2 * _FIRST), 1.0) ** 2
    return np.asarray(out.reshape(lengths.shape) * below)


def recoil(s: ArrayLike, wavelength: float) -> FloatArray:
    r"""Breit–Dirac factor of the number of Compton photons.

    The scattered photon has the energy :math:`E' = E / (1 + \lambda_C \lambda s^2 / 2)`, and
    their number is lower by (Breit, Phys. Rev. 27 (1926) 362; Dirac, Proc. R. Soc. A 111
    (1926) 405)

    .. math:: (E'/E)^2 = (1 + \lambda_C \lambda s^2 / 2)^{-2}

    (the energy that they carry by the cube of it).

    Parameters
    ----------
    s:
        Length of the scattering vector, 1/Å; any dims.
    wavelength:
        Å.

    Returns
    -------
    :
        Same dims, dimensionless, float64.
    """
    shift = _COMPTON_WAVELENGTH * wavelength * np.square(np.asarray(s, dtype=np.float64)) / 2
    return np.asarray((1 + shift) ** -2)


def _xraylib() -> Any:
    try:
        import xraylib
    except ImportError as error:
        raise MissingExtraError(
            "xraylib", "xray", "look up the Compton scattering of an element"
        ) from error
    return xraylib
