"""The commands ``ewaldite spectroscopy calibrate`` and ``lookup-table``."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter
from rich.console import Console

Config = Annotated[
    Path, Parameter(help="TOML file; make one with 'ewaldite spectroscopy init'")
]


def register(spectroscopy: App) -> None:
    """Add the commands."""
    spectroscopy.command(calibrate)
    spectroscopy.command(lookup_table, name="lookup-table")


def calibrate(
    config: Config,
    *,
    what: Annotated[
        Literal["along-tube", "modules", "time-zero"] | None,
        Parameter(help="is fitted; default: that of [calibrate]"),
    ] = None,
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="file of calibration to write")
    ] = None,
) -> None:
    """Fit where the detectors are, or the time zero, and write a file of calibration."""
    from ewaldite.model.provenance import installed_version
    from ewaldite.plot.calibration import calibration_figure
    from ewaldite.plot.style import save_figure
    from ewaldite.run.display import progress_for
    from ewaldite.spectroscopy.calibrate.workflow import calibrate as fit
    from ewaldite.spectroscopy.checks import check_target
    from ewaldite.spectroscopy.config import read_config

    command = shlex.join(["ewaldite", *sys.argv[1:]])
    options = read_config(config, calibrated=False)
    target = output or config.parent / options.calibrate.output
    check_target(target, options, config.parent, config)
    made = fit(
        options,
        base=config.parent,
        what=what,
        output=target,
        head=f"Written by ewaldite {installed_version()}: {command}",
        progress=progress_for(sys.stderr, time.monotonic),
    )
    picture = made.path.with_suffix(".png")
    save_figure(picture, calibration_figure(made.fit))
    _say([*made.lines, f"Calibration  {made.path}", f"             {picture}"])


def lookup_table(
    config: Config,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="file to write, .nxs")],
    run: Annotated[
        Path | None, Parameter(help="raw file with the choppers; default: the first [[run]]")
    ] = None,
) -> None:
    """Compute wavelengths by distance and time from the choppers, for mode = "table"."""
    from ewaldite.spectroscopy.checks import check_target
    from ewaldite.spectroscopy.config import read_config
    from ewaldite.spectroscopy.table_file import write_lookup_table

    options = read_config(config)
    check_target(output, options, config.parent, config, run)
    made = write_lookup_table(
        options,
        output,
        base=config.parent,
        raw=run,
        command=shlex.join(["ewaldite", *sys.argv[1:]]),
    )
    _say([*made, f"Table  {output}"])


def _say(lines: Sequence[str]) -> None:
    console = Console()
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
