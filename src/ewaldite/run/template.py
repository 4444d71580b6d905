"""Sections of options as commented TOML: what is known is set, the rest are comments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from ewaldite.model.toml_text import toml_value

_COLUMN = 36
_WIDTH = 92

#: What stands for a value of a type in a line that is to be filled in.
_HINTS = {int: "number", float: "number", str: "text", bool: "true", Path: "file"}


def option_line(name: str, field: Any, value: object = None, note: str = "") -> list[str]:
    """Write one option as TOML with its description, as a comment where it has no value.

    Parameters
    ----------
    name:
        Name of the option.
    field:
        The field of its model.
    value:
        What to set; None leaves the default, as a comment.
    note:
        Said in place of the field's description.

    Returns
    -------
    :
        Lines.
    """
    if value is not None:
        text = f"{name} = {toml_value(value)}"
    else:
        text = f"# {name} = {_default(field)}"
    about = note or _about(field)
    line = f"{text:<{_COLUMN - 2}}  # {about}" if about else text
    if len(line) <= _WIDTH:
        return [line]
    return [*(f"# {part}" for part in _wrapped(about)), text]


def section_lines(
    name: str, model: type[BaseModel], values: Mapping[str, tuple[Any, str]]
) -> list[str]:
    """Write a section: options with values are set, the others are comments.

    Parameters
    ----------
    name:
        Header with its brackets; empty for none.
    model:
        Its model.
    values:
        Value (None: not set) and note of options.

    Returns
    -------
    :
        Lines.
    """
    lines = [name] if name else []
    for option, field in model.model_fields.items():
        value, note = values.get(option, (None, ""))
        lines += option_line(option, field, value, note)
    return lines


def comment_lines(title: str, said: Sequence[str]) -> list[str]:
    """Write sentences as comments of a readable width, each after a title."""
    return [f"# {part}" for one in said for part in _wrapped(f"{title} {one}")]


def _about(field: Any) -> str:
    choices = [c for c in _choices(field.annotation) if isinstance(c, str)]
    listed = " | ".join(toml_value(c) for c in choices)
    about = field.description or ""
    return f"{about} ({listed})" if choices else about


def _choices(annotation: Any) -> list[object]:
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [choice for inner in get_args(annotation) for choice in _choices(inner)]


def _default(field: Any) -> str:
    default = field.get_default(call_default_factory=True)
    if default is PydanticUndefined or default is None:
        hint = _hint(field.annotation)
        return f"[<{hint}>]" if "," in hint else f"<{hint}>"
    return toml_value(default.model_dump() if isinstance(default, BaseModel) else default)


def _hint(annotation: Any) -> str:
    if annotation in _HINTS:
        return _HINTS[annotation]
    inner = [_hint(a) for a in get_args(annotation) if a not in (NoneType, Ellipsis)]
    if get_origin(annotation) is tuple:
        return ", ".join(inner)
    if get_origin(annotation) is list:
        return f"{inner[0]}, …"
    return inner[0] if inner else "value"


def _wrapped(text: str) -> list[str]:
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + len(word) + 3 > _WIDTH:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]
