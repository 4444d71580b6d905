"""The commands ``ewaldite spectroscopy …``."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter
from rich.console import Console

if TYPE_CHECKING:
    from ewaldite.spectroscopy.context import Context
    from ewaldite.spectroscopy.cut import Cut

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


Config = Annotated[
    Path, Parameter(help="TOML file; make one with 'ewaldite spectroscopy init'")
]


@spectroscopy.command
def run(
    config: Config,
    *,
    dry_run: Annotated[bool, Parameter(help="say what would be done, and do nothing")] = False,
) -> None:
    """Reduce raw files to all cuts of a configuration: cuts/NAME.nxs and NAME.png."""
    from ewaldite.spectroscopy.config import read_config

    options = read_config(config)
    if dry_run:
        _say([f"{r.file}: to be reduced" for r in options.run])
        _say([f"cuts/{c.name}.nxs: {' × '.join(map(str, c.shape))} bins" for c in options.cut])
        return
    _reduce(config)


@spectroscopy.command
def demo(
    folder: Annotated[Path, Parameter(help="folder to make")] = Path("demo"),
    *,
    seed: Annotated[int, Parameter(help="of everything that is drawn")] = 0,
) -> None:
    """Simulate a run and vanadium with a known truth, reduce them and compare."""
    from ewaldite.simulate.bifrost_demo import compare_with_truth, make_demo

    _say([f"Simulating BIFROST in {folder} …"])
    configuration = make_demo(folder, seed=seed)
    _reduce(configuration)
    _say(compare_with_truth(configuration.parent))


def _reduce(config: Path) -> None:
    from ewaldite.spectroscopy import workflow

    context = _context(config)
    workflow.run(context)
    _report(context, context.options.cut)


def _context(config: Path) -> Context:
    from ewaldite.cli.log import run_log
    from ewaldite.io.atomic import write_text
    from ewaldite.run.display import progress_for
    from ewaldite.spectroscopy.config import config_text, read_config
    from ewaldite.spectroscopy.context import Context

    options = read_config(config)
    out = config.parent / options.output.directory
    (out / "work").mkdir(parents=True, exist_ok=True)
    write_text(out / "options.toml", config_text(options))
    return Context(
        options=options,
        base=config.parent,
        command=shlex.join(["ewaldite", *sys.argv[1:]]),
        log=run_log(out / "log.txt"),
        progress=progress_for(sys.stderr, time.monotonic, out / "progress.jsonl"),
    )


def _report(context: Context, cuts: Sequence[Cut]) -> None:
    """Draw cuts, and say where they are."""
    from ewaldite.io.nexus import load
    from ewaldite.plot.spectrum import cut_figure
    from ewaldite.plot.style import save_figure
    from ewaldite.spectroscopy.cut_paths import CutPaths

    for cut in cuts:
        paths = CutPaths(context.out, cut.name)
        data = load(paths.result)
        figure = cut_figure(data["S"], cut.name, context.options.sample.cell)
        save_figure(paths.picture, figure)
        _say([f"Cut  {paths.result}", f"     {paths.picture}"])


def _say(lines: Sequence[str]) -> None:
    console = Console()
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
