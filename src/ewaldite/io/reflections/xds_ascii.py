"""Reflections from XDS_ASCII files, as XDS and XSCALE write them."""

from __future__ import annotations

import numpy as np

from ewaldite.errors import UserError
from ewaldite.io.reflections.reflections import Reflections

#: First bytes of the file.
FIRST_WORD = b"!FORMAT=XDS_ASCII"

_NEEDED = ("H", "K", "L", "IOBS", "SIGMA(IOBS)")


def read_xds_ascii(content: bytes, name: str) -> Reflections:
    """Read intensities; those with a negative sigma are what XDS calls misfits, and left out.

    Parameters
    ----------
    content:
        The file.
    name:
        Its name, for messages.

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
    places: dict[str, int] = {}
    cell: tuple[float, ...] | None = None
    rows = []
    try:
        for line in content.decode("ascii", errors="replace").splitlines():
            if line.startswith("!ITEM_"):
                item, _, column = line[6:].partition("=")
                places[item.strip()] = int(column) - 1
            elif line.startswith("!UNIT_CELL_CONSTANTS="):
                cell = tuple(float(x) for x in line.split("=", 1)[1].split()[:6])
            elif line and not line.startswith("!"):
                words = line.split()
                rows.append([float(words[places[item]]) for item in _NEEDED])
    except (ValueError, IndexError, KeyError) as error:
        raise UserError(
            asked, f"its line {len(rows) + 1} of data or its header is damaged ({error})",
            "Copy or write the file again.",
        ) from error  # fmt: skip
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    good = np.isfinite(table[:, 3]) & (table[:, 4] > 0)
    return Reflections(
        table[good, :3].astype(np.int64),
        table[good, 3].copy(),
        table[good, 4].copy(),
        cell,
        f"items {_NEEDED[3]} and {_NEEDED[4]} of {name}",
    )
