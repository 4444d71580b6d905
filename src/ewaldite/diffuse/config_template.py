"""A commented configuration: what was found is set, every other option is a comment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from ewaldite.diffuse.options import DiffuseOptions, SweepOptions
from ewaldite.run.template import comment_lines, section_lines


def other_sections(values: Mapping[str, Mapping[str, tuple[Any, str]]]) -> list[str]:
    """Write all sections but the sweeps; see :func:`section_lines`."""
    lines: list[str] = []
    for name, field in DiffuseOptions.model_fields.items():
        model = field.annotation
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            continue
        about = (model.__doc__ or "").strip().splitlines()[0]
        lines += ["", f"# {about}", *section_lines(f"[{name}]", model, values.get(name, {}))]
    return lines


def sweep_lines(values: Mapping[str, tuple[Any, str]], comments: Sequence[str]) -> list[str]:
    """Write a sweep with comments above it."""
    return ["", *comment_lines("", comments), *section_lines("[[sweep]]", SweepOptions, values)]
