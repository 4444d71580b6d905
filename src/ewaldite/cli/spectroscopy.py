"""The commands ``ewaldite spectroscopy …``."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console

spectroscopy = App(
    name="spectroscopy", help="Events of BIFROST to energy and momentum transfer."
)


@spectroscopy.command
def init(
    folder: Annotated[Path, Parameter(help="folder with raw files")],
    *,
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="file to write")
    ] = None,
) -> None:
    """Look at a folder and write a commented configuration."""
    from ewaldite.spectroscopy.discover import discover, write_template

    found = discover(folder)
    path = write_template(found, output)
    words = f"ewaldite spectroscopy convert RAW.nxs -o converted.nxs --config {path}"
    _say([*found.lines(), f"Wrote {path}; read it, then: {words}"])


@spectroscopy.command
def convert(
    raw: Annotated[Path, Parameter(help="raw file, or table of tube, x, t (.csv)")],
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="file to write")],
    config: Annotated[
        Path | None, Parameter(help="TOML file; make one with 'ewaldite spectroscopy init'")
    ] = None,
) -> None:
    """Write energy and momentum transfer of every event, with its masks."""
    from ewaldite.run.display import progress_for
    from ewaldite.spectroscopy.config import read_config
    from ewaldite.spectroscopy.convert import convert_file, run_of
    from ewaldite.spectroscopy.options import SpectroscopyOptions

    options = SpectroscopyOptions() if config is None else read_config(config)
    base = Path() if config is None else config.parent
    done = convert_file(
        options,
        run_of(options, raw, base),
        output,
        base=base,
        command=shlex.join(["ewaldite", *sys.argv[1:]]),
        progress=progress_for(sys.stderr, time.monotonic),
    )
    _say([*done.lines(), f"Events  {done.path}"])


def _say(lines: Sequence[str]) -> None:
    console = Console()
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
