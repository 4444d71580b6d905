"""The command ``ewaldite spectroscopy export``."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter
from rich.console import Console

from ewaldite.errors import UserError

if TYPE_CHECKING:
    from ewaldite.spectroscopy.options import SpectroscopyOptions

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
    from ewaldite.spectroscopy.checks import check_target
    from ewaldite.spectroscopy.config import read_config
    from ewaldite.spectroscopy.options import SpectroscopyOptions

    if source.suffix.lower() == ".toml":
        options = read_config(source)
        if output is not None:
            check_target(output, options, source.parent, source)
        _say(_exported(options, source.parent, source.stem, to, output))
    elif to == "csv":
        target = output or source.with_suffix(".csv")
        check_target(target, SpectroscopyOptions(), Path(), source)
        _say([_csv(source, target)])
    else:
        raise UserError(
            f"export {source} as {to}",
            "spectra of pixels are made from raw files, not from cuts",
            "Give the configuration (.toml).",
        )


def export_formats(options: SpectroscopyOptions, base: Path, stem: str) -> None:
    """Write a run in the formats of [output] formats.

    Parameters
    ----------
    options:
        The configuration.
    base:
        Folder to which its paths refer.
    stem:
        Name of the SQW file.
    """
    for to in dict.fromkeys(options.output.formats):
        _say(_exported(options, base, stem, to, None))


def _exported(
    options: SpectroscopyOptions, base: Path, stem: str, to: Format, output: Path | None
) -> list[Path]:
    out = base / options.output.directory
    if to != "csv":
        return _spectra(options, base, out, stem, to, output)
    folder = output or out / "cuts"
    names = [cut.name for cut in options.cut]
    return [_csv(out / "cuts" / f"{name}.nxs", folder / f"{name}.csv") for name in names]


def _csv(cut: Path, target: Path) -> Path:
    from ewaldite.io.export.cut_csv import write_cut_csv
    from ewaldite.io.nexus import load, read_info

    if not cut.is_file():
        raise UserError(
            f"export {cut}",
            "there is no such file",
            "Make it with: ewaldite spectroscopy run CONFIG.toml",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    write_cut_csv(target, load(cut), read_info(cut).provenance)
    return target


def _spectra(
    options: SpectroscopyOptions,
    base: Path,
    out: Path,
    stem: str,
    to: Format,
    output: Path | None,
) -> list[Path]:
    from ewaldite.cli.log import run_log
    from ewaldite.run.display import progress_for
    from ewaldite.spectroscopy.export_input import open_export
    from ewaldite.spectroscopy.export_nxspe import export_nxspe
    from ewaldite.spectroscopy.export_sqw import export_sqw

    progress = progress_for(sys.stderr, time.monotonic)
    out.mkdir(parents=True, exist_ok=True)
    log = run_log(out / "log.txt")
    with open_export(options, base) as given:
        if to == "nxspe":
            written = export_nxspe(given, output or out / "nxspe", progress)
        else:
            target = output or out / f"{stem}.sqw"
            target.parent.mkdir(parents=True, exist_ok=True)
            number = export_sqw(
                given,
                target,
                created=datetime.now(UTC),
                image_bins=options.export.image_bins,
                progress=progress,
            )
            written = [target]
            log.info("%s: %s pixels", target, f"{number:,}")
        for note in given.all_notes():
            log.warning("note: %s", note)
        for one in given.spectra:
            counted, size = one.reasons["in_cut"], one.run.size
            name = one.run.raw.path.name
            log.info(
                "%s: %s of %s events are in the spectra", name, f"{counted:,}", f"{size:,}"
            )
    return written


def _say(written: list[Path]) -> None:
    console = Console()
    shown = written if len(written) < 5 else [written[0], written[-1]]
    for path in shown:
        console.print(f"Wrote {path}", markup=False, highlight=False, soft_wrap=True)
    if len(shown) < len(written):
        console.print(f"({len(written)} files)", markup=False, highlight=False)
