"""Digests of options and inputs: the same content gives the same digest anywhere."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from pydantic import BaseModel


@dataclass(frozen=True)
class FileStamp:
    """A file as its folder shows it: enough to see that it was changed, without reading it.

    Attributes
    ----------
    path:
        The file.
    size:
        Bytes.
    mtime:
        Time of the last change, ns.
    """

    path: str
    size: int
    mtime: int

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> FileStamp:
        """Look at a file.

        Raises
        ------
        OSError
            If it is not there.
        """
        seen = os.stat(path)
        return cls(os.fspath(path), seen.st_size, seen.st_mtime_ns)


def digest(*objects: object) -> str:
    """SHA-256 of plain data, hexadecimal.

    Known are None, bool, int, float, str, bytes, paths (by name only: use :class:`FileStamp`
    for the file), dates, enums, numpy scalars and arrays, lists, tuples, sets, mappings,
    dataclasses and pydantic models. A tuple counts as a list; ``1``, ``1.0``, ``True`` and
    ``"1"`` all differ. The byte order and memory layout of an array do not count.

    Raises
    ------
    TypeError
        For anything else, for its text might hold an address.
    """
    text = json.dumps([_canonical(o) for o in objects], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def digest_parts(value: object, prefix: str = "") -> dict[str, str]:
    """Digest of every option by its dotted name, so that one can say which has changed.

    Mappings with text keys, dataclasses and pydantic models are taken apart, everything else is
    one part; a value without parts has the name ``""``.
    """
    fields = _fields(value)
    if fields is None or not all(isinstance(key, str) for key in fields):
        return {prefix: digest(value)}
    parts: dict[str, str] = {}
    for key, inner in fields.items():
        parts |= digest_parts(inner, f"{prefix}.{key}" if prefix else str(key))
    return parts


def _fields(value: object) -> Mapping[Any, Any] | None:
    if isinstance(value, BaseModel):
        return {name: getattr(value, name) for name in type(value).model_fields}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    return value if isinstance(value, Mapping) else None


def _canonical(value: object) -> Any:
    """JSON in which every list starts with the name of what it stands for."""
    match value:
        case enum.Enum():  # before str and int, which it may be as well
            return ["enum", type(value).__qualname__, value.name]
        case np.ndarray() | np.generic():
            return _array(np.asarray(value))
        case None | bool() | int() | float() | str():
            return value
        case bytes():
            return ["bytes", value.hex()]
        case PurePath():
            return ["path", os.fspath(value)]
        case datetime.date() | datetime.time():
            return ["time", value.isoformat()]
        case list() | tuple():
            return ["list", *(_canonical(item) for item in value)]
        case set() | frozenset():
            return ["set", *sorted((_canonical(item) for item in value), key=json.dumps)]
    fields = _fields(value)
    if fields is None:
        raise TypeError(f"no digest of a {type(value).__name__}: it is not plain data")
    kind = "map" if isinstance(value, Mapping) else type(value).__qualname__
    pairs = [[_canonical(key), _canonical(inner)] for key, inner in fields.items()]
    return ["fields", kind, *sorted(pairs, key=json.dumps)]


def _array(array: np.ndarray[Any, Any]) -> Any:
    if array.dtype.hasobject:
        raise TypeError("no digest of an array of Python objects")
    if array.ndim == 0 and array.dtype.kind in "bifuU":
        return array.item()
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    content = hashlib.sha256(little.tobytes()).hexdigest()
    return ["array", little.dtype.str, list(array.shape), content]


def file_checksum(path: Path) -> str:
    """SHA-256 of a file's content, hexadecimal; it is read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
