"""The commands ``ewaldite spectroscopy …``."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter
from cyclopts.validators import Number
from rich.console import Console

from ewaldite.cli.computing import AS_CONFIGURED, Computing

if TYPE_CHECKING:
    from ewaldite.spectroscopy.context import Context
    from ewaldite.spectroscopy.cut import Cut
    from ewaldite.spectroscopy.options import SpectroscopyOptions

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
    from ewaldite.spectroscopy.config_template import write_template
    from ewaldite.spectroscopy.discover import discover

    found = discover(folder)
    path = write_template(found, output)
    words = f"ewaldite spectroscopy run {shlex.quote(str(path))}"
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
    from ewaldite.spectroscopy.checks import check_target
    from ewaldite.spectroscopy.config import read_config
    from ewaldite.spectroscopy.convert import convert_file, run_of
    from ewaldite.spectroscopy.options import SpectroscopyOptions

    options = SpectroscopyOptions() if config is None else read_config(config)
    base = Path() if config is None else config.parent
    check_target(output, options, base, raw, config)
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
DryRun = Annotated[bool, Parameter(help="say what would be done, and do nothing")]


@spectroscopy.command
def run(
    config: Config,
    *,
    computing: Computing = AS_CONFIGURED,
    dry_run: DryRun = False,
) -> None:
    """Do everything that is not done yet: raw files to cuts, with pictures and a report."""
    from ewaldite.cli.spectroscopy_export import export_formats
    from ewaldite.spectroscopy import workflow
    from ewaldite.spectroscopy.checks import check

    options = _options(config, computing)
    check(options, config.parent)
    if dry_run:
        _say_what_would_be_done(options, config.parent)
        return
    context = _context(options, config.parent)
    workflow.run(context)
    _draw(context, options.cut)
    _report(context)
    export_formats(options, config.parent, config.stem)


@spectroscopy.command
def vanadium(config: Config, *, computing: Computing = AS_CONFIGURED) -> None:
    """Reduce the vanadium run alone, to the efficiency of every pixel: vanadium.nxs."""
    from ewaldite.errors import UserError
    from ewaldite.io.nexus import load
    from ewaldite.plot.style import save_figure
    from ewaldite.plot.triplets import triplets_figure
    from ewaldite.spectroscopy import workflow
    from ewaldite.spectroscopy.vanadium_step import VANADIUM

    options = _options(config, computing)
    if options.vanadium is None:
        raise UserError(
            f"reduce the vanadium run of {config}",
            "it has no [vanadium]",
            "Give [vanadium] file, and its shape and size.",
        )
    context = _context(options, config.parent)
    workflow.run(context, ["vanadium"])
    path = context.out / VANADIUM
    picture = path.with_suffix(".png")
    save_figure(picture, triplets_figure(load(path)["N_b"], "$N_b$", "vanadium"))
    _say([f"Efficiency  {path}", f"Picture     {picture}"])


@spectroscopy.command
def cut(
    config: Annotated[
        Path, Parameter(help="TOML file of the run; or a cut that was made, to repeat it")
    ],
    *names: Annotated[
        str,
        Parameter(
            help="cuts of the configuration, or files that hold one: a record "
            "(.toml) or a cut that was made (.nxs); all if none is given"
        ),
    ],
    computing: Computing = AS_CONFIGURED,
    dry_run: DryRun = False,
) -> None:
    """Make these cuts only, from what a run has finished: cuts/NAME.nxs and NAME.png."""
    from ewaldite.spectroscopy import workflow
    from ewaldite.spectroscopy.checks import check
    from ewaldite.spectroscopy.cut_record import choose_cuts, options_of

    if config.suffix == ".nxs":
        options, base = options_of(config)
        options = options.model_copy(update={"computing": computing.over(options.computing)})
    else:
        options, base = _options(config, computing), config.parent
    options, chosen = choose_cuts(options, names)
    check(options, base)
    steps = [f"cut {one.name}" for one in chosen]
    if dry_run:
        _say_what_would_be_done(options, base, steps)
        return
    # cuts from elsewhere are not those of the run: its options.toml stays as it is
    context = _context(options, base, keep_options=config.suffix == ".nxs" or bool(names))
    workflow.run(context, steps)
    _draw(context, chosen)


@spectroscopy.command
def report(config: Config) -> None:
    """Draw all cuts and write report.html from finished results."""
    options = _options(config)
    context = _context(options, config.parent)
    _draw(context, options.cut)
    _report(context)


@spectroscopy.command
def demo(
    folder: Annotated[Path, Parameter(help="folder to make")] = Path("demo"),
    *,
    seed: Annotated[
        int, Parameter(help="of everything that is drawn", validator=Number(gte=0))
    ] = 0,
    mode: Annotated[
        Literal["parked", "spinning"], Parameter(help="of the pulse-shaping choppers")
    ] = "parked",
    computing: Computing = AS_CONFIGURED,
) -> None:
    """Simulate runs and vanadium with a known truth, reduce them and compare."""
    from ewaldite.cli.demo_folder import claim_folder
    from ewaldite.cli.log import terminal_log
    from ewaldite.run.display import progress_for
    from ewaldite.run.first_use import compile_first
    from ewaldite.simulate.bifrost_comparison import compare_with_truth
    from ewaldite.simulate.bifrost_demo import make_demo
    from ewaldite.spectroscopy.workflow import LOOPS

    claim_folder(folder)
    compile_first(
        (*LOOPS, "spectroscopy demo"),
        terminal_log(),
        progress=progress_for(sys.stderr, time.monotonic),
    )
    _say([f"Simulating BIFROST in {folder} …"])
    for configuration in make_demo(folder, seed=seed, mode=mode):
        run(configuration, computing=computing)
    _say(compare_with_truth(folder))


def _options(config: Path, computing: Computing = AS_CONFIGURED) -> SpectroscopyOptions:
    from ewaldite.run.budget import memory_budget
    from ewaldite.spectroscopy.config import read_config
    from ewaldite.spectroscopy.options import SECTION

    options = read_config(config)
    options = options.model_copy(update={"computing": computing.over(options.computing)})
    # a mistake there is told before any work is done
    memory_budget(options.computing.memory, section=SECTION)
    return options


def _say_what_would_be_done(
    options: SpectroscopyOptions, base: Path, only: Sequence[str] | None = None
) -> None:
    from ewaldite.cli.log import say_notes
    from ewaldite.run.first_use import first_lines
    from ewaldite.run.sizes import counted
    from ewaldite.spectroscopy.context import Context
    from ewaldite.spectroscopy.run_forecast import forecast_run
    from ewaldite.spectroscopy.workflow import LOOPS, stale

    # Without log and journal: nothing is written
    context = Context(options, base)
    reasons = stale(context, only)
    planned = forecast_run(context, reasons)
    _say([f"{name}: {reason}" for name, reason in reasons.items()])
    _say([f"{counted(len(reasons), 'steps')} to do", *planned.lines()])
    if reasons:
        say_notes(first_lines(LOOPS))
    planned.check()


def _context(
    options: SpectroscopyOptions, base: Path, *, keep_options: bool = False
) -> Context:
    from ewaldite.cli.log import run_log
    from ewaldite.errors import UserError
    from ewaldite.io.atomic import write_text
    from ewaldite.run.display import progress_for
    from ewaldite.spectroscopy.config import config_text
    from ewaldite.spectroscopy.context import Context

    out = base / options.output.directory
    try:
        (out / "work").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"make the folder {out / 'work'}",
            error.strerror or str(error),
            "Remove what stands in its way, or choose another [output] directory.",
        ) from error
    if not (keep_options and (out / "options.toml").is_file()):
        head = f"# Relative paths are those of a file in {base.absolute()}.\n"
        write_text(out / "options.toml", head + config_text(options))
    command, log = shlex.join(["ewaldite", *sys.argv[1:]]), run_log(out / "log.txt")
    return Context(
        options=options,
        base=base,
        command=command,
        log=log,
        progress=progress_for(sys.stderr, time.monotonic, out / "progress.jsonl"),
    )


def _draw(context: Context, cuts: Sequence[Cut]) -> None:
    """Draw cuts that were made since they were drawn, and say where they are."""
    from ewaldite.io.nexus import load
    from ewaldite.plot.spectrum import cut_figure
    from ewaldite.plot.style import save_figure
    from ewaldite.spectroscopy.cut_paths import CutPaths

    for one in cuts:
        paths = CutPaths(context.out, one.name)
        if not paths.drawn:
            figure = cut_figure(load(paths.result), one.name, context.options.sample.cell)
            save_figure(paths.picture, figure)
        _say([f"Cut     {paths.result}", f"        {paths.picture}"])


def _report(context: Context) -> None:
    from ewaldite.report.spectroscopy import report_spectroscopy

    _say([f"Report  {report_spectroscopy(context.out)}"])


def _say(lines: Sequence[str]) -> None:
    console = Console()
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
