"""Files of calibration: where detectors are and the time zero, as fits gave them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from ewaldite.errors import UserError
from ewaldite.io.atomic import write_text
from ewaldite.io.toml_file import read_toml, toml_text
from ewaldite.run.mistakes import validated
from ewaldite.run.section import Section
from ewaldite.spectroscopy.calibration_options import ModuleOptions, TubeOptions
from ewaldite.spectroscopy.options import SpectroscopyOptions


class CalibrationFile(Section):
    """What a file of calibration holds."""

    time_zero: str | None = Field(None, description="added to the times of the way in")
    time_zero_error: str | None = Field(None, description="its standard error")
    tube: list[TubeOptions] = Field(default_factory=list, description="tubes by number")
    module: list[ModuleOptions] = Field(default_factory=list, description="modules by number")


def read_calibration(path: Path) -> CalibrationFile:
    """Read a file of calibration.

    Raises
    ------
    UserError
        If it is missing or no such file.
    """
    if not path.exists():
        raise UserError(
            f"read {path} ([calibration] file)",
            "there is no such file",
            "Make one with: ewaldite spectroscopy calibrate, or leave the option out.",
        )
    return validated(CalibrationFile, read_toml(path), f"use the calibration {path}")


def write_calibration(path: Path, content: CalibrationFile, head: str = "") -> None:
    """Write a file of calibration; it appears when it is complete.

    Parameters
    ----------
    path:
        TOML file.
    content:
        What it says.
    head:
        Lines of comment at its top.
    """
    comment = "".join(f"# {line}\n" for line in head.splitlines())
    held: dict[str, Any] = content.model_dump(mode="json", exclude_none=True)
    given = {name: value for name, value in held.items() if value != []}
    write_text(path, comment + toml_text(given))


def with_calibration(options: SpectroscopyOptions, base: Path) -> SpectroscopyOptions:
    """Take the file of [calibration] into the options.

    Tubes and modules that the options name themselves, and a time zero that [primary] gives,
    stay as they are.

    Parameters
    ----------
    options:
        The configuration.
    base:
        Folder to which paths refer.

    Returns
    -------
    :
        Options that need no file any more.

    Raises
    ------
    UserError
        As :func:`read_calibration`.
    """
    own = options.calibration
    if own.file is None:
        return options
    found = read_calibration(base / own.file)
    tubes = {(t.arc, t.channel, t.tube) for t in own.tube}
    modules = {(m.arc, m.module) for m in own.module}
    calibration = own.model_copy(
        update={
            "file": None,
            "tube": own.tube
            + [t for t in found.tube if (t.arc, t.channel, t.tube) not in tubes],
            "module": own.module
            + [m for m in found.module if (m.arc, m.module) not in modules],
        }
    )
    primary = options.primary
    if primary.time_zero is None:
        primary = primary.model_copy(update={"time_zero": found.time_zero})
    return options.model_copy(update={"calibration": calibration, "primary": primary})
