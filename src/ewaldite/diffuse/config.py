"""A configuration file becomes options, or a clear word about what is wrong in it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
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
    try:
        return DiffuseOptions.model_validate(given)
    except ValidationError as error:
        mistakes = [
            _said(e["loc"], e["type"], e["msg"], e.get("input")) for e in error.errors()
        ]
        raise UserError(
            f"use the configuration {path}",
            "; ".join(dict.fromkeys(mistakes)),
            "Correct it; all options are in the reference and in out/options.toml of a run.",
        ) from None


def config_text(options: DiffuseOptions) -> str:
    """All options as TOML, defaults included."""
    return toml_text(options.model_dump(mode="json"))


def _said(loc: tuple[str | int, ...], kind: str, message: str, value: object) -> str:
    place = ".".join(str(part) for part in loc)
    if kind == "missing":
        return f"the option '{place}' is missing"
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(loc[-1]), list(_names(loc)), n=1)
        guess = f"; did you mean '{near[0]}'?" if near else ""
        return f"there is no option '{place}'{guess}"
    message = message.removeprefix("Value error, ")
    shown = f" (found {value!r})" if isinstance(value, str | int | float) else ""
    return f"'{place}': {message[:1].lower()}{message[1:]}{shown}" if place else message


def _names(loc: tuple[str | int, ...]) -> Iterator[str]:
    """Names of options that may stand where ``loc`` points."""
    model: type[BaseModel] = DiffuseOptions
    for part in loc[:-1]:
        if isinstance(part, str) and part in model.model_fields:
            model = _model_of(model.model_fields[part].annotation) or model
    yield from model.model_fields


def _model_of(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_of(inner)
        if found is not None:
            return found
    return None
