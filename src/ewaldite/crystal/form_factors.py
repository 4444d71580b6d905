"""Coherent scattering of free atoms: form factors and anomalous terms, each with its source."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version

import gemmi
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.errors import UserError

FloatArray = NDArray[np.float64]

_GEMMI = version("gemmi")

#: Where the form factors of :func:`form_factor` are from.
FORM_FACTOR_SOURCE = (
    "International Tables for Crystallography C (1992), table 6.1.1.4, neutral atoms, H as "
    f"bonded hydrogen (Stewart, Davidson & Simpson 1965); gemmi {_GEMMI}"
)
#: Where the terms of :func:`anomalous` are from.
ANOMALOUS_SOURCE = (
    "Cromer & Liberman (1981) with the relativistic correction of Kissel & Pratt (1990); "
    f"gemmi {_GEMMI}"
)

# hc in eV Å; CODATA 2018, exact
_EV_ANGSTROM = 12398.419843320026
_HEAVIEST_FORM_FACTOR = 98
_LIGHTEST_ANOMALOUS, _HEAVIEST_ANOMALOUS = 3, 92
_SYMBOLS = {gemmi.Element(z).name.upper(): z for z in range(1, 119)}


def atomic_number(symbol: str) -> int:
    """Atomic number of an element.

    Parameters
    ----------
    symbol:
        Symbol in any case; ``"D"`` is hydrogen.

    Returns
    -------
    :
        1 … 98.

    Raises
    ------
    UserError
        There is no such element, or no form factor for it.
    """
    number = _SYMBOLS.get("H" if symbol.upper() == "D" else symbol.strip().upper(), 0)
    if not 1 <= number <= _HEAVIEST_FORM_FACTOR:
        raise UserError(
            "look up the scattering of an atom",
            f"'{symbol}' is no element from hydrogen to californium",
            "Give symbols of elements, as in C, N, Fe.",
        )
    return number


def element_symbol(number: int) -> str:
    """Symbol of the element of an atomic number, 1 … 98."""
    return str(gemmi.Element(number).name)


def atomic_mass(symbol: str) -> float:
    """Mass of an atom, g/mol; raises as :func:`atomic_number`."""
    return float(gemmi.Element(atomic_number(symbol)).weight)


@dataclass(frozen=True)
class GaussianSum:
    r"""A function of the length of s as a sum of Gaussians and a constant.

    .. math:: f(s) = c + \sum_i a_i\, e^{-b_i (s/2)^2}

    Attributes
    ----------
    a, b:
        Heights and widths; electrons and Å².
    c:
        The constant; electrons.
    """

    a: tuple[float, ...]
    b: tuple[float, ...]
    c: float

    def __call__(self, s: ArrayLike) -> FloatArray:
        """Evaluate; s in 1/Å with any dims, result of the same dims, float64."""
        quarter = np.square(np.asarray(s, dtype=np.float64) / 2)
        terms = (a * np.exp(-b * quarter) for a, b in zip(self.a, self.b, strict=True))
        return np.asarray(self.c + sum(terms))


def form_factor(symbol: str) -> GaussianSum:
    """Form factor f0 of a neutral atom.

    From :data:`FORM_FACTOR_SOURCE`, valid for s up to 4 1/Å. Hydrogen is that of a
    bonded atom, contracted to the bond (Stewart, Davidson & Simpson, J. Chem. Phys. 42 (1965)
    3175), as one in a molecule is.

    Parameters
    ----------
    symbol:
        The element.

    Returns
    -------
    :
        f0 of s, electrons.

    Raises
    ------
    UserError
        There is no such element.
    """
    coefficients = gemmi.Element(atomic_number(symbol)).it92.get_coefs()
    # gemmi holds them in single precision: the shortest decimal that gives the same
    # single is the number that is printed in the table
    printed = [float(str(np.float32(x))) for x in coefficients]
    return GaussianSum(tuple(printed[:4]), tuple(printed[4:8]), printed[8])


def anomalous(symbol: str, wavelength: float) -> complex:
    """Anomalous terms f′ + i f″ of an atom, from :data:`ANOMALOUS_SOURCE`.

    Parameters
    ----------
    symbol:
        The element; zero for hydrogen, helium and elements beyond uranium, for which there is
        no table.
    wavelength:
        Å.

    Returns
    -------
    :
        electrons.

    Raises
    ------
    UserError
        There is no such element, or the wavelength is not positive.
    """
    number = atomic_number(symbol)
    if not 0 < wavelength < np.inf:
        raise UserError(
            "look up anomalous scattering",
            f"the wavelength is {wavelength} Å",
            "It must be a positive number.",
        )
    return _anomalous(number, _EV_ANGSTROM / wavelength)


def _anomalous(number: int, energy: float) -> complex:
    if not _LIGHTEST_ANOMALOUS <= number <= _HEAVIEST_ANOMALOUS:
        return 0j
    real, imaginary = gemmi.cromer_liberman(number, energy)
    return complex(real, imaginary)
