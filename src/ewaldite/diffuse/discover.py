"""Look at a folder and write a configuration that reduces what is in it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ewaldite.diffuse.config_template import other_sections, sweep_lines
from ewaldite.diffuse.folder_scan import (
    FoundSeries,
    files_below,
    image_series,
)
from ewaldite.diffuse.geometry_scan import FoundGeometry, geometries
from ewaldite.diffuse.options import DiffuseOptions
from ewaldite.diffuse.pairing import FoundSweep, pair
from ewaldite.diffuse.sweep_input import SweepInput, open_sweep
from ewaldite.errors import UserError
from ewaldite.io.atomic import write_text
from ewaldite.run.sizes import counted
from ewaldite.run.template import comment_lines

CONFIG_NAME = "ewaldite.toml"

Values = dict[str, tuple[Any, str]]

_NO_SENSOR: Values = {
    "efficiency": (None, "MISSING: no file names the sensor; give it below, or write false"),
    "sensor_material": (None, "MISSING: Si, CdTe or GaAs"),
    "sensor_thickness": (None, "MISSING: with unit, as in '1 mm'"),
}


@dataclass(frozen=True)
class Found:
    """What a folder holds.

    Attributes
    ----------
    folder:
        The folder.
    series:
        Image series, backgrounds among them.
    geometries:
        Refined geometries.
    sweeps:
        What belongs together.
    problems:
        Files that could not be used, and why.
    """

    folder: Path
    series: tuple[FoundSeries, ...]
    geometries: tuple[FoundGeometry, ...]
    sweeps: tuple[FoundSweep, ...]
    problems: tuple[str, ...]

    def lines(self) -> list[str]:
        """Lines for the terminal."""
        lines = [one.line(self.folder) for one in self.series]
        lines += [one.line(self.folder) for one in self.geometries]
        for sweep in self.sweeps:
            if sweep.geometry is None:
                lines.append(f"sweep {sweep.name}: no geometry fits its images")
            elif sweep.images is None:
                lines.append(f"sweep {sweep.name}: its images were not found")
        return [*lines, *(f"not used: {problem}" for problem in self.problems)]


def discover(folder: Path) -> Found:
    """Look for images and geometry in a folder and the folders in it.

    Parameters
    ----------
    folder:
        Where to look, some levels deep.

    Returns
    -------
    :
        What was found.

    Raises
    ------
    UserError
        If it cannot be read, or holds neither images nor geometry.
    """
    files = files_below(folder)
    series, bad_images = image_series(files)
    found, bad_geometry = geometries(files)
    if not series and not found:
        why = f" ({bad_images[0]})" if bad_images else ""
        raise UserError(
            f"find an experiment in {folder}",
            f"its {len(files)} files hold neither images nor a geometry{why}",
            "Name the folder with the images (numbered files or an HDF5 master) and the "
            "geometry (XDS or DIALS).",
        )
    sweeps = pair(series, found)
    problems = (*bad_images, *bad_geometry)
    return Found(folder, tuple(series), tuple(found), tuple(sweeps), problems)


def write_template(folder: Path, found: Found, output: Path | None = None) -> Path:
    """Write a commented configuration.

    Parameters
    ----------
    folder:
        The folder that was looked at.
    found:
        What it holds.
    output:
        File to write; ``ewaldite.toml`` in the folder if None.

    Returns
    -------
    :
        The file.

    Raises
    ------
    UserError
        If it exists, or cannot be written.
    """
    path = folder / CONFIG_NAME if output is None else output
    if path.exists():
        raise UserError(
            f"write {path}",
            "there is a folder of this name" if path.is_dir() else "it exists already",
            "Remove it, or choose another name with -o.",
        )
    write_text(path, template_text(found, path.parent))
    return path


def template_text(found: Found, base: Path) -> str:
    """Text of the configuration; its paths refer to ``base``."""
    lines = [
        "# Configuration of ewaldite, made by 'ewaldite diffuse init'.",
        "# Lines that begin with '#' are comments: most show an option with its default.",
        "# Paths refer to the folder of this file.",
        *comment_lines("Not used:", found.problems),
    ]
    groups: dict[str, list[str]] = {}
    sources: dict[str, list[str]] = {}
    corrections: Values = {}
    for sweep in found.sweeps:
        values = _values(sweep, base)
        comments = [f"Fits as well: geometry {_path(g.path, base)}" for g in sweep.others]
        entry, problem = _opened(values, base)
        if problem is not None:
            comments.append(f"PROBLEM: {problem}")
        if entry is not None:
            comments += [f"Note: {note}" for note in dict.fromkeys(entry.notes)]
            for what, source in entry.resolved.sources.items():
                sources.setdefault(f"{what}: {source}", []).append(sweep.name)
            values["exposure"] = (None, f"s a frame; the files say {entry.exposure[0]:g}")
            if entry.resolved.sensor_mu is None:
                corrections |= _NO_SENSOR
        if sweep.geometry is not None and sweep.geometry.sweep.space_group:
            groups.setdefault(sweep.geometry.group, []).append(sweep.name)
        lines += sweep_lines(values, comments)
    group = {"space_group": _group(_of_sweeps(groups))}
    sections = other_sections({"crystal": group, "corrections": corrections})
    at = sections.index("[corrections]")
    said = comment_lines("As it stands:", _of_sweeps(sources))
    return "\n".join([*lines, *sections[:at], *said, *sections[at:]]) + "\n"


def _of_sweeps(said: Mapping[str, Sequence[str]]) -> list[str]:
    return [f"{what} (sweep {', '.join(names)})" for what, names in said.items()]


def _group(found: Sequence[str]) -> tuple[None, str]:
    if not found:
        return None, "MISSING: no geometry says it; give a name or a number"
    if len(found) > 1:
        return None, f"MISSING: the geometries differ: {'; '.join(found)}; choose"
    return None, f"name or number; the geometry says {found[0]}"


def _values(sweep: FoundSweep, base: Path) -> Values:
    """Options of a sweep with what is said beside them."""
    values: Values = {"name": (sweep.name, "")}
    if sweep.images is not None:
        images = sweep.images
        span = f"{counted(images.count, 'frames')}, {images.first} to {images.last}"
        values["images"] = (_path(images.path, base), span)
    else:
        values["images"] = (None, "MISSING: no images fit this geometry; give their template")
    if sweep.geometry is not None:
        values["geometry"] = (_path(sweep.geometry.path, base), sweep.geometry.sweep.source)
        if sweep.geometry.experiment is not None:
            values["experiment"] = (sweep.geometry.experiment, "")
    else:
        values["geometry"] = (
            None,
            "MISSING: none fits these images; give XPARM.XDS, a folder of XDS or an .expt",
        )
    if sweep.background is not None:
        values["background"] = (
            _path(sweep.background.path, base),
            counted(sweep.background.count, "frames"),
        )
    return values


def _opened(values: Values, base: Path) -> tuple[SweepInput | None, str | None]:
    """Open a sweep as a run will, to say now what will be wrong then."""
    given = {name: value for name, (value, _) in values.items() if value is not None}
    if not {"images", "geometry"} <= set(given):
        return None, None
    try:
        return open_sweep(DiffuseOptions.model_validate({"sweep": [given]}), 0, base), None
    except UserError as error:
        return None, str(error)


def _path(path: Path, base: Path) -> str:
    """Path as the configuration names it: relative where it lies below or beside."""
    relative = os.path.relpath(path.absolute(), base.absolute())
    return str(path.absolute()) if relative.startswith("../../") else relative
