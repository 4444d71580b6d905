"""Sums of a wedge on disk, equal to the bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.collect import Collected, CollectedWedge
from ewaldite.diffuse.wedge_sums import WedgeSums
from ewaldite.model.grid import Grid
from ewaldite.model.partition import Partition
from ewaldite.model.sums import Sums


def save_wedge(sums: WedgeSums, path: Path) -> None:
    """Write the sums of a wedge to an NPZ file."""
    header = {
        "grids": [[grid.n, grid.mode] for grid in sums.partition.grids],
        "filter": [sums.filter_grid.n, sums.filter_grid.mode],
        "summary": sums.summary,
    }
    _save(path, header, {"segments": sums.segments}, masked=sums.masked)


def load_wedge(path: Path) -> WedgeSums:
    """Read what :func:`save_wedge` wrote."""
    header, tables, arrays = _load(path)
    grids = [Grid((n[0], n[1], n[2]), mode) for n, mode in header["grids"]]
    n, mode = header["filter"]
    return WedgeSums(
        Partition.of(*grids),
        Grid((n[0], n[1], n[2]), mode),
        tables["segments"],
        arrays["masked"],
        header["summary"],
    )


def load_summary(path: Path) -> dict[str, float]:
    """Read the summary alone of what :func:`save_wedge` or :func:`save_collected` wrote."""
    summary: dict[str, float] = _header(path)["summary"]
    return summary


def load_masked(path: Path) -> NDArray[np.int64]:
    """Read the Bragg peaks alone of what :func:`save_wedge` wrote; dims (voxel, 3), int64.

    Raises
    ------
    ValueError
        If this part of the file is not what was written: an archive has the CRC-32 of each.
    """
    with path.open("rb") as stream:
        try:
            with np.load(stream, allow_pickle=False) as content:
                return np.asarray(content["masked"])
        except BadZipFile as error:
            raise ValueError(str(error)) from error


def save_collected(collected: CollectedWedge, path: Path) -> None:
    """Write a wedge on several grids to an NPZ file."""
    tables = {}
    for name, one in collected.grids.items():
        tables[f"{name}/included"] = one.included
        tables[f"{name}/excluded"] = one.excluded
    _save(path, {"names": list(collected.grids), "summary": collected.summary}, tables)


def load_collected(path: Path) -> CollectedWedge:
    """Read what :func:`save_collected` wrote."""
    header, tables, _ = _load(path)
    grids = {
        name: Collected(tables[f"{name}/included"], tables[f"{name}/excluded"])
        for name in header["names"]
    }
    return CollectedWedge(grids, header["summary"])


def _save(path: Path, header: dict[str, Any], tables: dict[str, Sums], **arrays: Any) -> None:
    content = dict(arrays)
    for name, table in tables.items():
        content[f"{name}:index"] = table.index.astype(np.int32)
        for column, values in table.columns.items():
            content[f"{name}:{column}"] = values
    with path.open("wb") as stream:
        np.savez(stream, **{"header": np.array(json.dumps(header)), **content})


def _header(path: Path) -> dict[str, Any]:
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as content:
        header: dict[str, Any] = json.loads(str(content["header"][()]))
        return header


def _load(path: Path) -> tuple[dict[str, Any], dict[str, Sums], dict[str, Any]]:
    columns: dict[str, dict[str, Any]] = {}
    arrays: dict[str, Any] = {}
    # A stream of our own is closed even where numpy finds no archive in it
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as content:
        header = json.loads(str(content["header"][()]))
        for key in content.files:
            table, colon, column = key.rpartition(":")
            if colon:
                columns.setdefault(table, {})[column] = content[key]
            elif key != "header":
                arrays[key] = content[key]
    tables = {
        name: Sums(named.pop("index").astype(np.int64), named)
        for name, named in columns.items()
    }
    return header, tables, arrays
