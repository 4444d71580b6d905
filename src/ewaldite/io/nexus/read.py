"""Files back to results."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import scipp as sc

from ewaldite.errors import UserError
from ewaldite.io.atomic import PathLike
from ewaldite.io.nexus.layout import FORMAT, TABLE_DIMS, text
from ewaldite.io.nexus.sample import Sample, read_sample
from ewaldite.io.nexus.tree import read_names, read_node
from ewaldite.model.provenance import Provenance

_DAMAGE = (
    *(OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError),
    *(sc.UnitError, sc.DimensionError, sc.DTypeError, sc.VariancesError),
)


@dataclass(frozen=True)
class FileInfo:
    """What a file says about its object without reading it.

    Attributes
    ----------
    kind:
        ``"table"``, ``"map"``, ``"array"`` or ``"group"``.
    sizes:
        Length of every dim of a table or a map, empty for others.
    columns:
        Names of the coordinates of a table or a map.
    sample:
        Cell, space group, orientation and grid.
    provenance:
        How it came about.
    """

    kind: str
    sizes: dict[str, int]
    columns: tuple[str, ...]
    sample: Sample
    provenance: Provenance


def load(
    path: PathLike,
    *,
    rows: tuple[int, int] | None = None,
    columns: Collection[str] | None = None,
    item: str | None = None,
    within: Mapping[str, tuple[float, float]] | None = None,
) -> Any:
    """Read a scipp object that :func:`~ewaldite.io.nexus.save` or a table writer wrote.

    Parameters
    ----------
    path:
        The file.
    rows:
        Of a table, the rows from the first number up to, not including, the second.
    columns:
        Of a table or map, the coordinates to read; the data and masks always are.
    item:
        Of a group, the one item to read.
    within:
        Of a map, for some of its dims the first and the last value of the coordinate; voxels
        that lie or reach between them are read.

    Returns
    -------
    :
        A table has the dim ``voxel``, coordinates ``h``, ``k``, ``l`` and data with
        variances and unit; a map has the dims h, k, l.

    Raises
    ------
    UserError
        If the file is missing, damaged, not of this program or of a newer version, or lacks a
        column.
    """
    with open_result(path) as entry:
        node = _object(entry)
        if item is not None:
            return read_node(_item(node, item, path))
        part = dict.fromkeys(TABLE_DIMS, slice(*rows)) if rows else {}
        part |= {dim: _between(node, dim, *ends) for dim, ends in (within or {}).items()}
        return read_node(node, part, columns)


def item_names(path: PathLike) -> list[str]:
    """Names of the items of a group in a file.

    Raises
    ------
    UserError
        As :func:`load`, and if the file holds no group.
    """
    with open_result(path) as entry:
        found: list[str] = json.loads(text(_object(entry).attrs["order"]))
        return found


def _item(node: h5py.Group, name: str, path: PathLike) -> h5py.Group:
    for child in node.values():
        if isinstance(child, h5py.Group) and text(child.attrs["name"]) == name:
            return child
    raise UserError(
        f"read '{name}' from {os.fspath(path)}",
        "it holds none of this name",
        "Make it again with the sweeps as they are named now.",
    )


def _between(node: h5py.Group, dim: str, first: float, last: float) -> slice:
    """Voxels whose extent along an axis of centres touches a range."""
    centre = np.asarray(node[dim])
    half = abs(float(centre[1] - centre[0])) / 2 if centre.size > 1 else 0.5
    reach = half * (1 + 1e-9)
    inside = np.flatnonzero((centre >= first - reach) & (centre <= last + reach))
    if not inside.size:
        raise UserError(
            f"read the voxels at {dim} = {first:g} … {last:g}",
            f"the map reaches from {centre[0] - half:g} to {centre[-1] + half:g}",
            "Choose a value inside.",
        )
    return slice(int(inside[0]), int(inside[-1]) + 1)


def iterate(
    path: PathLike, *, rows: int = 1_000_000, columns: Collection[str] | None = None
) -> Iterator[sc.DataArray]:
    """Read a table block by block.

    Parameters
    ----------
    path:
        The file.
    rows:
        Most rows of a block.
    columns:
        The coordinates to read, all if None.

    Yields
    ------
    :
        Blocks in order, dims (voxel); an empty table gives one empty block.

    Raises
    ------
    UserError
        As :func:`load`, and if the file holds no table.
    """
    with open_result(path) as entry:
        node = _object(entry)
        if text(entry.attrs["kind"]) != "table":
            raise UserError(
                f"read {os.fspath(path)} by rows",
                f"it holds a {text(entry.attrs['kind'])}",
                "Give the file of a table, as observations.nxs.",
            )
        total = next(iter(_sizes(node).values()))
        for start in range(0, max(total, 1), rows):
            part = dict.fromkeys(TABLE_DIMS, slice(start, start + rows))
            yield read_node(node, part, columns)


def read_info(path: PathLike) -> FileInfo:
    """Read what a file says about its object, however large that is.

    Raises
    ------
    UserError
        As :func:`load`.
    """
    with open_result(path) as entry:
        node = _object(entry)
        sizes: dict[str, int] = {}
        columns: tuple[str, ...] = ()
        if text(node.attrs["content"]) == "data_array":
            sizes = _sizes(node)
            columns = tuple(read_names(node))
        stored = json.loads(text(entry["process/provenance/data"]))
        return FileInfo(
            kind=text(entry.attrs["kind"]),
            sizes=sizes,
            columns=columns,
            sample=read_sample(entry),
            provenance=Provenance.from_dict(stored),
        )


@contextmanager
def open_result(path: PathLike) -> Iterator[h5py.Group]:
    """Open a result of this program and give its entry.

    Raises
    ------
    UserError
        If it is no such file; errors of the body that speak of a damaged file are turned
        into one too.
    """
    name = os.fspath(path)
    if not Path(path).is_file():
        found = "it is a folder" if Path(path).is_dir() else "there is no such file"
        raise _unreadable(name, found, "See whether its name is right.")
    try:
        with h5py.File(path, "r") as file:
            _check_format(name, file)
            yield file["entry"]
    except _DAMAGE as error:
        if isinstance(error, PermissionError):
            raise _unreadable(name, "reading it is not allowed", "Ask its owner.") from error
        if not h5py.is_hdf5(name):
            remedy = "Give a file that ewaldite wrote, as map.nxs."
            raise _unreadable(name, "it is not an HDF5 file", remedy) from error
        found = f"the file is truncated or damaged ({' '.join(str(error).split())[:200]})"
        remedy = "Make it again, or copy it again from where it is whole."
        raise _unreadable(name, found, remedy) from error


def _check_format(name: str, file: h5py.File) -> None:
    stored = file.attrs.get("ewaldite_format")
    if stored is None:
        raise _unreadable(
            name,
            "ewaldite did not write this file (no attribute 'ewaldite_format')",
            "Give a file that it wrote, as map.nxs.",
        )
    if int(stored) > FORMAT:
        raise _unreadable(
            name,
            f"its format is {int(stored)} and this version knows formats up to {FORMAT}",
            "Install a newer one: pip install --upgrade ewaldite",
        )


def _object(entry: h5py.Group) -> h5py.Group:
    return entry[text(entry.attrs["object"])]


def _sizes(node: h5py.Group) -> dict[str, int]:
    signal = node[text(node.attrs["signal"])]
    return dict(zip(json.loads(text(signal.attrs["dims"])), signal.shape, strict=False))


def _unreadable(name: str, found: str, remedy: str) -> UserError:
    return UserError(f"read {name}", found, remedy)


def is_foreign_hdf5(path: PathLike) -> bool:
    """Whether a file is HDF5 that this program did not write: an image series, perhaps."""
    try:
        with h5py.File(path, "r") as file:
            return "ewaldite_format" not in file.attrs
    except OSError:
        return False


def is_result(path: PathLike) -> bool:
    """Whether a file is one that this program wrote."""
    try:
        with h5py.File(path, "r") as file:
            return "ewaldite_format" in file.attrs
    except OSError:
        return False
