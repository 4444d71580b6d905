"""The command ``ewaldite spectroscopy export``."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter
from rich.console import Console

from ewaldite.errors import UserError

Format = Literal["csv", "nxspe", "sqw"]


def register(app: App) -> None:
    """Add the command to an app."""
    app.command(export)


def export(
    source: Annotated[Path, Parameter(help="configuration, or for csv also a file of cuts/")],
    *,
    to: Annotated[Format, Parameter(name=["--format", "-f"], help="of the other program")],
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="file, or folder of several")
    ] = None,
) -> None:
    """Write cuts as CSV, or spectra of all pixels as NXspe or SQW for Horace."""
    if to == "csv":
        _say(_csv(source, output))
        return
    if source.suffix.lower() != ".toml":
        raise UserError(
            f"export {source} as {to}",
            "spectra of pixels are made from raw files, not from cuts",
            "Give the configuration (.toml).",
        )
    _say(_spectra(source, to, output))


def _csv(source: Path, output: Path | None) -> list[Path]:
    from ewaldite.io.export.cut_csv import write_cut_csv
    from ewaldite.io.nexus import load, read_info
    from ewaldite.spectroscopy.config import read_config

    cuts, folder = [source], source.parent
    if source.suffix.lower() == ".toml":
        options = read_config(source)
        folder = source.parent / options.output.directory / "cuts"
        cuts = [folder / f"{cut.name}.nxs" for cut in options.cut]
        folder = output or folder
    many = source.suffix.lower() == ".toml"
    written = []
    for cut in cuts:
        if not cut.is_file():
            raise UserError(
                f"export {cut}",
                "there is no such file",
                "Make it with: ewaldite spectroscopy run CONFIG.toml",
            )
        target = folder / f"{cut.stem}.csv" if many or output is None else output
        target.parent.mkdir(parents=True, exist_ok=True)
        write_cut_csv(target, load(cut), read_info(cut).provenance)
        written.append(target)
    return written


def _spectra(config: Path, to: Format, output: Path | None) -> list[Path]:
    from ewaldite.cli.log import run_log
    from ewaldite.run.display import progress_for
    from ewaldite.spectroscopy.config import read_config
    from ewaldite.spectroscopy.export_input import open_export
    from ewaldite.spectroscopy.export_nxspe import export_nxspe
    from ewaldite.spectroscopy.export_sqw import export_sqw

    options = read_config(config)
    out = config.parent / options.output.directory
    progress = progress_for(sys.stderr, time.monotonic)
    out.mkdir(parents=True, exist_ok=True)
    log = run_log(out / "log.txt")
    with open_export(options, config.parent) as given:
        if to == "nxspe":
            written = export_nxspe(given, output or out / "nxspe", progress)
        else:
            target = output or out / f"{config.stem}.sqw"
            target.parent.mkdir(parents=True, exist_ok=True)
            number = export_sqw(
                given, target, created=datetime.now(UTC),
                image_bins=options.export.image_bins, progress=progress,
            )  # fmt: skip
            written = [target]
            log.info("%s: %s pixels", target, f"{number:,}")
        for note in given.all_notes():
            log.warning("note: %s", note)
        for one in given.spectra:
            counted = one.reasons["in_cut"]
            log.info("%s: %s of %s events are in the spectra", one.run.raw.path.name,
                     f"{counted:,}", f"{one.run.size:,}")  # fmt: skip
    return written


def _say(written: list[Path]) -> None:
    console = Console()
    shown = written if len(written) < 5 else [written[0], written[-1]]
    for path in shown:
        console.print(f"Wrote {path}", markup=False, highlight=False, soft_wrap=True)
    if len(shown) < len(written):
        console.print(f"({len(written)} files)", markup=False, highlight=False)
