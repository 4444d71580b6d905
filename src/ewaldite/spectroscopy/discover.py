"""Look at a folder and write a configuration that reduces the raw files in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from ewaldite.errors import UserError
from ewaldite.io.atomic import write_text
from ewaldite.io.bifrost.raw_file import RawFile, open_bifrost
from ewaldite.run.template import comment_lines, section_lines
from ewaldite.spectroscopy.options import RunFileOptions, SpectroscopyOptions
from ewaldite.spectroscopy.primary import PULSE_SHAPING
from ewaldite.spectroscopy.resolve_primary import turns

CONFIG_NAME = "spectroscopy.toml"
ENDINGS = (".nxs", ".hdf", ".h5", ".hdf5")

Values = Mapping[str, tuple[Any, str]]


@dataclass(frozen=True)
class FoundRun:
    """A raw file.

    Attributes
    ----------
    path:
        The file.
    events:
        How many it has.
    angles:
        What its logs say of a3 and a4.
    spinning:
        Whether the pulse-shaping choppers turn; None where no log says it.
    band:
        Whether other choppers turn, that say when neutrons arrive.
    """

    path: Path
    events: int
    angles: str
    spinning: bool | None
    band: bool

    def line(self, folder: Path) -> str:
        """One line about it."""
        choppers = {True: "spinning", False: "parked", None: "not logged"}[self.spinning]
        return (
            f"run: {self.path.relative_to(folder)}, {self.events:,} events, {self.angles}, "
            f"pulse-shaping choppers {choppers}"
        )


@dataclass(frozen=True)
class FoundRuns:
    """What a folder holds.

    Attributes
    ----------
    folder:
        The folder.
    runs:
        Raw files.
    problems:
        HDF5 files that are none, and why.
    """

    folder: Path
    runs: tuple[FoundRun, ...]
    problems: tuple[str, ...]

    def lines(self) -> list[str]:
        """Lines for the terminal."""
        found = [run.line(self.folder) for run in self.runs]
        return [*found, *(f"not used: {problem}" for problem in self.problems)]


def discover(folder: Path) -> FoundRuns:
    """Look for raw files in a folder.

    Parameters
    ----------
    folder:
        Where to look; not in folders below.

    Raises
    ------
    UserError
        If it cannot be read or holds no raw file.
    """
    try:
        files = sorted(p for p in folder.iterdir() if p.suffix.lower() in ENDINGS)
    except OSError as error:
        found = error.strerror or str(error)
        raise UserError(
            f"look into {folder}", found, "Name a folder with raw files."
        ) from error
    runs, problems = [], []
    for path in files:
        try:
            with open_bifrost(path) as raw:
                runs.append(_run(raw))
        except UserError as error:
            problems.append(f"{path.name}: {error.found}")
    if not runs:
        why = f" ({problems[0]})" if problems else ""
        raise UserError(
            f"find raw files in {folder}",
            f"none of its {len(files)} HDF5 files is one of BIFROST{why}",
            "Name the folder with the NeXus files.",
        )
    return FoundRuns(folder, tuple(runs), tuple(problems))


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


def _run(raw: RawFile) -> FoundRun:
    said = []
    for name, read in (("a3", raw.a3), ("a4", raw.a4)):
        try:
            low, high = float(np.min(read().value)), float(np.max(read().value))
        except UserError as error:
            said.append(f"{name} missing ({error.found})")
            continue
        said.append(f"{name} {low:g}°" if low == high else f"{name} {low:g}° to {high:g}°")
    shaping = [d for d in raw.choppers if d.name.startswith(PULSE_SHAPING)]
    logged = bool(shaping) and all(disc.speed is not None for disc in shaping)
    others = [d for d in raw.choppers if not d.name.startswith(PULSE_SHAPING)]
    return FoundRun(
        path=raw.path,
        events=sum(source.size for source in raw.sources),
        angles=", ".join(said),
        spinning=all(turns(disc) for disc in shaping) if logged else None,
        band=any(turns(disc) for disc in others),
    )


def _template(found: FoundRuns, path: Path) -> list[str]:
    lines = ["# Options of ewaldite spectroscopy; what is commented out is the default."]
    for run in found.runs:
        lines += ["", *comment_lines("", [run.line(found.folder)])]
        values: Values = {"file": (_relative(run.path, path.parent), "")}
        lines += section_lines("[[run]]", RunFileOptions, values)
    values_of = {"primary": _primary(found.runs)}
    for name, field in SpectroscopyOptions.model_fields.items():
        model = field.annotation
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            continue
        about = (model.__doc__ or "").strip().splitlines()[0]
        lines += ["", f"# {about}", *section_lines(f"[{name}]", model, values_of.get(name, {}))]
    return lines


def _primary(runs: tuple[FoundRun, ...]) -> Values:
    mode = "spinning" if all(run.spinning for run in runs) else "parked"
    values: dict[str, tuple[Any, str]] = {"mode": (mode, "")}
    if not all(run.band for run in runs):
        values["earliest_at_sample"] = (
            None,
            "MISSING: no chopper says it; first arrival at the sample, as '143 ms'",
        )
    return values


def _relative(path: Path, base: Path) -> str:
    path, base = path.absolute(), base.absolute()
    return str(path.relative_to(base) if path.is_relative_to(base) else path)
