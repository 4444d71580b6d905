"""Cuts as records of their own: saved, read, and taken from a cut that was made."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import scipp as sc

from ewaldite.errors import UserError
from ewaldite.io.atomic import write_text
from ewaldite.io.nexus import load, read_info
from ewaldite.io.toml_file import read_toml
from ewaldite.model.toml_text import toml_text
from ewaldite.run.mistakes import validated
from ewaldite.spectroscopy.cut import Cut
from ewaldite.spectroscopy.options import SpectroscopyOptions


def is_record(word: str) -> bool:
    """Whether a word names a file with a cut, in place of a cut of the configuration."""
    return word.endswith((".toml", ".nxs"))


def read_cut(path: Path) -> Cut:
    """Read a cut.

    Parameters
    ----------
    path:
        TOML file with ``name``, ``axes``, ``bins``, ``integrate`` and ``fold``, or a cut that
        was made (``cuts/NAME.nxs``).

    Raises
    ------
    UserError
        If the file cannot be read or holds no cut.
    """
    if path.suffix != ".nxs":
        return validated(Cut, read_toml(path), f"use the cut {path}")
    return validated(Cut, _stored(path), f"repeat the cut {path}")


def write_cut(path: Path, cut: Cut) -> None:
    """Write a cut as TOML, so that :func:`read_cut` gives it back."""
    write_text(path, toml_text(cut.model_dump(mode="json", exclude_none=True)))


def choose_cuts(
    options: SpectroscopyOptions, words: Sequence[str]
) -> tuple[SpectroscopyOptions, list[Cut]]:
    """Cuts by their names or files.

    Parameters
    ----------
    options:
        The configuration.
    words:
        Names of its cuts, or files with others, which take the place of those of their name;
        all its cuts if empty.

    Returns
    -------
    :
        The configuration with the cuts of files, and the chosen cuts.

    Raises
    ------
    UserError
        If there is no such cut, or a file holds none.
    """
    cuts = {cut.name: cut for cut in options.cut}
    chosen = []
    for word in words:
        if is_record(word):
            cut = read_cut(Path(word))
            cuts[cut.name] = cut
            chosen.append(cut.name)
        elif word in cuts:
            chosen.append(word)
        else:
            near = difflib.get_close_matches(word, list(cuts), n=1)
            guess = f"Did you mean '{near[0]}'? " if near else ""
            raise UserError(
                f"make the cut '{word}'",
                "the configuration has no [[cut]] of this name",
                f"{guess}Its cuts are {', '.join(cuts) or 'none'}; others come from files "
                "that end with .toml or .nxs.",
            )
    whole = options.model_copy(update={"cut": list(cuts.values())})
    return whole, [cuts[name] for name in dict.fromkeys(chosen)] or whole.cut


def options_of(path: Path) -> tuple[SpectroscopyOptions, Path]:
    """Configuration that a cut was made with.

    Parameters
    ----------
    path:
        The cut, ``cuts/NAME.nxs`` where it was made.

    Returns
    -------
    :
        The options, with this cut alone, and the folder to which their paths refer.

    Raises
    ------
    UserError
        If the file holds no cut, or lies elsewhere.
    """
    cut = read_cut(path)
    given = tomllib.loads(read_info(path).provenance.options)
    options = validated(SpectroscopyOptions, given, f"use the options of {path}")
    options = options.model_copy(update={"cut": [cut]})
    folder, base = options.output.directory, path.absolute().parent.parent
    for part in reversed(folder.parts):
        if folder.is_absolute() or base.name != part:
            raise UserError(
                f"repeat the cut {path}",
                f"it does not lie in {folder / 'cuts'}, so that its raw files cannot be found",
                "Name the configuration first: ewaldite spectroscopy cut CONFIG.toml NAME.nxs",
            )
        base = base.parent
    return options, base


def _stored(path: Path) -> dict[str, Any]:
    data = load(path)
    if not isinstance(data, sc.DataGroup) or "cut" not in data or "S" not in data:
        raise UserError(
            f"repeat the cut {path}", "it holds no cut", "Give a cuts/NAME.nxs of a run."
        )
    return {name: _plain(value) for name, value in data["cut"].items()}


def _plain(value: Any) -> Any:
    """Undo what a file makes of lists and tables."""
    if isinstance(value, sc.DataGroup | dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return value
