"""Options that a user wrote, checked, with clear words about what is wrong in them."""

from __future__ import annotations

import difflib
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ewaldite.errors import UserError

Options = TypeVar("Options", bound=BaseModel)
Names = tuple[str | int, ...]

_WORDS = {
    "Input ": "",
    "String ": "",
    "List ": "",
    "Tuple ": "",
    " after validation": "",
    "a valid tuple": "a list of numbers",
    "a valid dictionary": "a table",
}


def validated(model: type[Options], given: dict[str, Any], asked: str) -> Options:
    """Make options of what was read from a file.

    Parameters
    ----------
    model:
        The whole configuration.
    given:
        Tables, as a TOML file gives them.
    asked:
        What is to be done with it, for the message.

    Raises
    ------
    UserError
        With all mistakes; for a misspelt name with the nearest one, and for a single table
        where there may be several with their spelling.
    """
    for name, field in model.model_fields.items():
        if isinstance(given.get(name), dict) and _is_list_of_tables(field.annotation):
            raise UserError(
                asked, f"[{name}] is a single table", f"Write [[{name}]], with two brackets."
            )
    try:
        return model.model_validate(given)
    except ValidationError as error:
        mistakes = [
            _said(e["loc"], e["type"], e["msg"], e.get("input"), model) for e in error.errors()
        ]
        raise UserError(
            asked,
            "; ".join(dict.fromkeys(mistakes)),
            "Correct it; all options are in the reference and in out/options.toml of a run.",
        ) from None


def _said(loc: Names, kind: str, message: str, value: object, root: type[BaseModel]) -> str:
    """One mistake in words."""
    names, model = _path(loc, root)
    place = _place(names)
    if kind == "missing":
        return f"{place} is missing"
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(loc[-1]), list(model.model_fields), n=1)
        guess = f" (did you mean '{near[0]}'?)" if near else ""
        return f"there is no option {_place((*names, loc[-1]))}{guess}"
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    if kind == "string_type":
        message = "should be text in quotes, with its unit if it has one"
    if kind == "string_pattern_mismatch":
        message = "must begin with a letter or digit and hold only letters, digits and _ - + ."
    for spoken, plain in _WORDS.items():
        message = message.replace(spoken, plain)
    shown = f" (found {value!r})" if isinstance(value, str | int | float) else ""
    return f"{place} {message}{shown}"


def _path(loc: Names, root: type[BaseModel]) -> tuple[Names, type[BaseModel]]:
    """Names of options and numbers of list items, without what pydantic says of unions.

    Also the model that the place belongs to.
    """
    names: list[str | int] = []
    model, free = root, False
    for part in loc:
        if isinstance(part, int):
            names.append(part + 1)
        elif free and part != "[key]":
            names.append(part)
            free = False
        elif part in model.model_fields:
            names.append(part)
            annotation = model.model_fields[part].annotation
            free = getattr(annotation, "__origin__", None) is dict
            model = _model_of(annotation) or model
    return tuple(names), model


def _place(names: Names) -> str:
    """Say a place as it looks in the file: 'exposure' in [[sweep]] number 2."""
    *outer, name = names or ("",)
    item = ""
    if isinstance(name, int):
        if len(outer) < 2:
            return _section(names)
        item, name = f" (item {name})", outer.pop()
    section = _section(tuple(outer))
    return f"'{name}'{item}" + (f" in {section}" if section else "")


def _section(names: Names) -> str:
    path: list[str] = []
    label = ""
    for n, name in enumerate(names):
        if isinstance(name, str):
            path.append(name)
        last = n + 1 == len(names)
        if isinstance(name, int) or last:
            whole = ".".join(path)
            here = f"[[{whole}]] number {name}" if isinstance(name, int) else f"[{whole}]"
            label = f"{here} of {label}" if label else here
    return label


def _model_of(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_of(inner)
        if found is not None:
            return found
    return None


def _is_list_of_tables(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) is list and _model_of(annotation) is not None
