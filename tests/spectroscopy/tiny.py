"""A run of one channel, its vanadium and an empty run as files, reduced in a second."""

from __future__ import annotations

import shutil
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from ewaldite.simulate.bifrost import Bifrost, bifrost
from ewaldite.simulate.bifrost_sample import Sample
from spectroscopy.simulated_files import FLAT, PARKED, flat_run, write

CONFIG = f"""\
[[run]]
file = "sample.nxs"

[primary]
mode = "parked"
emission_time = "{1e3 * PARKED.mean_emission} ms"
earliest_at_sample = "{1e3 * PARKED.earliest_at_sample} ms"

[sample]
cell = [5, 5, 5, 90, 90, 90]
u = [1, 0, 0]
v = [0, 0, 1]

[vanadium]
file = "v.nxs"
mass = "50.9415 g"
temperature = 0

[background]
file = "empty.nxs"

[[cut]]
name = "he"
axes = ["h", "energy_transfer"]
bins = {{ h = [-3, 3, 0.5], energy_transfer = [-1.5, 1.5, 0.25] }}

[[cut]]
name = "l"
axes = ["l"]
bins = {{ l = [-3, 1, 0.25] }}
integrate = {{ energy_transfer = [-0.5, 0.5] }}

[computing]
events = 1500
"""
#: Steps of the configuration, in order.
STEPS = [
    "vanadium",
    "background",
    *(f"{what} {name}" for name in ("he", "l") for what in (
        "exposure", "events", "coverage", "background", "cut"
    )),
    "runs",
]  # fmt: skip


@lru_cache
def channel() -> Bifrost:
    """Channel 5 with all arcs."""
    return bifrost().select(bifrost().channel == 4)


def write_tiny(folder: Path) -> Path:
    """Write the raw files and the configuration."""
    run = flat_run(instrument=channel(), a3=np.array([0.0, 20.0, 40.0]), pulses=100)
    strength = 0.602214076 * 5.08 / (4 * np.pi)
    vanadium = replace(run, sample=Sample(elastic=strength), a3=np.zeros(1), pulses=200)
    empty = replace(run, sample=Sample(flat=FLAT / 10), a3=np.zeros(1))
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "sample.nxs", run)
    write(folder / "v.nxs", vanadium, 1, monitor="total")
    write(folder / "empty.nxs", empty, 2)
    path = folder / "tiny.toml"
    path.write_text(CONFIG)
    return path


def copy_tiny(source: Path, target: Path) -> Path:
    """Copy a written experiment with the times of its files; return the configuration."""
    shutil.copytree(source, target, copy_function=shutil.copy2)
    return target / "tiny.toml"
