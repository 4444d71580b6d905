"""Values as Horace 4 serialises those of MATLAB.

A value is a type tag (one byte), its shape (number of dims in one byte, each length in four)
and its content, column by column, little-endian. A structure is the number of its fields, the
lengths of their names, the names, and a cell array of their values; an array of structures has
one cell array for all. Objects whose class begins with ``IX_`` serialise themselves and are
preceded by tag 32 (the description of SQW 4.0 in the documentation of scippneutron 26.7, and
the readers of Horace 4).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

_LOGICAL, _CHAR, _DOUBLE, _CELL, _STRUCT, _SELF = 0, 1, 3, 23, 24, 32

#: Pieces of a serialised value; large ones are shared, not copied.
Pieces = list[bytes]


class Ready(list[bytes]):
    """A value that is serialised already."""


def serialised(value: Any) -> Pieces:
    """Serialise a value.

    Parameters
    ----------
    value:
        Text, truth, number, array of float64 or bool (dims in the order of numpy; MATLAB's is
        the reverse), mapping (structure), list of mappings (array of structures), tuple (cell
        array), or :class:`Ready`.

    Returns
    -------
    :
        The pieces, in order.

    Raises
    ------
    TypeError
        If there is no form for it.
    """
    if isinstance(value, Ready):
        return value
    if isinstance(value, str):
        text = value.encode("ascii", "replace")
        return [_head(_CHAR, (len(text),) if text else ()), text]
    if isinstance(value, bool | np.bool_):
        return [_head(_LOGICAL, (1,)), struct.pack("<?", value)]
    if isinstance(value, int | float):
        return [_head(_DOUBLE, (1,)), struct.pack("<d", value)]
    if isinstance(value, np.ndarray):
        kind = _LOGICAL if value.dtype == np.bool_ else _DOUBLE
        stored = value.astype("?" if kind == _LOGICAL else "<f8")
        return [_head(kind, value.shape[::-1]), stored.tobytes()]
    if isinstance(value, Mapping):
        own = str(value.get("serial_name", "")).startswith("IX_")
        return [bytes([_SELF])] * own + _structures([value])
    if isinstance(value, list):
        return _structures(value)
    if isinstance(value, tuple):
        return [_head(_CELL, (len(value),)), *(p for one in value for p in serialised(one))]
    raise TypeError(f"no form for {type(value).__name__}")


def size_of(pieces: Pieces) -> int:
    """Length in bytes."""
    return sum(map(len, pieces))


def _structures(values: Sequence[Mapping[str, Any]]) -> Pieces:
    names = list(values[0])
    count = len(values)
    shape = (len(names), 1) if count == 1 else (len(names), 1, count)
    head = [
        _head(_STRUCT, (count,)),
        struct.pack(f"<{len(names) + 1}I", len(names), *map(len, names)),
        "".join(names).encode("ascii"),
        _head(_CELL, shape),
    ]
    return head + [p for one in values for name in names for p in serialised(one[name])]


def _head(tag: int, shape: Sequence[int]) -> bytes:
    return struct.pack(f"<BB{len(shape)}I", tag, len(shape), *shape)
