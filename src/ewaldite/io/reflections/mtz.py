"""Reflections from MTZ files (CCP4; the layout is that of its library's documentation)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ewaldite.errors import UserError
from ewaldite.io.reflections.reflections import Reflections

#: First bytes of the file.
MAGIC = b"MTZ "

_RECORD = 80
_FIRST_WORD = 20
_BIG_ENDIAN = 1


@dataclass(frozen=True)
class _Header:
    labels: list[str]
    types: list[str]
    rows: int
    cell: tuple[float, ...] | None
    missing: float


def read_mtz(content: bytes, name: str, columns: tuple[str, str] | None = None) -> Reflections:
    """Read intensities.

    Parameters
    ----------
    content:
        The file.
    name:
        Its name, for messages.
    columns:
        See :func:`~ewaldite.io.reflections.read_reflections`.

    Returns
    -------
    :
        The reflections.

    Raises
    ------
    UserError
        The file is damaged or lacks the columns.
    """
    asked = f"read the reflections {name}"
    try:
        header, table = _table(content)
    except (ValueError, IndexError, TypeError) as error:
        raise UserError(
            asked, f"its header or data are damaged ({error})", "Copy or write the file again."
        ) from error
    value, sigma, squared = _chosen(asked, header, columns)
    at = {label: table[:, i].astype(np.float64) for i, label in enumerate(header.labels)}
    intensity, spread = at[value], at[sigma]
    if squared:
        intensity, spread = at[value] ** 2, 2 * np.abs(at[value]) * at[sigma]
    good = np.isfinite(intensity) & np.isfinite(spread) & (spread > 0)
    good &= at[value] != np.float32(header.missing)
    return Reflections(
        np.rint(table[good, :3]).astype(np.int64),
        intensity[good],
        spread[good],
        header.cell,
        f"columns {value}{'²' if squared else ''} and {sigma} of {name}",
    )


def _table(content: bytes) -> tuple[_Header, NDArray[np.float32]]:
    order = ">" if content[8] >> 4 == _BIG_ENDIAN else "<"
    place = int(np.frombuffer(content, f"{order}i4", 1, 4)[0])
    if place == -1:
        place = int(np.frombuffer(content, f"{order}i8", 1, 12)[0])
    header = _header(content[(place - 1) * 4 :].decode("ascii", errors="replace"))
    count = header.rows * len(header.labels)
    if place - 1 < _FIRST_WORD + count or count == 0:
        raise ValueError(f"{header.rows} reflections of {len(header.labels)} columns")
    data = np.frombuffer(content, f"{order}f4", count, _FIRST_WORD * 4)
    return header, data.reshape(header.rows, len(header.labels))


def _header(text: str) -> _Header:
    labels, types, rows, missing = [], [], 0, float("nan")
    cells: list[tuple[float, ...]] = []
    for start in range(0, len(text), _RECORD):
        word, *rest = text[start : start + _RECORD].split() or [""]
        if word == "NCOL":
            rows = int(rest[1])
        elif word == "COLUMN":
            labels.append(rest[0])
            types.append(rest[1])
        elif word in ("CELL", "DCELL"):
            cells.append(tuple(float(x) for x in rest[-6:]))
        elif word == "VALM":
            missing = float(rest[0])
        elif word == "END":
            break
    # the cell of a data set, which comes after that of the file, is the measured one
    return _Header(labels, types, rows, cells[-1] if cells else None, missing)


def _chosen(
    asked: str, header: _Header, columns: tuple[str, str] | None
) -> tuple[str, str, bool]:
    """Labels of value and sigma, and whether the value is an amplitude."""
    kinds = dict(zip(header.labels, header.types, strict=True))
    if columns is not None:
        missing = [label for label in columns if label not in kinds]
        if missing:
            raise UserError(
                asked,
                f"it has no column {', '.join(missing)}",
                f"Its columns are {', '.join(header.labels)}.",
            )
        return (*columns, kinds[columns[0]] == "F")
    for wanted in ("J", "F"):
        for place, label in enumerate(header.labels[:-1]):
            if kinds[label] == wanted and kinds[header.labels[place + 1]] == "Q":
                return label, header.labels[place + 1], wanted == "F"
    raise UserError(
        asked,
        "it has no intensity (type J) or amplitude (F) with a sigma (Q) after it",
        f"Name two of its columns, {', '.join(header.labels)}, in [absolute] "
        "reference_columns.",
    )
