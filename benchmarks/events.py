"""Time and memory from raw events to energy and momentum transfer.

``python benchmarks/events.py 1e7`` writes a raw file of BIFROST with so many events, then reads
it, and converts it with masks: what a cut needs (times, k_i, angles), and in full (Q, ΔE, hkl).
CPU seconds, after compilation, of events only: the geometry is read before.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from ewaldite.io.bifrost.raw_file import RawFile, open_bifrost
from ewaldite.spectroscopy.converter import Converter
from ewaldite.spectroscopy.event_input import converted
from ewaldite.spectroscopy.options import RunFileOptions, SpectroscopyOptions
from ewaldite.spectroscopy.resolve import resolve
from spectroscopy.raw_files import PERIOD_NS, Raw, write

FRAMES = 20_000
ROWS = 250_000
OPTIONS = SpectroscopyOptions.model_validate(
    {
        "primary": {"emission_time": "1.72 ms", "earliest_at_sample": "143 ms"},
        "sample": {"cell": [5, 5, 5, 90, 90, 90], "u": [1, 0, 0], "v": [0, 0, 1]},
        "mask": {
            "tube_ends": 3,
            "window": [{"name": "prompt", "start": "0 ms", "stop": "1 ms"}],
        },
    }
)


def make(path: Path, events: int) -> None:
    """A stepped scan of 180 angles with events at random."""
    places = [(channel, arc) for channel in range(9) for arc in range(5)]
    steps = [(n * FRAMES / 14 / 180, float(n)) for n in range(180)]
    charge = [(n / 14, 10.0) for n in range(FRAMES)]
    raw = Raw(
        dict.fromkeys(places, ()),
        a3=steps,
        charge=charge,
        monitor=np.full((1, 500), 1e5),
        frames=FRAMES,
    )
    write(path, raw)
    rng = np.random.default_rng(0)
    with h5py.File(path, "r+") as file:
        for channel, arc in places:
            triplet = file[f"entry/instrument/channel_{channel + 1}_{arc + 1}_triplet"]
            data, size = triplet["data"], events // len(places)
            numbers = rng.choice(triplet["detector_number"][()].ravel(), size)
            offsets = rng.integers(0, PERIOD_NS, size)
            for name, values in (("event_id", numbers), ("event_time_offset", offsets)):
                attributes = dict(data[name].attrs)
                del data[name]
                data[name] = values.astype(np.int32)
                data[name].attrs.update(attributes)
            data["event_index"][...] = np.linspace(0, size, FRAMES, endpoint=False).astype(int)


def read_only(raw: RawFile, converter: Converter) -> Iterator[int]:
    for source in raw.sources:
        for slab in source.slabs(ROWS):
            yield len(slab)


def convert(raw: RawFile, converter: Converter, full: bool) -> Iterator[int]:
    for events in converted(converter, raw, ROWS, full=full):
        yield int(np.count_nonzero(events.flags == 0))


def main(events: int) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "raw.nxs"
        make(path, events)
        with open_bifrost(path) as raw:
            converter = resolve(OPTIONS, RunFileOptions(file=path), raw, Path(folder))
            sum(convert(raw, converter, True))
            for name, work in (
                ("read", lambda: read_only(raw, converter)),
                ("times, k_i and angles", lambda: convert(raw, converter, False)),
                ("all", lambda: convert(raw, converter, True)),
            ):
                best, kept = np.inf, 0
                for _ in range(3):
                    start = time.process_time()
                    kept = sum(work())
                    best = min(best, time.process_time() - start)
                print(f"{name:<22} {best:7.3f} s {1e9 * best / events:6.1f} ns each, {kept:,}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main(int(float(sys.argv[1])) if len(sys.argv) > 1 else 10_000_000)
