"""Cuts as comma-separated text."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from typing import Any

import numpy as np
import scipp as sc

from ewaldite.errors import UserError
from ewaldite.io.atomic import PathLike, atomic_path
from ewaldite.io.nexus.layout import intensity_unit, unit_text
from ewaldite.model.provenance import Provenance

_ROWS = 50_000
_COLUMNS = ("lower", "upper", "coverage", "events", "background", "time_background", "factor")


def write_cut_csv(
    path: PathLike, cut: sc.DataGroup[Any], provenance: Provenance | None = None
) -> int:
    """Write a cut as comma-separated text, one row a bin.

    Lines that begin with ``#`` say what it is, its bins, and how it was made. Then comes one
    line of names with units in brackets, ``h,energy_transfer [meV],S [barn/meV/sr],sigma
    [barn/meV/sr],lower …,upper …,coverage,events [counts]``, and a line for each bin that has
    coverage: the centre of the bin and numbers with ten digits. Bins without coverage are
    absent. It is read by ``pandas.read_csv(path, comment="#")`` and ``numpy.genfromtxt``.

    Parameters
    ----------
    path:
        File to write; one of this name is replaced.
    cut:
        What ``cuts/NAME.nxs`` holds: ``S`` with variances and the mask ``no_coverage``.
    provenance:
        For the head.

    Returns
    -------
    :
        Number of rows.

    Raises
    ------
    UserError
        If it is no cut, or the file cannot be written.
    """
    signal = cut.get("S") if isinstance(cut, sc.DataGroup) else None
    if not isinstance(signal, sc.DataArray) or signal.variances is None:
        raise UserError(f"write {path}", "this is no cut", "Give a file of cuts/, as qh_e.nxs.")
    absent = np.zeros(signal.shape, np.bool_)
    for mask in signal.masks.values():
        absent |= mask.values
    rows = np.flatnonzero(~absent.ravel())
    place = np.unravel_index(rows, signal.shape)
    columns = [
        (_title(axis, signal.coords[axis].unit), _centres(signal, axis)[index])
        for axis, index in zip(signal.dims, place, strict=True)
    ]
    unit = intensity_unit(signal)
    columns.append((_named("S", unit), signal.values.ravel()[rows]))
    columns.append((_named("sigma", unit), np.sqrt(signal.variances.ravel()[rows])))
    for name in _COLUMNS:
        if name in cut:
            column = cut[name]
            columns.append((_named(name, intensity_unit(column)), column.values.ravel()[rows]))
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        head = _head(signal, cut, rows.size, provenance)
        file.writelines(f"# {line}\n" for line in head)
        file.write(",".join(title for title, _ in columns) + "\n")
        for start in range(0, rows.size, _ROWS):
            part = np.column_stack([v[start : start + _ROWS] for _, v in columns])
            buffer = StringIO()
            np.savetxt(buffer, part, fmt="%.10g", delimiter=",")
            file.write(buffer.getvalue())
    return int(rows.size)


def _head(
    signal: sc.DataArray, cut: sc.DataGroup[Any], rows: int, provenance: Provenance | None
) -> Sequence[str]:
    lines = ["ewaldite", f"cut {cut['cut']['name']}" if "cut" in cut else "cut"]
    for axis in signal.dims:
        edges = signal.coords[axis]
        lines.append(
            f"{_title(axis, edges.unit)} from {edges.values[0]:g} to {edges.values[-1]:g} in "
            f"{edges.size - 1} bins; centres are given"
        )
    integrated = cut["cut"].get("integrate", {}) if "cut" in cut else {}
    lines += [f"integrated over {n} from {a:g} to {b:g}" for n, (a, b) in integrated.items()]
    if "folded_by" in cut:
        lines.append(f"folded by the rotations of {cut['folded_by']}")
    lines.append(f"{rows} of {signal.size} bins have coverage; the others are left out")
    if provenance is not None:
        lines.append(f"made by ewaldite {provenance.version} with: {provenance.command}")
        lines += [f"input {name} {digest}" for name, digest in provenance.inputs.items()]
        lines += [f"note: {note}" for note in provenance.notes]
    return [" ".join(line.split()) for line in lines]


def _centres(signal: sc.DataArray, axis: str) -> Any:
    edges = signal.coords[axis].values
    return (edges[1:] + edges[:-1]) / 2


def _title(name: str, unit: Any) -> str:
    return _named(name, "" if unit is None else unit_text(unit))


def _named(name: str, unit: str) -> str:
    return f"{name} [{unit}]" if unit else name
