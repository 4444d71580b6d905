"""A configuration file becomes options, or a clear word about what is wrong in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ewaldite.diffuse.options import DiffuseOptions
from ewaldite.io.toml_file import read_toml
from ewaldite.model.toml_text import toml_text
from ewaldite.run.mistakes import validated


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
    return validated(DiffuseOptions, given, f"use the configuration {path}")


def config_text(options: DiffuseOptions) -> str:
    """All options as TOML, defaults included."""
    return toml_text(options.model_dump(mode="json"))
