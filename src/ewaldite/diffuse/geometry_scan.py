"""Refined geometries among the files of a folder."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ewaldite.crystal.symmetry import space_group
from ewaldite.errors import UserError
from ewaldite.io.geometry import read_geometry
from ewaldite.model.experiment import Sweep
from ewaldite.run.sizes import counted

#: Names of experiment lists that programs of DIALS write, the one to prefer first.
_EXPT = ("integrated", "scaled", "refined", "indexed", "imported")


@dataclass(frozen=True)
class FoundGeometry:
    """A source of geometry.

    Attributes
    ----------
    path:
        File or folder.
    experiment:
        Which experiment of a DIALS file that holds several.
    sweep:
        What it says.
    says_frames:
        Whether it says which frames it belongs to; an XPARM.XDS on its own does not.
    """

    path: Path
    experiment: int | None
    sweep: Sweep
    says_frames: bool = True

    @property
    def template(self) -> Path | None:
        """Images that it was refined with, ``#`` for digits; None where it does not say."""
        given = self.sweep.template
        if not given:
            return None
        folder = self.path if self.path.is_dir() else self.path.parent
        return folder / re.sub(r"\?", "#", given)

    def line(self, folder: Path) -> str:
        """One line about it."""
        sweep = self.sweep
        slow, fast = sweep.image_shape
        which = "" if self.experiment is None else f" (experiment {self.experiment})"
        frames = f"{counted(len(sweep.scan), 'frames')}, " if self.says_frames else ""
        return (
            f"geometry: {_relative(self.path, folder)}{which}, of {sweep.source.upper()}, "
            f"{frames}{fast} × {slow} pixels, "
            f"λ {sweep.wedges[0].beam.wavelength:g} Å, space group {self.group or 'not said'}"
        )

    @property
    def group(self) -> str:
        """Symbol of the space group; what the file says where it is none, empty for nothing."""
        said = self.sweep.space_group or ""
        try:
            return space_group(said).name if said else ""
        except UserError:
            return said


def geometries(files: Sequence[Path]) -> tuple[list[FoundGeometry], list[str]]:
    """Sources of geometry among files.

    Parameters
    ----------
    files:
        All files of a folder.

    Returns
    -------
    :
        The geometries, those to prefer first, and what could not be used.
    """
    found: list[FoundGeometry] = []
    problems: list[str] = []
    for path, experiment in [*_of_xds(files), *_of_dials(files)]:
        try:
            found.append(_read(path, experiment))
        except UserError as error:
            problems.append(str(error))
    return found, problems


def _read(path: Path, experiment: int | None) -> FoundGeometry:
    try:
        return FoundGeometry(path, experiment, read_geometry(path, experiment=experiment))
    except UserError:
        if path.suffix != ".XDS":
            raise
    # The images will say which frames it belongs to
    return FoundGeometry(path, experiment, read_geometry(path, frames=[1]), says_frames=False)


def _of_xds(files: Sequence[Path]) -> list[tuple[Path, None]]:
    """Folders of XDS, or the file with the refined parameters where there is no more."""
    by_folder: dict[Path, set[str]] = {}
    for path in files:
        by_folder.setdefault(path.parent, set()).add(path.name)
    found: list[tuple[Path, None]] = []
    for folder, names in by_folder.items():
        refined = [name for name in ("GXPARM.XDS", "XPARM.XDS") if name in names]
        if {"XDS.INP", "INTEGRATE.LP"} <= names:
            found.append((folder, None))
        elif refined:
            found.append((folder / refined[0], None))
        elif "XDS.INP" in names:
            found.append((folder, None))
    return found


def _of_dials(files: Sequence[Path]) -> list[tuple[Path, int | None]]:
    """Experiments of DIALS files, in the order of preference."""
    lists = sorted((p for p in files if p.suffix == ".expt"), key=_preference)
    found: list[tuple[Path, int | None]] = []
    for path in lists:
        count = _experiments(path)
        numbers: Sequence[int | None] = [None] if count == 1 else range(count)
        found += [(path, number) for number in numbers]
    return found


def _preference(path: Path) -> tuple[int, str]:
    ranks = [i for i, name in enumerate(_EXPT) if name in path.stem.lower()]
    return (min(ranks, default=len(_EXPT)), str(path))


def _experiments(path: Path) -> int:
    """Count experiments; 1 where the reader will say what is wrong with the file."""
    try:
        held = json.loads(path.read_text(encoding="utf-8"))["experiment"]
    except (OSError, ValueError, KeyError, TypeError):
        return 1
    return len(held) if isinstance(held, list) and held else 1


def _relative(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder)) if path != folder else "this folder"
