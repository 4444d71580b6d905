"""Tables as comma-separated text."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO

import numpy as np
import scipp as sc
from numpy.typing import ArrayLike, NDArray

from ewaldite.errors import UserError
from ewaldite.io.atomic import PathLike, atomic_path
from ewaldite.io.export.rows import Table, blocks_of, shown
from ewaldite.io.nexus.layout import TABLE_DIM, intensity_unit, unit_text

# Rows that are turned to text at a time
_ROWS = 50_000


def write_csv(
    path: PathLike,
    table: Table,
    cell: ArrayLike | None = None,
    *,
    columns: Sequence[str] | None = None,
    space_group: str | None = None,
    notes: Sequence[str] = (),
) -> None:
    """Write a table as comma-separated text.

    Lines that begin with ``#`` say what it is. Then comes one line of names with units in
    brackets, ``h,k,l,intensity [counts/mrad^2/s],sigma [counts/mrad^2/s],…``, then one line for
    each row that has an intensity and is not masked, numbers with ten digits. It is read by
    ``pandas.read_csv(path, comment="#")`` and by ``numpy.genfromtxt``.

    Parameters
    ----------
    path:
        File to write; one of this name is replaced.
    table:
        dims (voxel), with ``h``, ``k``, ``l``, or ``u``, ``v``, ``w``; or its blocks, for
        tables longer than memory.
    cell:
        a, b, c, α, β, γ; dims (constant), Å and degrees; for the head.
    columns:
        Coordinates to write beside intensity and sigma; all those of the first block if None.
    space_group:
        For the head.
    notes:
        More lines for the head.

    Raises
    ------
    UserError
        If a block is no table, lacks a column, or the file cannot be written.
    """
    asked = f"write {path}"
    head = list(notes)
    if cell is not None:
        numbers = " ".join(f"{x:g}" for x in np.asarray(cell, dtype=np.float64))
        head.append(f"cell {numbers} (angstrom, degrees)")
    if space_group is not None:
        head.append(f"space group {space_group}")
    names: list[str] = []
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        for number, block in enumerate(blocks_of(table, asked, real=True)):
            if number == 0:
                names = _columns(block, columns)
                head += _scalars(block)
                file.writelines(f"# {line}\n" for line in ["ewaldite", *head])
            if missing := [x for x in names if x not in block.coords]:
                raise UserError(
                    asked, f"the table has no column {', '.join(missing)}", "Leave it out."
                )
            if number == 0:
                file.write(",".join(_titles(block, names)) + "\n")
            rows = np.flatnonzero(shown(block))
            for start in range(0, rows.size, _ROWS):
                file.write(_text(block, names, rows[start : start + _ROWS]))


def _columns(block: sc.DataArray, wanted: Sequence[str] | None) -> list[str]:
    others = [str(x) for x, c in block.coords.items() if c.dims == (TABLE_DIM,)]
    chosen = others if wanted is None else list(wanted)
    axes = ["h", "k", "l"] if "h" in block.coords else ["u", "v", "w"]
    return [*axes, *(x for x in chosen if x not in axes)]


def _scalars(block: sc.DataArray) -> list[str]:
    """Scalar coordinates, as the subdivision of the grid."""
    alone = {str(x): c for x, c in block.coords.items() if c.dims == ()}
    return [f"{name} {coord.value}" for name, coord in alone.items()]


def _titles(block: sc.DataArray, names: Sequence[str]) -> list[str]:
    unit = intensity_unit(block)
    signal = _titled(block.name or "intensity", unit)
    spread = [] if block.variances is None else [_titled("sigma", unit)]
    units = [block.coords[x].unit for x in names]
    titles = [
        _titled(x, "" if one is None else unit_text(one))
        for x, one in zip(names, units, strict=True)
    ]
    return [*titles[:3], signal, *spread, *titles[3:]]


def _titled(name: str, text: str) -> str:
    return (f"{name} [{text}]" if text else name).replace(",", ";")


def _text(block: sc.DataArray, names: Sequence[str], rows: NDArray[np.int64]) -> str:
    parts = [block.coords[x].values[rows] for x in names]
    signal = [block.values[rows]]
    if block.variances is not None:
        signal.append(np.sqrt(block.variances[rows]))
    columns = [*parts[:3], *signal, *parts[3:]]
    buffer = StringIO()
    np.savetxt(buffer, np.column_stack(columns), fmt="%.10g", delimiter=",")
    return buffer.getvalue()
