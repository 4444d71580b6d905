"""The commands ``ewaldite diffuse …``."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number
from rich.console import Console

from ewaldite.cli.computing import AS_CONFIGURED, Computing
from ewaldite.errors import UserError

if TYPE_CHECKING:
    from ewaldite.diffuse.context import Context
    from ewaldite.diffuse.options import DiffuseOptions

diffuse = App(name="diffuse", help="X-ray rotation images to a diffuse-scattering map.")

Config = Annotated[Path, Parameter(help="TOML file; make one with 'ewaldite diffuse init'")]


@diffuse.command
def init(
    folder: Annotated[Path, Parameter(help="folder with images and geometry")],
    *,
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="file to write")
    ] = None,
) -> None:
    """Look at a folder and write a commented configuration."""
    from ewaldite.diffuse.discover import discover, write_template

    found = discover(folder)
    path = write_template(folder, found, output)
    console = Console()
    for line in found.lines():
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    open_ends = path.read_text(encoding="utf-8")
    marked = sum(open_ends.count(f"{word}:") for word in ("MISSING", "PROBLEM"))
    places = "place" if marked == 1 else f"{marked} places"
    to_do = f"mend the {places} marked MISSING or PROBLEM" if marked else "read it"
    done = f"Wrote {path}; {to_do}, then: ewaldite diffuse run {shlex.quote(str(path))}"
    console.print(done, markup=False, highlight=False, soft_wrap=True)


@diffuse.command
def run(
    config: Config,
    *,
    computing: Computing = AS_CONFIGURED,
    dry_run: Annotated[bool, Parameter(help="say what would be done, and do nothing")] = False,
) -> None:
    """Do everything that is not done yet: images to map, with a report."""
    if dry_run:
        _say_what_would_be_done(config, computing)
        return
    context = _context(config, computing)
    _run(context, None)
    _report(context)


def _one_step(name: str, text: str) -> None:
    """Make the command of a step."""

    def step(config: Config, *, computing: Computing = AS_CONFIGURED) -> None:
        _run(_context(config, computing), [name])

    step.__doc__ = text
    diffuse.command(step, name=name)


_one_step("mask", "Decide which pixels take part: masks.nxs.")
_one_step("filter", "Pass over the images once: count, correct, find Bragg peaks.")
_one_step("integrate", "Sum the wedges into voxels, Bragg peaks apart.")
_one_step("correct", "Write the corrections of every pixel: corrections.nxs.")
_one_step("export", "Make observations and Bragg reflections of every wedge.")
_one_step("combine", "Put all sweeps in one table: observations.nxs, bragg.nxs.")
_one_step("scale", "Find the factors that make all sweeps agree: scales.nxs, scaled.nxs.")
_one_step("merge", "Merge equivalent observations: merged.nxs, statistics.nxs.")
_one_step("rescale", "Put the merged table on the absolute scale: absolute.nxs.")
_one_step("map", "Spread the merged voxels over reciprocal space: map.nxs.")
_one_step("pdf", "Transform the variational map to real space: pdf.nxs.")


@diffuse.command
def report(config: Config) -> None:
    """Write report.html and report.png from finished results."""
    _report(_context(config))


@diffuse.command
def demo(
    folder: Annotated[Path, Parameter(help="folder to make")] = Path("demo"),
    *,
    seed: Annotated[
        int, Parameter(help="of strengths and counts", validator=Number(gte=0))
    ] = 0,
    computing: Computing = AS_CONFIGURED,
) -> None:
    """Simulate a small experiment with a known truth, reduce it and compare."""
    from ewaldite.cli.demo_folder import claim_folder
    from ewaldite.cli.log import terminal_log
    from ewaldite.diffuse.workflow import LOOPS
    from ewaldite.run.budget import usable_processors
    from ewaldite.run.display import progress_for
    from ewaldite.run.first_use import compile_first
    from ewaldite.simulate.comparison import compare_with_truth
    from ewaldite.simulate.demo import make_demo

    claim_folder(folder)
    compile_first(
        (*LOOPS, "diffuse demo"),
        terminal_log(),
        counts=("int32",),
        progress=progress_for(sys.stderr, time.monotonic),
    )
    console = Console()
    console.print(f"Simulating three sweeps in {folder} …", markup=False)
    made = make_demo(
        folder,
        seed=seed,
        workers=computing.workers or usable_processors(),
        disturbed=True,
        contents=True,
    )
    context = _context(made.configuration, computing)
    _run(context, None)
    _report(context)
    comparison = compare_with_truth(context.path("merged.nxs"), made.truth)
    comparison.write(context.path("truth.txt"))
    for line in comparison.lines():
        console.print(line, markup=False, highlight=False)
    console.print(f"Truth comparison   {context.path('truth.txt')}", markup=False)


def _say_what_would_be_done(config: Path, computing: Computing) -> None:
    from ewaldite.cli.log import say_notes
    from ewaldite.diffuse.context import Context
    from ewaldite.diffuse.early_check import check_late_inputs
    from ewaldite.diffuse.run_forecast import forecast_run
    from ewaldite.diffuse.workflow import LOOPS, stale
    from ewaldite.run.first_use import first_lines
    from ewaldite.run.sizes import counted

    # Without log and journal: nothing is written
    context = Context(_options(config, computing), config.parent)
    check_late_inputs(context)
    reasons = stale(context)
    planned = forecast_run(context, [*reasons, "report"] if reasons else [])
    console = Console()
    for line in (
        *(f"{name}: {reason}" for name, reason in reasons.items()),
        f"{counted(len(reasons), 'steps')} to do",
        *planned.lines(),
    ):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if reasons:
        say_notes(first_lines(LOOPS, context.count_types))
    planned.check()


def _options(config: Path, computing: Computing) -> DiffuseOptions:
    from ewaldite.diffuse.config import read_config
    from ewaldite.run.budget import memory_budget

    options = read_config(config)
    options = options.model_copy(update={"run": computing.over(options.run)})
    memory_budget(options.run.memory)  # a mistake there is told before any work is done
    return options


def _context(config: Path, computing: Computing = AS_CONFIGURED) -> Context:
    from ewaldite.cli.log import run_log
    from ewaldite.diffuse.config import config_text
    from ewaldite.diffuse.context import Context
    from ewaldite.io.atomic import write_text
    from ewaldite.run.display import progress_for

    options = _options(config, computing)
    out = config.parent / options.output.directory
    try:
        (out / "work").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"make the folder {out / 'work'}",
            error.strerror or str(error),
            "Remove what stands in its way, or choose another [output] directory.",
        ) from error
    text = config_text(options)
    write_text(out / "options.toml", text)
    return Context(
        options=options,
        base=config.parent,
        command=shlex.join(["ewaldite", *sys.argv[1:]]),
        options_text=text,
        log=run_log(out / "log.txt"),
        progress=progress_for(sys.stderr, time.monotonic, out / "progress.jsonl"),
    )


def _run(context: Context, only: Sequence[str] | None) -> None:
    from ewaldite.diffuse import workflow

    for note in dict.fromkeys(n for entry in context.entries for n in entry.notes):
        context.log.warning("note: %s", note)
    workflow.run(context, only)


def _report(context: Context) -> None:
    from ewaldite.plot.map_pictures import draw_pictures
    from ewaldite.report.diffuse import report_diffuse

    images = {entry.options.name: entry.sample(0) for entry in context.entries}
    page, picture = report_diffuse(context.out, images)
    drawn = draw_pictures(context.out, context.options.map)
    absolute = context.options.contents.given
    console = Console()
    for what, path in (
        ("Observations", context.path("observations.nxs")),
        ("Scaling model", context.path("scales.nxs")),
        ("Merged table", context.path("merged.nxs")),
        *([("Absolute table", context.path("absolute.nxs"))] if absolute else []),
        ("Map", context.path("map.nxs")),
        ("Bragg table", context.path("bragg_merged.nxs")),
        *([("3D-ΔPDF", context.path("pdf.nxs"))] if context.options.pdf.enabled else []),
        ("Report", page),
        ("Picture", picture),
        *(("Picture", path) for path in drawn),
    ):
        if not path.is_file():
            continue
        console.print(f"{what:<18} {path}", markup=False, highlight=False, soft_wrap=True)
