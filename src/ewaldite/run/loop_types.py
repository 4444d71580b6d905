"""Types of what compiled loops take, in words that a list can keep."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

#: A type in words: ``"int64"``, ``"float64[2C]"`` (two dimensions, contiguous), with
#: ``" readonly"`` after it; a list for a tuple; ``{"module:Class": [...]}`` for a named one.
Words = str | list[Any] | dict[str, list[Any]]

_ARRAY = re.compile(r"(\w+)\[(\d)([CFA])\]( readonly)?")


def in_words(found: Any) -> Words:
    """Say a type of numba.

    Parameters
    ----------
    found:
        Scalar, array of scalars, or tuple of such, named or not.

    Returns
    -------
    :
        Plain data.

    Raises
    ------
    TypeError
        For any other type.
    """
    import numba

    types: Any = numba.types
    if isinstance(found, types.Array) and found.aligned and _plain(found.dtype):
        kept = "" if found.mutable else " readonly"
        return f"{found.dtype.name}[{found.ndim}{found.layout}]{kept}"
    if isinstance(found, types.BaseNamedTuple):
        made = found.instance_class
        return {f"{made.__module__}:{made.__qualname__}": [in_words(t) for t in found]}
    if isinstance(found, types.BaseTuple):
        return [in_words(t) for t in found]
    if _plain(found):
        return str(found.name)
    raise TypeError(f"a loop takes {found}, which cannot be listed")


def _plain(found: Any) -> bool:
    import numba

    types: Any = numba.types
    return isinstance(found, types.Number | types.Boolean)


def from_words(words: Words) -> Any:
    """Type of numba that :func:`in_words` said."""
    import numba

    types: Any = numba.types
    if isinstance(words, list):
        return types.BaseTuple.from_types([from_words(w) for w in words])
    if isinstance(words, dict):
        ((name, inner),) = words.items()
        module, _, made = name.partition(":")
        pytype = getattr(import_module(module), made)
        return types.BaseTuple.from_types([from_words(w) for w in inner], pytype)
    array = _ARRAY.fullmatch(words)
    if array is None:
        return getattr(types, words)
    dtype, dimensions, layout, readonly = array.groups()
    return types.Array(
        getattr(types, dtype), int(dimensions), layout, readonly=readonly is not None
    )
