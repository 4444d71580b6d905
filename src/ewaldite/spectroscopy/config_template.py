"""Write a configuration that reduces the raw files of a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ewaldite.errors import UserError
from ewaldite.io.atomic import write_text
from ewaldite.run.template import comment_lines, section_lines
from ewaldite.spectroscopy.cut_options import (
    BackgroundOptions,
    TimeBackgroundOptions,
    VanadiumOptions,
)
from ewaldite.spectroscopy.cut_template import cut_lines
from ewaldite.spectroscopy.discover import FoundRuns, Role
from ewaldite.spectroscopy.options import RunFileOptions, SpectroscopyOptions

CONFIG_NAME = "spectroscopy.toml"

Values = Mapping[str, tuple[Any, str]]


def write_template(found: FoundRuns, output: Path | None = None) -> Path:
    """Write a commented configuration.

    Parameters
    ----------
    found:
        What the folder holds.
    output:
        File to write; ``spectroscopy.toml`` in the folder if None.

    Returns
    -------
    :
        The file.

    Raises
    ------
    UserError
        If there is a file already, or it cannot be written.
    """
    path = output or found.folder / CONFIG_NAME
    if path.exists():
        raise UserError(
            f"write {path}", "it is there already", "Remove it, or name another with --output."
        )
    write_text(path, "\n".join(_template(found, path)) + "\n")
    return path


def _template(found: FoundRuns, path: Path) -> list[str]:
    lines = ["# Options of ewaldite spectroscopy; what is commented out is the default."]
    for run in found.samples:
        lines += ["", *comment_lines("", [run.line(found.folder)])]
        values: Values = {"file": (_relative(run.path, path.parent), "")}
        lines += section_lines("[[run]]", RunFileOptions, values)
    values_of = {"primary": _primary(found)}
    for name, field in SpectroscopyOptions.model_fields.items():
        model = field.annotation
        if name in _OTHERS:
            lines += _other(name, _OTHERS[name], found, path)
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            continue
        about = (model.__doc__ or "").strip().splitlines()[0]
        lines += ["", f"# {about}", *section_lines(f"[{name}]", model, values_of.get(name, {}))]
    return [*lines, *cut_lines(found.samples[0].reach)]


_OTHERS: dict[str, tuple[type[BaseModel], Role | None]] = {
    "vanadium": (VanadiumOptions, "vanadium"),
    "background": (BackgroundOptions, "empty"),
    "time_background": (TimeBackgroundOptions, None),
}


def _other(
    name: str, kind: tuple[type[BaseModel], Role | None], found: FoundRuns, path: Path
) -> list[str]:
    """Sections that may be absent: set where a file is called so."""
    model, role = kind
    about = (model.__doc__ or "").strip().splitlines()[0]
    files = [run for run in found.runs if run.role == role and run not in found.samples]
    values: Values = {}
    if files:
        values = {"file": (_relative(files[0].path, path.parent), "")}
    lines = section_lines(f"[{name}]", model, values)
    if not files:
        lines = [line if line.startswith("#") else f"# {line}" for line in lines]
    others = [f"also called {role}: {run.path.name}" for run in files[1:]]
    return ["", f"# {about}", *comment_lines("", others), *lines]


def _primary(found: FoundRuns) -> Values:
    runs = found.samples
    mode = "spinning" if all(run.spinning for run in runs) else "parked"
    values: dict[str, tuple[Any, str]] = {"mode": (mode, "")}
    if found.first is not None:
        guess = f"{1e3 * found.first.time:.1f} ms"
        values["earliest_at_sample"] = (guess, "a GUESS from the monitor: check it")
    elif not all(run.band for run in runs):
        values["earliest_at_sample"] = (
            None,
            "MISSING: no chopper says it; first arrival at the sample, as '143 ms'",
        )
    return values


def _relative(path: Path, base: Path) -> str:
    path, base = path.absolute(), base.absolute()
    return str(path.relative_to(base) if path.is_relative_to(base) else path)
