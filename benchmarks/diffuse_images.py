"""Cost of the diffuse chain per image, as ratios to reading the images, in one run.

    python benchmarks/diffuse_images.py --frames 40 --repeats 5

Simulates a few Pilatus 6M frames of triclinic lysozyme, spreads them over a series, and runs in
processes of their own: reading alone (fabio), all that the chain does with images on one
thread and on two. Prints CPU seconds a frame, ratios, and peak memory, with median and range.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from ratios import Row, ratio, report

UNIQUE = 10
CONFIG = """
[[sweep]]
name = "a"
images = "images/a_#####.cbf"
geometry = "xds"
{background}
[crystal]
space_group = "P 1"
[corrections]
sensor_material = "Si"
sensor_thickness = "1 mm"
[map]
subdivide = [3, 3, 3]
"""


def prepare(folder: Path, frames: int, background: bool) -> None:
    """Write the series and its geometry, unless they are there."""
    from ewaldite.simulate.presets import lysozyme_6m
    from ewaldite.simulate.series import write_series
    from ewaldite.simulate.xds_files import write_integrate_lp, write_xds_inp

    folder.mkdir(parents=True, exist_ok=True)
    simulation = lysozyme_6m(UNIQUE)
    experiment = replace(simulation.experiment, frames=frames)
    unique = folder / "unique"
    if not unique.is_dir():
        write_series(unique, simulation, "a", 2)
    images = folder / "images"
    images.mkdir(exist_ok=True)
    for n in range(frames):
        path = images / f"a_{n + 1:05d}.cbf"
        if not path.exists():
            data = (unique / f"a_{n % UNIQUE + 1:04d}.cbf").read_bytes()
            was = f"# Start_angle {experiment.start + n % UNIQUE * experiment.width:.4f}"
            now = f"# Start_angle {experiment.start + n * experiment.width:.4f}"
            path.write_bytes(data.replace(was.encode(), now.encode(), 1))
    for path in images.glob("a_*.cbf"):
        if int(path.stem[2:]) > frames:
            path.unlink()
    write_xds_inp(folder / "xds", experiment, "../images/a_?????.cbf")
    write_integrate_lp(folder / "xds", experiment)
    line = 'background = "unique/a_background_####.cbf"' if background else ""
    (folder / "ewaldite.toml").write_text(CONFIG.format(background=line))


def read_all(folder: Path) -> None:
    """Decode every frame with fabio."""
    import fabio

    for path in sorted((folder / "images").glob("*.cbf")):
        fabio.open(str(path)).data.sum()


def reduce_all(folder: Path, workers: int) -> None:
    """All that is done per image: read, mask, filter, integrate, correct."""
    import shutil

    from ewaldite.diffuse.config import read_config
    from ewaldite.diffuse.context import Context
    from ewaldite.diffuse.workflow import run

    config = folder / "ewaldite.toml"
    options = read_config(config)
    shutil.rmtree(folder / "out", ignore_errors=True)
    options = options.model_copy(
        update={"run": options.run.model_copy(update={"workers": workers})}
    )
    run(Context(options, folder), ["integrate"])


def measured(folder: Path, what: str) -> dict[str, float]:
    """Run one job in a process of its own: CPU and wall seconds after imports, peak MB."""
    code = (
        "import sys, time, resource, json; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path; import diffuse_images as b\n"
        "import fabio, ewaldite.diffuse.workflow\n"
        "folder, what = Path(sys.argv[2]), sys.argv[3]\n"
        "t, c = time.perf_counter(), time.process_time()\n"
        "b.read_all(folder) if what == 'read' else b.reduce_all(folder, int(what))\n"
        "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "print(json.dumps(dict(cpu=time.process_time() - c, "
        "wall=time.perf_counter() - t, peak=peak)))\n"
    )
    here = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", code, here, str(folder), what],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--background", action="store_true")
    parser.add_argument("--folder", type=Path, default=Path("benchmarks/results/images"))
    arguments = parser.parse_args()
    folder, frames = arguments.folder, arguments.frames
    prepare(folder, frames, arguments.background)
    measured(folder, "1")  # compiles the kernels and warms the file cache
    rows: dict[str, list[dict[str, float]]] = {"read": [], "1": [], "2": []}
    for _ in range(arguments.repeats):
        for what, found in rows.items():
            found.append(measured(folder, what))
    read, one, two = ([r["cpu"] for r in found] for found in rows.values())
    wall = [[r["wall"] for r in rows[workers]] for workers in ("1", "2")]
    lines = [
        Row("reading with fabio", tuple(c / frames for c in read), "CPU s"),
        Row("chain, one thread", tuple(c / frames for c in one), "CPU s"),
        Row("chain, two threads", tuple(c / frames for c in two), "CPU s"),
        ratio("chain / reading", one, read, "≤ 2.5"),
        ratio("one thread / two, wall", *wall, "≥ 1.8"),
    ]
    for workers in ("1", "2"):
        peaks = tuple(r["peak"] / 1024 for r in rows[workers])
        lines.append(Row(f"peak memory, threads: {workers}", peaks, "GB", "≤ 1.5"))
    report(f"images, {frames} frames of a Pilatus 6M, a frame", lines)


if __name__ == "__main__":
    main()
