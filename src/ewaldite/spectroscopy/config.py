"""A configuration file becomes options, or a clear word about what is wrong in it."""

from __future__ import annotations

from pathlib import Path

from ewaldite.io.toml_file import read_toml
from ewaldite.model.toml_text import toml_text
from ewaldite.run.mistakes import validated
from ewaldite.spectroscopy.calibration_file import with_calibration
from ewaldite.spectroscopy.options import SpectroscopyOptions


def read_config(path: Path, *, calibrated: bool = True) -> SpectroscopyOptions:
    """Read the configuration of a neutron run.

    Parameters
    ----------
    path:
        TOML file.
    calibrated:
        Whether its file of calibration is read too.

    Raises
    ------
    UserError
        If the file cannot be read; or with all mistakes in it, for a misspelt name with the
        nearest one.
    """
    options = validated(SpectroscopyOptions, read_toml(path), f"use the configuration {path}")
    return with_calibration(options, path.parent) if calibrated else options


def config_text(options: SpectroscopyOptions) -> str:
    """All options as TOML, defaults included."""
    return toml_text(options.model_dump(mode="json"))
