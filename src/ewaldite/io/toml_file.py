"""TOML files: read with a clear word about mistakes, written for people."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ewaldite.errors import UserError


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    UserError
        If it is missing, no text, or not TOML.
    """
    asked = f"read the configuration {path}"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(
            asked, "the file does not exist", "Make one with: ewaldite diffuse init FOLDER"
        ) from error
    except IsADirectoryError as error:
        raise UserError(asked, "it is a folder", "Name the TOML file in it.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(asked, str(error), "Give a text file in UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise UserError(asked, f"it is not valid TOML: {error}", "Correct the line.") from error


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
        name = f"{prefix}.{key}" if prefix else key
        if isinstance(value, Mapping):
            below += ["", f"[{name}]", *_table(value, name)]
        elif _is_tables(value):
            for item in value:
                below += ["", f"[[{name}]]", *_table(item, name)]
        elif value is not None:
            lines.append(f"{key} = {toml_value(value)}")
    return lines + below


def _is_tables(value: Any) -> bool:
    return (
        isinstance(value, list) and bool(value) and all(isinstance(v, Mapping) for v in value)
    )


def toml_value(value: Any) -> str:
    """Write a plain value: text, number, boolean, or a list of such."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_value(v) for v in value) + "]"
    return json.dumps(str(value), ensure_ascii=False)
