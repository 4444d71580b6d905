"""Opening a raw file, and reading single fields of it with their units."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import scipp as sc

from ewaldite.errors import UserError
from ewaldite.io.atomic import PathLike
from ewaldite.model.experiment import FloatArray, IntArray

_DAMAGE = (OSError, KeyError, RuntimeError)
#: What HDF5 says of a file that another program has open for writing.
_OPEN_ELSEWHERE = ("unable to lock", "already open for write", "consistency flags")


@contextmanager
def open_raw(path: PathLike) -> Iterator[h5py.File]:
    """Open a raw file; one that is still being written as far as its writer allows.

    A writer in the mode SWMR (single writer, multiple readers) of HDF5 lets others read what
    it has flushed. A file that another program has open in another way is refused.

    Parameters
    ----------
    path:
        The file.

    Yields
    ------
    :
        The open file, in ``swmr_mode`` if it is still being written; HDF5's complaints while it
        is read become a clear word too.

    Raises
    ------
    UserError
        If there is no such file, it is no HDF5, is truncated or damaged, or is still written.
    """
    name = os.fspath(path)
    asked = f"read {name}"
    if not Path(path).is_file():
        found = "it is a folder" if Path(path).is_dir() else "there is no such file"
        raise UserError(asked, found, "See whether its name is right.")
    try:
        with _opened(name) as file:
            yield file
    except _DAMAGE as error:
        message = " ".join(str(error).split())
        if isinstance(error, PermissionError):
            raise UserError(asked, "reading it is not allowed", "Ask its owner.") from error
        if any(words in message for words in _OPEN_ELSEWHERE):
            raise UserError(
                asked,
                "it is still being written by a program that lets no other read it, or its "
                "writer died",
                "Wait until the run has ended; if it has, run 'h5clear -s' on a copy.",
            ) from error
        if not h5py.is_hdf5(name):
            remedy = "Give a NeXus file of BIFROST."
            raise UserError(asked, "it is not an HDF5 file", remedy) from error
        found = f"the file is truncated or damaged ({message[:200]})"
        raise UserError(asked, found, "Copy it again from where it is whole.") from error


def is_live(path: PathLike) -> bool:
    """Whether a file is being written in a way that lets others read it."""
    try:
        with _opened(os.fspath(path)) as file:
            return bool(file.swmr_mode)
    except OSError:
        return False


def _opened(name: str) -> h5py.File:
    try:
        return h5py.File(name, "r")
    except OSError as error:
        if not any(words in str(error) for words in _OPEN_ELSEWHERE):
            raise
        return h5py.File(name, "r", libver="latest", swmr=True)


def text(value: Any) -> str:
    """Text that HDF5 gives as bytes, as str, or as an array of one of them."""
    if isinstance(value, h5py.Dataset):
        value = value[()]
    if isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.size else ""
    return value.decode() if isinstance(value, bytes) else str(value)


def nexus_class(node: Any) -> str:
    """Class of a group, ``""`` where it has none."""
    return text(node.attrs.get("NX_class", "")) if isinstance(node, h5py.Group) else ""


def children(group: h5py.Group, *classes: str) -> dict[str, h5py.Group]:
    """Groups in a group that are of one of some classes, in the order of the file."""
    return {name: node for name, node in group.items() if nexus_class(node) in classes}


def where(node: Any) -> str:
    """A place in a file, in words."""
    return f"{node.name} of {node.file.filename}"


def need(group: h5py.Group, name: str) -> Any:
    """Member of a group.

    Raises
    ------
    UserError
        If there is none of this name.
    """
    if name not in group:
        raise UserError(
            f"read {where(group)}",
            f"it has no '{name}'",
            "See whether the file is complete; raw files of BIFROST have it.",
        )
    return group[name]


def conversion(node: Any, unit: str, units: Any = None) -> float:
    """Factor that turns stored numbers into a unit.

    Parameters
    ----------
    node:
        A dataset, or a group with an attribute ``units``.
    unit:
        The unit wanted.
    units:
        What stands in place of that attribute.

    Raises
    ------
    UserError
        If the stored unit is missing, unknown, or of another kind.
    """
    stored = node.attrs.get("units") if units is None else units
    asked = f"read {where(node)} in {unit}"
    remedy = f"Correct its attribute 'units' to one that can be turned into {unit}."
    if stored is None:
        raise UserError(asked, "it has no attribute 'units'", remedy)
    try:
        return _factor(text(stored), unit)
    except sc.UnitError as error:
        raise UserError(asked, f"it is in '{text(stored)}'", remedy) from error


@lru_cache
def _factor(stored: str, unit: str) -> float:
    return float(sc.scalar(1.0, unit=stored).to(unit=unit).value)


def numbers(dataset: h5py.Dataset, unit: str, units: Any = None) -> FloatArray:
    """Values of a dataset in a unit; dims as stored, float64. See :func:`conversion`.

    Raises
    ------
    UserError
        If its unit is missing or wrong.
    """
    factor = conversion(dataset, unit, units)
    values = np.asarray(dataset[()], dtype=np.float64)
    return values if factor == 1.0 else values * factor


def instants(dataset: h5py.Dataset) -> IntArray:
    """Times of a dataset since 1970 in whole ns; dims as stored, int64.

    NeXus counts them from the attribute ``start`` (or ``offset``), 1970 if there is none.

    Raises
    ------
    UserError
        If the unit is missing or no time, or the start is no date.
    """
    factor = conversion(dataset, "ns")
    values = np.asarray(dataset[()])
    if factor == 1.0 and values.dtype.kind in "iu":
        since = values.astype(np.int64)
    elif float(factor).is_integer() and values.dtype.kind in "iu":
        since = values.astype(np.int64) * np.int64(factor)
    else:
        since = np.rint(values.astype(np.float64) * factor).astype(np.int64)
    start = dataset.attrs.get("start", dataset.attrs.get("offset"))
    return since if start is None else since + _epoch(dataset, text(start))


def _epoch(dataset: h5py.Dataset, start: str) -> np.int64:
    try:
        when = datetime.fromisoformat(start)
    except ValueError as error:
        raise UserError(
            f"read the times {where(dataset)}",
            f"they count from '{start}'",
            "Correct its attribute 'start' to a date as 2026-01-31T12:00:00Z.",
        ) from error
    since = when.replace(tzinfo=when.tzinfo or UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    microseconds = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return np.int64(microseconds * 1000)
