"""Cost of events and coverage of the neutron chain, as ratios to what a plain program needs.

    python benchmarks/events.py --events 1e7 --repeats 5

Writes a raw file of BIFROST with so many events at random, and brings them into a
two-dimensional cut, with masks, monitor weights and variances: reading alone (h5py), reading
with the arithmetic and the histogram in one plain loop, and the chain on one thread and on two,
in turns. All after imports, with kernels compiled, of events only. Then peak memory at several
numbers of events, in processes of their own (the larger files share the events of one triplet
among all), and the coverage of 13,500 pixels, 180 rotations and 300 energies on one thread and
on two. With ``--essspectroscopy``, an interpreter in whose environment it is installed, its
histogram of the same events is measured in the same run.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import numba
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from ratios import Row, ratio, report

from ewaldite.run.memory import peak_rss
from ewaldite.spectroscopy.coverage import coverage
from ewaldite.spectroscopy.cut import Cut
from ewaldite.spectroscopy.cut_grid import cut_grid
from ewaldite.spectroscopy.cut_setup import CutSetup, set_up_cut
from ewaldite.spectroscopy.exposure import Exposure, exposure
from ewaldite.spectroscopy.flux import resolved_flux
from ewaldite.spectroscopy.options import SpectroscopyOptions
from ewaldite.spectroscopy.reduce_events import CutRun, reduce_events
from ewaldite.spectroscopy.run_input import RunInput, open_run
from spectroscopy.raw_files import PERIOD_NS, Raw, write
from spectroscopy.toys import band, counts_of

STEPS = 180
PACKED = "cut of compressed events, two threads"
SLICE = Cut(
    name="he",
    axes=["h", "energy_transfer"],
    bins={"h": (-3, 3, 0.05), "energy_transfer": (-1, 3, 0.05)},
    integrate={"k": (-0.1, 0.1), "l": (-1.1, -0.9)},
)
VOLUME = Cut(
    name="hle",
    axes=["h", "l", "energy_transfer"],
    bins={"h": (-3, 3, 0.05), "l": (-3, 3, 0.05), "energy_transfer": (-1, 3, 0.05)},
    integrate={"k": (-0.1, 0.1)},
)
OPTIONS = {
    "primary": {"emission_time": "1.72 ms", "earliest_at_sample": "143 ms"},
    "sample": {"cell": [5, 5, 5, 90, 90, 90], "u": [1, 0, 0], "v": [0, 0, 1]},
    "mask": {
        "tube_ends": 3,
        "window": [{"name": "prompt", "start": "0 ms", "stop": "1 ms"}],
    },
}


def make(path: Path, events: int, frames: int, *, shared: bool, compressed: bool) -> None:
    """A stepped scan of 180 angles with events at random."""
    places = [(channel, arc) for channel in range(9) for arc in range(5)]
    steps = [(n * frames / 14 / STEPS, float(n)) for n in range(STEPS)]
    charge = [(n / 14, 10.0) for n in range(frames)]
    monitor = np.full((1, 500), 1e5)
    empty = dict.fromkeys(places, ())
    write(path, Raw(empty, a3=steps, charge=charge, monitor=monitor, frames=frames))
    rng = np.random.default_rng(0)
    size = events // len(places)
    index = np.linspace(0, size, frames, endpoint=False).astype(int)
    options: dict[str, Any] = {}
    if compressed:
        options = {"chunks": (16_384,), "compression": "gzip", "shuffle": True}
    first = None
    with h5py.File(path, "r+") as file:
        for channel, arc in places:
            triplet = file[f"entry/instrument/channel_{channel + 1}_{arc + 1}_triplet"]
            data = triplet["data"]
            data["event_index"][...] = index
            for name in ("event_id", "event_time_offset"):
                attributes = dict(data[name].attrs)
                del data[name]
                if shared and first is not None:
                    data[name] = first[name]
                    continue
                if name == "event_id":
                    values = rng.choice(triplet["detector_number"][()].ravel(), size)
                else:
                    values = rng.integers(0, PERIOD_NS, size)
                data.create_dataset(name, data=values.astype(np.int32), **options)
                data[name].attrs.update(attributes)
            first = first or data


@contextmanager
def opened(path: Path) -> Iterator[tuple[RunInput, CutSetup]]:
    """The run and the setup of the cut."""
    options = SpectroscopyOptions.model_validate(OPTIONS | {"run": [{"file": str(path)}]})
    with open_run(options, options.run[0], path.parent) as run:
        yield run, set_up_cut(SLICE, options, [run], None)


def ours(run: RunInput, setup: CutSetup, threads: int) -> int:
    """Events in the cut."""
    cut = CutRun(setup.events, setup.steps[0], 0, setup.moving)
    (counts,) = reduce_events(run, [cut], threads=threads)
    return int(counts.tally[0])


def read_only(path: Path) -> Iterator[tuple[Any, ...]]:
    """What a plain program reads of each triplet."""
    with h5py.File(path) as file:
        for name, group in file["entry/instrument"].items():
            if name.endswith("_triplet"):
                data = group["data"]
                columns = ("event_id", "event_time_offset", "event_time_zero", "event_index")
                yield tuple(data[column][()] for column in columns)


@numba.njit
def plain_loop(
    number: Any,
    offset: Any,
    index: Any,
    cosine: Any,
    sine: Any,
    row_by_number: Any,
    pixel: Any,
    t_min: float,
    period: float,
    length: float,
    zero: float,
    lattice: float,
    histogram: Any,
) -> None:
    """Arithmetic and histogram of a cubic crystal, as one would write them down."""
    for p in range(index.size - 1):
        for i in range(index[p], index[p + 1]):
            r = row_by_number[number[i]]
            t = offset[i] * 1e-9 - pixel[r, 0]
            t += np.ceil((t_min - t) / period) * period
            k = length / (t - zero)
            transfer = 2.0721248 * k * k - pixel[r, 4]
            x, z = -pixel[r, 1], k - pixel[r, 3]
            h = (sine[p] * x + cosine[p] * z) * lattice
            l = (cosine[p] * x - sine[p] * z) * lattice
            a, b = int(np.floor((h + 3) * 20)), int(np.floor((transfer + 1) * 20))
            if -1.1 <= l < -0.9 and 0 <= a < 120 and 0 <= b < 80:
                histogram[a, b] += 1


def plain(path: Path, run: RunInput) -> int:
    """Events in the histogram of a plain program."""
    one, primary = run.converter.instrument, run.converter.primary
    histogram = np.zeros((120, 80))
    frames = primary.frames
    for number, offset, begins, index in read_only(path):
        angle = np.deg2rad(one.a3.at((begins - begins[0]) * 1e-9))
        plain_loop(
            number, offset, np.append(index, number.size), np.cos(angle), np.sin(angle),
            one.row_by_number, run.converter.pixel_table, frames.earliest, frames.period,
            primary.sample_distance / 629.622, primary.reference_time, 5 / (2 * np.pi),
            histogram,
        )  # fmt: skip
    return int(histogram.sum())


def peer(python: str, raw: Path, repeats: int) -> list[dict[str, float]]:
    """What essspectroscopy takes for a histogram of the same size from the same events."""
    path = raw.with_name("peer.nxs")
    shutil.copyfile(raw, path)
    with h5py.File(path, "r+") as file:  # which it reads both angles from
        logs = file["entry/parameters"]
        logs.copy("a3", "a4")
        logs["a4/value/value"][...] = 40.0
    script = Path(__file__).parent / "peers" / "essspectroscopy_events.py"
    found = []
    for _ in range(repeats):
        done = subprocess.run(
            [python, str(script), str(path)], check=True, capture_output=True, text=True
        )
        found.append(json.loads(done.stdout.splitlines()[-1]))
    path.unlink()
    return found


def peer_rows(python: str, raw: Path, ours: list[Row], repeats: int) -> list[Row]:
    """Rows of the peer beside our own."""
    theirs = peer(python, raw, repeats)
    name = "cut, two threads"
    two = next(row for row in ours if row.name == name)
    wall = [one["wall"] for one in theirs]
    return [
        Row("essspectroscopy", tuple(wall), "s"),
        Row("essspectroscopy, peak memory", tuple(one["peak"] for one in theirs), "MB"),
        ratio(f"essspectroscopy / {name}", wall, two.values[: len(wall)], "≥ 8"),
    ]


def clocked(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def time_events(folder: Path, events: int, repeats: int) -> list[Row]:
    """Events to a cut against the floor."""
    path, packed = folder / "raw.nxs", folder / "packed.nxs"
    make(path, events, 20_000, shared=False, compressed=False)
    make(packed, events, 20_000, shared=False, compressed=True)
    rows: dict[str, list[tuple[float, float]]] = {}
    with opened(path) as (run, setup):
        jobs: dict[str, Callable[[], object]] = {
            "reading (h5py)": lambda: sum(part[0].size for part in read_only(path)),
            "reading, arithmetic, histogram": lambda: plain(path, run),
            "cut, one thread": lambda: ours(run, setup, 1),
            "cut, two threads": lambda: ours(run, setup, 2),
        }
        for work in jobs.values():
            work()
        for _ in range(repeats):
            for name, work in jobs.items():
                rows.setdefault(name, []).append(clocked(work))
            # opened anew: HDF5 keeps what it unpacked
            with opened(packed) as (zipped, _):
                work = partial(ours, zipped, setup, 2)
                rows.setdefault(PACKED, []).append(clocked(work))
    wall = {name: tuple(w for w, _ in values) for name, values in rows.items()}
    cpu = {name: tuple(c for _, c in values) for name, values in rows.items()}
    floor, one, two = list(jobs)[1:]
    return [
        *(
            Row(name, values, "s", "≤ 0.6" if name == two else "")
            for name, values in wall.items()
        ),
        *(Row(f"CPU of {name}", values, "s") for name, values in cpu.items()),
        ratio("two threads / plain program", wall[two], wall[floor], "≤ 1.5"),
        ratio("one thread / plain program", wall[one], wall[floor]),
        ratio("one thread / two threads", wall[one], wall[two]),
        ratio("compressed / not", wall[PACKED], wall[two]),
    ]


def peak(path: Path) -> None:
    """Print the peak memory of a process that makes the cut, and of its sums, MB."""
    with opened(path) as (run, setup):
        ours(run, setup, 2)
        sums = setup.events.total.counts.nbytes * 2
    sys.stdout.write(f"{(peak_rss() - sums) / 1e6:.1f}\n")


def memory(folder: Path, sizes: list[float]) -> list[Row]:
    """Peak memory but for the grid."""
    rows = []
    for events in sizes:
        path = folder / "many.nxs"
        frames = 200_000 if events > 2e7 else 20_000
        make(path, int(events), frames, shared=True, compressed=False)
        command = [sys.executable, __file__, "--peak", str(path)]
        found = tuple(
            float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            for _ in range(2)
        )
        name = f"peak memory without the grid, {events:.0e} events"
        rows.append(Row(name, found, "MB", "≤ 500"))
    return rows


def time_coverage(folder: Path, repeats: int) -> list[Row]:
    """Coverage of a cut of two dimensions, and of three."""
    path = folder / "few.nxs"
    make(path, 10_000, 2000, shared=False, compressed=False)
    where = band(300)
    expected = counts_of(4e6 / where.energy, where)
    counts = np.random.default_rng(0).poisson(expected, (STEPS, expected.size)).astype(float)
    exposed: Exposure = exposure(resolved_flux(where, counts), np.arange(STEPS), 40.0)
    rows = []
    with opened(path) as (run, setup):
        sample = run.converter.sample
        matrix = None if sample is None else sample.to_hkl
        pixel = setup.pixel
        for cut in (SLICE, VOLUME):
            grid = cut_grid(cut, matrix)
            one = exposure(resolved_flux(where, counts[:1]), 0.0, 40.0)
            coverage(grid, pixel, one)
            jobs = {n: partial(coverage, grid, pixel, exposed, threads=n) for n in (1, 2)}
            times: dict[int, list[float]] = {1: [], 2: []}
            cpu: list[float] = []
            for _ in range(repeats if cut is SLICE else max(repeats // 2, 1)):
                for threads, work in jobs.items():
                    wall, used = clocked(work)
                    times[threads].append(wall)
                    cpu += [used] if threads == 1 else []
            label = f"coverage, {len(cut.axes)}-D"
            rows += [
                Row(f"{label}, CPU", tuple(cpu), "s"),
                Row(f"{label}, one thread", tuple(times[1]), "s"),
                Row(f"{label}, two threads", tuple(times[2]), "s", "≤ 30"),
                ratio(f"{label}, one thread / two", times[1], times[2]),
            ]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=float, default=1e7)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--sizes", type=float, nargs="*", default=[1e6, 1e7, 1e8])
    parser.add_argument("--essspectroscopy", metavar="PYTHON", help="interpreter that has it")
    parser.add_argument("--folder", type=Path, help="for files; a temporary one if left out")
    parser.add_argument("--peak", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.peak is not None:
        peak(given.peak)
        return
    with TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        number = int(given.events)
        rows = time_events(folder, number, given.repeats)
        if given.essspectroscopy:
            some = min(given.repeats, 3)
            rows += peer_rows(given.essspectroscopy, folder / "raw.nxs", rows, some)
        report(f"events, {number:.0e}", rows)
        report("memory of events", memory(folder, given.sizes))
        report(
            "coverage, 13,500 pixels x 180 rotations x 300 energies",
            time_coverage(folder, given.repeats),
        )


if __name__ == "__main__":
    main()
