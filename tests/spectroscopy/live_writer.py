"""A process that writes a raw file while others read it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Writes a copy whose events grow, of each triplet to another point, as ESS writes files
WRITER = """
import sys, h5py
source, target, swmr = sys.argv[1:]
DATA = ("event_id", "event_time_offset", "event_time_zero", "event_index")
grown = []
with h5py.File(source) as old, h5py.File(target, "w", libver="latest") as new:
    def copy(name, node):
        if isinstance(node, h5py.Group):
            made = new.require_group(name)
        elif name.rsplit("/", 1)[1] in DATA:
            made = new.create_dataset(
                name, (0,), node.dtype, maxshape=(None,), chunks=(3,)
            )
            grown.append((made, node[()]))
        else:
            made = new.create_dataset(name, data=node[()])
        for key, value in node.attrs.items():
            made.attrs[key] = value
    old.visititems(copy)
    new.flush()
    if swmr == "yes":
        new.swmr_mode = True
    for line in iter(sys.stdin.readline, ""):
        for word in line.split():
            part, size = word.split("=")
            for made, values in grown:
                if made.name.endswith(part):
                    made.resize((min(int(size), len(values)),))
                    made[:] = values[: made.shape[0]]
                    made.flush()
        print("written", flush=True)
"""


class Writer:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def write(self, words: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "written\n"


@contextmanager
def writer(source: Path, target: Path, swmr: str = "yes") -> Iterator[Writer]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(source), str(target), swmr],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Writer(process)
    finally:
        process.communicate("")
