r"""Magnetic form factors of ions.

The radial integrals :math:`\langle j_0\rangle`, :math:`\langle j_2\rangle` and
:math:`\langle j_4\rangle` are fitted, with :math:`s = |Q|/4\pi` in 1/Å, by

.. math::

    \langle j_0(s)\rangle = A e^{-a s^2} + B e^{-b s^2} + C e^{-c s^2} + D, \qquad
    \langle j_{2,4}(s)\rangle = s^2 (A e^{-a s^2} + B e^{-b s^2} + C e^{-c s^2} + D)

(P. J. Brown, International Tables for Crystallography C (2004), section 4.4.5; ions of the 5d
series with one exponential more, K. Kobayashi, T. Nagao & M. Ito, Acta Cryst. A67 (2011) 473;
where each number is from is said in ``magnetic_ions.txt``). In the dipole approximation an ion
whose moment has the Landé factor g scatters with

.. math:: F(Q) = \langle j_0\rangle + \frac{2-g}{g} \langle j_2\rangle, \qquad F(0) = 1 .
"""

from __future__ import annotations

import difflib
import re
from functools import lru_cache
from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import constants

from ewaldite.errors import UserError

FloatArray = NDArray[np.float64]

#: Where the numbers are from.
SOURCE: Final = (
    "P. J. Brown, International Tables for Crystallography C (2004), section 4.4.5; 5d: "
    "K. Kobayashi, T. Nagao & M. Ito, Acta Cryst. A67 (2011) 473"
)

#: Magnetic moment of the neutron in nuclear magnetons, without its sign (CODATA 2018).
GAMMA: Final = abs(
    constants.physical_constants["neutron mag. mom. to nuclear magneton ratio"][0]
)

#: (γ r₀)², barn: 0.2906, with the classical radius of the electron (CODATA 2018).
GAMMA_R0_SQUARED: Final = float(
    (GAMMA * constants.physical_constants["classical electron radius"][0]) ** 2 * 1e28
)

#: (γ r₀/2)², barn for a moment of one Bohr magneton squared: 0.07265.
PER_BOHR_MAGNETON: Final = GAMMA_R0_SQUARED / 4.0

_NAME = re.compile(r"([A-Za-z]{1,2}?)\s*\^?\{?(?:(\d)\s*\+?|\+\s*(\d)|(\+))?\}?")


def ions() -> tuple[str, ...]:
    """Ions that are tabulated, as in ``"Fe2"`` for Fe²⁺; neutral atoms have a 0."""
    return tuple(_table())


def ion_name(text: str) -> str:
    """Name of an ion in the table.

    Parameters
    ----------
    text:
        As in ``"Fe2"``, ``"Fe2+"``, ``"Fe+2"``, ``"fe^{2+}"``; ``"Fe"`` is the neutral atom.

    Raises
    ------
    UserError
        If it is not tabulated; with the nearest ones.
    """
    match = _NAME.fullmatch(text.strip())
    name = text
    if match:
        charge = match[2] or match[3] or ("1" if match[4] else "0")
        name = match[1].capitalize() + charge
        if name in _table():
            return name
        same = [ion for ion in _table() if ion[:-1] == name[:-1]]
    near = (match and same) or difflib.get_close_matches(name, _table(), n=3, cutoff=0.3)
    raise UserError(
        f"find the magnetic form factor of '{text}'",
        "this ion is not tabulated",
        f"The nearest are {', '.join(near)}." if near else "Give one as in 'Fe2' for Fe²⁺.",
    )


def radial_integral(ion: str, order: int, q: ArrayLike) -> FloatArray:
    """⟨j₀⟩, ⟨j₂⟩ or ⟨j₄⟩ of an ion.

    Parameters
    ----------
    ion:
        See :func:`ion_name`.
    order:
        0, 2 or 4.
    q:
        Length of Q; dims (...), 1/Å.

    Returns
    -------
    :
        dims (...), float64.

    Raises
    ------
    UserError
        If the ion, or this order of it, is not tabulated.
    """
    name = ion_name(ion)
    rows = _table()[name]
    if order not in rows:
        raise UserError(
            f"find <j{order}> of {name}",
            f"only {', '.join(f'<j{n}>' for n in rows)} are tabulated",
            "Leave it out.",
        )
    square = (np.asarray(q, dtype=np.float64) / (4.0 * np.pi)) ** 2
    *pairs, constant = rows[order]
    total = np.full_like(square, constant)
    for factor, exponent in zip(pairs[::2], pairs[1::2], strict=True):
        total += factor * np.exp(-exponent * square)
    return np.asarray(total if order == 0 else square * total)


def form_factor(ion: str, q: ArrayLike, g: float = 2.0) -> FloatArray:
    """Magnetic form factor in the dipole approximation.

    Parameters
    ----------
    ion:
        See :func:`ion_name`.
    q:
        Length of Q; dims (...), 1/Å.
    g:
        Landé factor: 2 for a moment of spin alone, g_J for a rare earth.

    Returns
    -------
    :
        F, 1 at Q = 0; dims (...), float64.

    Raises
    ------
    UserError
        If the ion is not tabulated, or g is not positive.
    """
    if not g > 0.0:
        raise UserError("use a Landé factor", f"g is {g:g}", "Give a positive one, as 2.")
    total = radial_integral(ion, 0, q)
    if g != 2.0:
        total = total + (2.0 - g) / g * radial_integral(ion, 2, q)
    return total


@lru_cache
def _table() -> dict[str, dict[int, tuple[float, ...]]]:
    text = resources.files("ewaldite.tables").joinpath("magnetic_ions.txt").read_text("utf-8")
    found: dict[str, dict[int, tuple[float, ...]]] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            ion, order, *numbers = line.split()
            found.setdefault(ion, {})[int(order)] = tuple(map(float, numbers))
    return found
