"""Plain data as TOML that people read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def toml_text(options: Mapping[str, Any]) -> str:
    """Write plain data as TOML; entries that are None are left out.

    Parameters
    ----------
    options:
        Text, numbers, booleans, lists, mappings, and lists of mappings (arrays of tables).
    """
    return "\n".join(_table(options, "")).strip() + "\n"


def _table(table: Mapping[str, Any], prefix: str) -> list[str]:
    lines, below = [], []
    for key, value in table.items():
        name = f"{prefix}.{_key(key)}" if prefix else _key(key)
        if isinstance(value, Mapping):
            below += ["", f"[{name}]", *_table(value, name)]
        elif _is_tables(value):
            for item in value:
                below += ["", f"[[{name}]]", *_table(item, name)]
        elif value is not None:
            lines.append(f"{_key(key)} = {toml_value(value)}")
    return lines + below


def _key(name: str) -> str:
    """Name of an entry, in quotes where it holds more than letters, digits, _ and -."""
    return name if _BARE.fullmatch(name) else _quoted(name)


def _quoted(text: str) -> str:
    """Text in quotes; TOML wants one character escaped that JSON does not."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _is_tables(value: Any) -> bool:
    return (
        isinstance(value, list) and bool(value) and all(isinstance(v, Mapping) for v in value)
    )


def toml_value(value: Any) -> str:
    """Write a plain value: text, number, boolean, or a list or mapping of such, inline."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_value(v) for v in value) + "]"
    if isinstance(value, Mapping):
        inner = (f"{_key(key)} = {toml_value(v)}" for key, v in value.items() if v is not None)
        return "{ " + ", ".join(inner) + " }"
    return _quoted(str(value))
