"""Numbers with a unit, as users write them."""

from __future__ import annotations

import math
import re

import scipp as sc

from ewaldite.errors import UserError

_PATTERN = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(.*?)\s*")


def parse_quantity(text: str, unit: str, option: str) -> float:
    """Read a number with a unit.

    Parameters
    ----------
    text:
        As in ``"1 mm"``, ``"3.7 /mm"``, ``"293 K"``.
    unit:
        Unit wanted.
    option:
        Name of the option, for the message.

    Returns
    -------
    :
        The number in the unit wanted.

    Raises
    ------
    UserError
        If the text is no number with a unit that can be converted.
    """
    match = _PATTERN.fullmatch(text)
    asked, remedy = f"read the option {option}", f"Write it as in '1.5 {unit}'."
    if match is None or not match[2] or not math.isfinite(float(match[1])):
        raise UserError(asked, f"'{text}' is no number with a unit", remedy)
    given = "1" + match[2] if match[2].startswith("/") else match[2]
    try:
        return float(sc.scalar(float(match[1]), unit=given).to(unit=unit).value)
    except sc.UnitError as error:
        raise UserError(asked, f"'{text}' is not in units of {unit}", remedy) from error
