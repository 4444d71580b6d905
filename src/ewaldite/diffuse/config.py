"""A configuration file becomes options, or a clear word about what is wrong in it."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from ewaldite.diffuse.options import DiffuseOptions
from ewaldite.errors import UserError
from ewaldite.io.toml_file import read_toml, toml_text


def read_config(path: Path) -> DiffuseOptions:
    """Read the configuration of a diffuse run.

    Parameters
    ----------
    path:
        TOML file.

    Returns
    -------
    :
        The options.

    Raises
    ------
    UserError
        If the file cannot be read; or with all mistakes in it, for a misspelt name with the
        nearest one.
    """
    return parse_config(read_toml(path), path)


def parse_config(given: dict[str, Any], path: Path) -> DiffuseOptions:
    """Check options that were read from a file; see :func:`read_config`."""
    asked = f"use the configuration {path}"
    if isinstance(given.get("sweep"), dict):
        raise UserError(
            asked, "[sweep] is a single table", "Write [[sweep]], with two brackets."
        )
    try:
        return DiffuseOptions.model_validate(given)
    except ValidationError as error:
        mistakes = [
            _said(e["loc"], e["type"], e["msg"], e.get("input")) for e in error.errors()
        ]
        raise UserError(
            asked,
            "; ".join(dict.fromkeys(mistakes)),
            "Correct it; all options are in the reference and in out/options.toml of a run.",
        ) from None


def config_text(options: DiffuseOptions) -> str:
    """All options as TOML, defaults included."""
    return toml_text(options.model_dump(mode="json"))


def _said(loc: tuple[str | int, ...], kind: str, message: str, value: object) -> str:
    """One mistake in words."""
    names, model = _path(loc)
    place = _place(names)
    if kind == "missing":
        return f"{place} is missing"
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(loc[-1]), list(model.model_fields), n=1)
        guess = f" (did you mean '{near[0]}'?)" if near else ""
        return f"there is no option {_place((*names, loc[-1]))}{guess}"
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    if kind == "string_pattern_mismatch":
        message = "must begin with a letter or digit and hold only letters, digits and _ - + ."
    message = message.removeprefix("Input ").removeprefix("String ")
    shown = f" (found {value!r})" if isinstance(value, str | int | float) else ""
    return f"{place} {message}{shown}"


def _path(loc: tuple[str | int, ...]) -> tuple[tuple[str | int, ...], type[BaseModel]]:
    """Names of options and numbers of list items, without what pydantic says of unions.

    Also the model that the place belongs to.
    """
    names: list[str | int] = []
    model: type[BaseModel] = DiffuseOptions
    for part in loc:
        if isinstance(part, int):
            names.append(part + 1)
        elif part in model.model_fields:
            names.append(part)
            model = _model_of(model.model_fields[part].annotation) or model
    return tuple(names), model


def _place(names: tuple[str | int, ...]) -> str:
    """Say a place as it looks in the file: 'exposure' in [[sweep]] number 2."""
    if len(names) > 1 and names[0] == "sweep":
        section, inner = f" in [[sweep]] number {names[1]}", names[2:]
    elif len(names) > 1:
        section, inner = f" in [{names[0]}]", names[1:]
    else:
        section, inner = "", names
    name, *item = inner or ("",)
    at = f" (item {item[0]})" if item else ""
    return f"'{name}'{at}{section}" if name else section.removeprefix(" in ")


def _model_of(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_of(inner)
        if found is not None:
            return found
    return None
