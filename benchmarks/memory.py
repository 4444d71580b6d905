"""Predicted against measured peak memory of every step of the diffuse chain.

    python benchmarks/memory.py                    # all cases
    python benchmarks/memory.py --case tables --millions 1

Cases, the first three with one and two workers: ``few`` (10 wedges of Pilatus 6M frames);
``many`` (1000 wedges of one small frame); ``large`` (a cubic cell of 100 Å to 1.5 Å on 6
megapixels, in wedges of 5°, merged and mapped on 3 × 3 × 3, under ``memory = "1.5 GB"``);
``tables`` (scaling and merging of 1,000,000 observations of 120,000 voxels of three sweeps,
from files, as the steps of a run do).

Every run is a process of its own, with compiled kernels. Peaks are the largest resident memory
of the whole process, libraries included, while a step runs (``VmHWM``, reset before each step;
Linux only).
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

LINES = """
[[sweep]]
name = "{name}"
images = "{images}"
geometry = "{geometry}"
{more}"""
HEAD = """
[crystal]
space_group = "P 1"
[corrections]
sensor_material = "Si"
sensor_thickness = "1 mm"
"""
MB = 1e6


def spread_over(folder: Path, simulation: Any, unique: int, name: str) -> str:
    """Write a series that repeats a few simulated frames; its template."""
    from ewaldite.simulate.series import write_series

    experiment = simulation.experiment
    few = replace(experiment, frames=unique, background_frames=0)
    write_series(folder / "unique", replace(simulation, experiment=few), name, 1)
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    for n in range(experiment.frames):
        data = (folder / "unique" / f"{name}_{n % unique + 1:04d}.cbf").read_bytes()
        angles = (
            f"# Start_angle {experiment.start + i * experiment.width:.4f}".encode()
            for i in (n % unique, n)
        )
        (images / f"{name}_{n + 1:05d}.cbf").write_bytes(data.replace(*angles, 1))
    shutil.rmtree(folder / "unique")
    return f"images/{name}_#####.cbf"


def write_case(folder: Path, simulation: Any, unique: int, options: str) -> None:
    """One sweep and its configuration."""
    from ewaldite.simulate.xds_files import write_integrate_lp, write_xds_inp

    template = spread_over(folder, simulation, unique, "a")
    write_xds_inp(folder / "xds", simulation.experiment, "../images/a_?????.cbf")
    write_integrate_lp(folder / "xds", simulation.experiment)
    sweep = LINES.format(name="a", images=template, geometry="xds", more="")
    (folder / "ewaldite.toml").write_text(sweep + HEAD + options, encoding="utf-8")


def few(folder: Path, _: int) -> None:
    """Ten wedges of 2° of triclinic lysozyme on a Pilatus 6M."""
    from ewaldite.simulate.presets import lysozyme_6m

    options = "[integrate]\nwedge_degrees = 2\n[map]\nsubdivide = [3, 3, 3]\n"
    write_case(folder, lysozyme_6m(200), 5, options)


def many(folder: Path, _: int) -> None:
    """A thousand wedges of one frame on a small detector."""
    from ewaldite.simulate.presets import small_demo

    simulation = small_demo(frames=1000)[0]
    small = replace(
        simulation.experiment.detector,
        shape=(100, 96),
        pixel=0.86,
        origin=(50.3, 48.8),
        modules=None,
        dead=(),
    )
    experiment = replace(simulation.experiment, detector=small, width=0.1, space_group=1)
    options = "[integrate]\nwedge_degrees = 0.1\n[map]\nsubdivide = [2, 2, 2]\nd_min = 1.6\n"
    write_case(folder, replace(simulation, experiment=experiment), 20, options)


def large(folder: Path, _: int) -> None:
    """Two wedges of 5° of a cubic cell of 100 Å."""
    from ewaldite.simulate.experiment import placed_axes
    from ewaldite.simulate.presets import lysozyme_6m
    from ewaldite.simulate.xds_files import write_xparm

    simulation = lysozyme_6m(100)
    axes = placed_axes((100.0, 100.0, 100.0, 90.0, 90.0, 90.0), simulation.experiment.axes)
    experiment = replace(simulation.experiment, axes=axes)
    options = "[map]\nsubdivide = [3, 3, 3]\nd_min = 1.5\n"
    write_case(folder, replace(simulation, experiment=experiment), 5, options)
    # without the blocks of INTEGRATE.LP, which are shorter
    (folder / "xds" / "INTEGRATE.LP").unlink()
    write_xparm(folder / "xds", experiment)


def tables(folder: Path, millions: int) -> None:
    """Tables of observations of three sweeps, as if combine had left them."""
    from diffuse_scaling import BLOCK, observations

    from ewaldite.io.nexus import TableWriter
    from ewaldite.simulate.presets import lysozyme_6m
    from ewaldite.simulate.xds_files import write_integrate_lp, write_xds_inp

    simulation = lysozyme_6m(1200)
    text = ""
    for name in "abc":
        single = replace(simulation, experiment=replace(simulation.experiment, frames=1))
        spread_over(folder, single, 1, name)
        images = folder / "images"
        for n in range(1, 1200):
            (images / f"{name}_{n + 1:05d}.cbf").hardlink_to(images / f"{name}_00001.cbf")
        write_xds_inp(folder / name, simulation.experiment, f"../images/{name}_?????.cbf")
        write_integrate_lp(folder / name, simulation.experiment)
        template = f"images/{name}_#####.cbf"
        text += LINES.format(name=name, images=template, geometry=name, more="exposure = 1.0")
    options = (
        '[scale]\nterms = ["a", "b", "c", "d"]\n[map]\nsubdivide = [1, 1, 1]\nd_min = 0.6\n'
    )
    (folder / "ewaldite.toml").write_text(text + HEAD + options, encoding="utf-8")
    work = folder / "out" / "work"
    work.mkdir(parents=True)
    with TableWriter(folder / "out" / "observations.nxs") as writer:
        for block in range(millions):
            table = observations(BLOCK, 120_000 * millions, block).to_scipp()
            for start in range(0, BLOCK, 100_000):
                writer.append(table["voxel", start : start + 100_000].copy())
    (work / "map_observations.nxs").hardlink_to(folder / "out" / "observations.nxs")


CASES: dict[str, Callable[[Path, int], None]] = {
    "few": few,
    "many": many,
    "large": large,
    "tables": tables,
}


def reset_peak() -> None:
    """Begin to measure: the peak becomes what is resident now (proc(5), clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def job(folder: Path, case: str, workers: int, memory: str | None) -> dict[str, Any]:
    """Run a case; peak of every step, and what was predicted of it."""
    from ewaldite.diffuse import workflow
    from ewaldite.diffuse.config import read_config
    from ewaldite.diffuse.context import Context
    from ewaldite.diffuse.run_forecast import forecast_run
    from ewaldite.report.diffuse import report_diffuse
    from ewaldite.run.memory import current_rss, give_back, peak_rss
    from ewaldite.run.steps import run_steps

    options = read_config(folder / "ewaldite.toml")
    run = options.run.model_copy(update={"workers": workers, "memory": memory})
    context = Context(options.model_copy(update={"run": run}), folder)
    context.work.mkdir(parents=True, exist_ok=True)
    start = current_rss()
    peaks: dict[str, float] = {}
    held: dict[str, float] = {}

    def measured(name: str, run: Callable[[], object]) -> None:
        give_back()
        reset_peak()
        held[name] = current_rss()
        run()
        peaks[name] = peak_rss()

    steps = workflow.workflow(context)
    asked = ["scale", "merge"] if case == "tables" else [*workflow.stale(context), "report"]
    planned = forecast_run(context, asked)
    predicted = {s.needed.step: float(s.plan.predicted_peak) for s in planned.steps}
    context.planned.update((s.needed.step, s.plan) for s in planned.steps)
    for line in planned.lines():
        print("   ", line, file=sys.stderr)
    if case == "tables":
        for step in steps:
            if step.name in ("scale", "merge"):
                if step.name == "merge":
                    no_spots(context.path("bragg.nxs"))
                measured(step.name, step.run)
    else:
        wrapped = [
            replace(s, run=lambda s=s: measured(s.name, s.run))  # type: ignore[misc]
            for s in steps
        ]
        run_steps(wrapped, context.work / "state.json", context.log)
        images = {entry.options.name: entry.sample(0) for entry in context.entries}
        measured("report", lambda: report_diffuse(context.out, images))
    return {"start": start, "held": held, "peaks": peaks, "predicted": predicted}


def no_spots(path: Path) -> None:
    """A Bragg table of a few rows."""
    import scipp as sc

    from ewaldite.io.nexus import save

    n = 100
    one = {
        x: sc.array(dims=["voxel"], values=np.arange(n) % 7 + 1.0, unit="one") for x in "hkl"
    }
    one |= {
        x: sc.array(dims=["voxel"], values=np.full(n, 50.0), unit="one")
        for x in ("ix", "iy", "iz", "pixels", "fraction")
    }
    one |= {
        x: sc.array(dims=["voxel"], values=np.full(n, 9.0), unit=unit)
        for x, unit in (
            ("counts", "counts"),
            ("exposure", "mrad**2*s"),
            ("diffuse", "counts/mrad**2/s"),
        )
    }
    one |= {
        x: sc.array(dims=["voxel"], values=np.zeros(n, np.int32), unit=None)
        for x in ("wedge", "sweep")
    }
    data = sc.array(
        dims=["voxel"], values=np.ones(n), variances=np.ones(n), unit="counts/mrad**2/s"
    )
    masks = {
        x: sc.array(dims=["voxel"], values=np.zeros(n, bool)) for x in ("partial", "no count")
    }
    save(path, sc.DataArray(data, coords=one, masks=masks, name="intensity"))


def measured_case(folder: Path, case: str, workers: int, memory: str | None) -> dict[str, Any]:
    """Run one job in a process of its own."""
    if case != "tables":
        shutil.rmtree(folder / "out", ignore_errors=True)
    arguments = ["--job", "--case", case, "--workers", str(workers), "--folder", str(folder)]
    arguments += ["--memory", memory] if memory else []
    done = subprocess.run(
        [sys.executable, __file__, *arguments], stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def show(title: str, result: dict[str, Any]) -> None:
    """Print a table."""
    print(f"{title}; the process holds {result['start'] / MB:.0f} MB at the start")
    for name, peak in result["peaks"].items():
        line = f"  {name:<10} held before {result['held'][name] / MB:5.0f} MB"
        line += f", measured {peak / MB:6.0f} MB"
        if name in result["predicted"]:
            predicted = result["predicted"][name]
            line += f", predicted {predicted / MB:6.0f} MB, measured / predicted "
            line += f"{peak / predicted:.2f}"
        print(line)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=CASES, action="append")
    parser.add_argument("--millions", type=int, default=1)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--memory")
    parser.add_argument("--folder", type=Path, default=Path("benchmarks/results/memory"))
    parser.add_argument("--job", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        case, folder = arguments.case[0], arguments.folder
        print(json.dumps(job(folder, case, arguments.workers, arguments.memory)))
        return
    for case in arguments.case or list(CASES):
        folder = arguments.folder / (
            case if case != "tables" else f"tables_{arguments.millions}"
        )
        if not (folder / "ewaldite.toml").is_file():
            CASES[case](folder, arguments.millions)
        memory = arguments.memory or ("1.5 GB" if case == "large" else None)
        both = (1,) if case == "tables" else (1, 2)
        for workers in [arguments.workers] if arguments.workers else both:
            title = f"{case}, {workers} worker{'s' if workers > 1 else ''}"
            show(title, measured_case(folder, case, workers, memory))


if __name__ == "__main__":
    main()
