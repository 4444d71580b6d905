"""Chemical formulas."""

from __future__ import annotations

import re

from ewaldite.crystal.contents import CellContents, neutral_symbols
from ewaldite.errors import UserError

_PART = re.compile(r"([A-Za-z]{1,2}?)\s*(\d+(?:\.\d*)?)?(?=\s|[A-Z(]|$)")


def from_formula(formula: str, charge: float = 0.0) -> CellContents:
    """Atoms of a chemical formula.

    Parameters
    ----------
    formula:
        Elements with their numbers, with or without blanks: ``"C 613 H 959 N 193 O 185 S 10"``,
        ``"N O3"``, ``"C6H12O6"``.
    charge:
        Net charge, elementary charges.

    Returns
    -------
    :
        The atoms, without bonds.

    Raises
    ------
    UserError
        The formula cannot be read, or an element is unknown.
    """
    elements: dict[str, float] = {}
    text, at = formula.strip(), 0
    while at < len(text):
        match = _PART.match(text, at)
        if match is None or match.end() == at:
            raise UserError(
                f"read the formula '{formula}'",
                f"'{text[at:]}' is no element with a number",
                "Write it as in 'C 6 H 12 O 6' or 'C6H12O6', without brackets.",
            )
        number = float(match[2]) if match[2] else 1.0
        elements[match[1]] = elements.get(match[1], 0.0) + number
        at = match.end()
        while at < len(text) and text[at].isspace():
            at += 1
    if not any(elements.values()):
        raise UserError(
            "read a chemical formula", f"'{formula}' holds no atom", "Write it as in 'N O3'."
        )
    return CellContents(neutral_symbols(elements), charge, source=f"formula {text}")
