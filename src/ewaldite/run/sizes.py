"""Sizes of memory, spans of time and numbers of things as people write and read them."""

from __future__ import annotations

import math
import re

_POWERS = "kmgtp"
_SIZE = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(?:([kmgtp]?)(i?)b)\s*", re.IGNORECASE)


def parse_bytes(text: str) -> int | None:
    """Read a size such as ``"1.5 GB"`` or ``"800 MiB"``.

    ``kB``, ``MB``, ``GB``, ``TB`` count in thousands, ``KiB``, ``MiB``, ``GiB``, ``TiB`` in
    1024s (IEC 80000-13); the case of the letters does not matter.

    Returns
    -------
    :
        Bytes, rounded up; None where the text is no size with its unit.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        return None
    number, prefix, binary = match.groups()
    power = _POWERS.index(prefix.lower()) + 1 if prefix else 0
    unit = 1024 if binary else 1000
    return math.ceil(float(number) * math.prod([unit] * power))


def format_bytes(size: float) -> str:
    """Write a size in three digits, as in ``"1.23 GB"``, never less than it is.

    It is rounded up so that a budget of the size that a message names is enough.
    """
    whole = math.ceil(size)
    power = 0
    while whole >= 1000 ** (power + 1) and power < len(_POWERS):
        power += 1
    unit = 1000**power
    decimals = 0 if power == 0 or whole >= 100 * unit else 1 if whole >= 10 * unit else 2
    rounded = -(-whole * 10**decimals // unit) / 10**decimals
    return f"{rounded:g} {('B', 'kB', 'MB', 'GB', 'TB', 'PB')[power]}"


def counted(number: int, units: str) -> str:
    """Write a number of things named in plural, as in ``"2 frames"``, ``"1 frame"``."""
    return f"{number} {units.removesuffix('s') if number == 1 else units}"


def format_seconds(seconds: float) -> str:
    """Write a span of time in its two largest units, as in ``"2 h 05 min"``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = whole // 60
    return f"{minutes // 60} h {minutes % 60:02d} min"
