"""Two sweeps of the same few images, three wedges each, and copies of what was done of them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from diffuse.tiny import write_tiny
from ewaldite.diffuse.config import parse_config
from ewaldite.diffuse.context import Context
from ewaldite.diffuse.options import DiffuseOptions
from ewaldite.io.toml_file import read_toml


def two_sweeps(folder: Path) -> Context:
    """Write the images and options; wedges cut voxels."""
    given = read_toml(write_tiny(folder))
    (first,) = given["sweep"]
    given["sweep"] = [first, first | {"name": "b", "frames": [2, 5]}]
    given["integrate"] = {"wedge_degrees": 2.0}
    return Context(parse_config(given, folder / "tiny.toml"), folder)


def options_of(context: Context, **sections: dict[str, object]) -> DiffuseOptions:
    """Options with others in some sections."""
    changed = {
        name: getattr(context.options, name).model_copy(update=given)
        for name, given in sections.items()
    }
    return context.options.model_copy(update=changed)


def copy_of(context: Context, base: Path, **run: object) -> Context:
    """Copy all files, with other options of how the work is done."""
    shutil.copytree(context.base, base, copy_function=shutil.copy2)
    return replace(context, base=base, options=options_of(context, run=run))
