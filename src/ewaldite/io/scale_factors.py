"""Scale factors of other programs: a table, or INTEGRATE.LP of XDS."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ewaldite.errors import UserError

_HEADER = re.compile(r"^\s*IMAGE\s+IER\s+SCALE\b")
_ROW = re.compile(r"^\s*(\d+)\s+(-?\d+)\s+(\d*\.\d+)\s")
_PLACES = {"frame", "angle"}
_REMEDY = (
    "Give a table with a line of names, 'sweep', 'frame' or 'angle', and 'factor', "
    "separated by commas or blanks; or INTEGRATE.LP."
)


@dataclass(frozen=True)
class FactorTable:
    """Scale factors as a file gives them.

    Attributes
    ----------
    path:
        The file.
    sweep:
        Name of the sweep of each row; empty if the file names none.
    kind:
        Whether places are frame numbers or spindle angles.
    place:
        Frame number as in file names, or angle, degrees; dims (row), float64.
    factor:
        Factors by which observed intensities are too large; dims (row), float64, positive.
    """

    path: Path
    sweep: tuple[str, ...]
    kind: Literal["frame", "angle"]
    place: NDArray[np.float64]
    factor: NDArray[np.float64]


def read_scale_factors(path: Path) -> FactorTable:
    """Read scale factors.

    Either a table of text: its first line names the columns ``factor``, ``frame`` or ``angle``
    and, if there are several sweeps, ``sweep``; others are passed over, as are lines that
    begin with #. Columns are separated by commas, semicolons or blanks. Or INTEGRATE.LP of XDS,
    whose column SCALE is the factor of the background of each image; images with an error
    are passed over. DIALS does not promise the form of the scaling models in its .expt
    files; write ``inverse_scale_factor`` over ``xyzobs.px`` as a table.

    Parameters
    ----------
    path:
        The file.

    Returns
    -------
    :
        The factors, in the order of the file.

    Raises
    ------
    UserError
        The file cannot be read, or is neither.
    """
    asked = f"read scale factors from {path}"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise UserError(asked, "there is no such file", "Correct its name.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(asked, f"it is no readable text: {error}", _REMEDY) from error
    xds = any(_HEADER.match(line) for line in lines)
    table = _integrate(path, lines) if xds else _columns(path, asked, lines)
    if table.factor.size == 0:
        raise UserError(asked, "it holds no factor", _REMEDY)
    bad = np.flatnonzero(~(np.isfinite(table.factor) & (table.factor > 0)))
    if bad.size:
        found = f"factor number {bad[0] + 1} is {table.factor[bad[0]]:g}"
        raise UserError(
            asked, found, "Give factors above zero, by which intensity is multiplied."
        )
    return table


def _integrate(path: Path, lines: list[str]) -> FactorTable:
    """Column SCALE of the tables of images in INTEGRATE.LP; the last of an image counts."""
    factors: dict[int, float] = {}
    inside = False
    for line in lines:
        row = _ROW.match(line)
        inside = bool(_HEADER.match(line)) or (inside and row is not None)
        if inside and row is not None and int(row.group(2)) == 0:
            factors[int(row.group(1))] = float(row.group(3))
    frames = np.array(sorted(factors), dtype=np.float64)
    values = np.array([factors[int(n)] for n in frames], dtype=np.float64)
    return FactorTable(path, (), "frame", frames, values)


def _columns(path: Path, asked: str, lines: list[str]) -> FactorTable:
    rows = [
        _cells(line) for line in lines if line.strip() and not line.lstrip().startswith("#")
    ]
    names = [name.lower() for name in rows[0]] if rows else []
    places = _PLACES & set(names)
    if "factor" not in names or len(places) != 1:
        raise UserError(asked, f"its first line is {' '.join(names)!r}", _REMEDY)
    for number, row in enumerate(rows[1:], start=1):
        if len(row) != len(names):
            found = f"row {number} has {len(row)} values, and there are {len(names)} names"
            raise UserError(asked, found, _REMEDY)
    column = dict(zip(names, zip(*rows[1:], strict=True), strict=False))
    kind: Literal["frame", "angle"] = "frame" if "frame" in places else "angle"
    place, factor = column.get(kind, ()), column.get("factor", ())
    try:
        numbers = np.array(place, dtype=np.float64), np.array(factor, dtype=np.float64)
    except ValueError as error:
        raise UserError(asked, f"a value is no number: {error}", _REMEDY) from error
    return FactorTable(path, tuple(column.get("sweep", ())), kind, *numbers)


def _cells(line: str) -> list[str]:
    return [cell.strip("\"'") for cell in re.split(r"\s*[,;]\s*|\s+", line.strip())]
