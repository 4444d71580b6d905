"""Power of the filter: what part of the voxels with a given Bragg excess it masks.

    python benchmarks/filter_power.py --picture docs/images/filter_power.png

Simulates wedges of a Pilatus 6M sweep of triclinic lysozyme (diffuse signal with a halo on
every node, ring, background, Bragg peaks of several strengths), counts them as the chain does,
and compares the filter's mask with the expected Bragg counts of every voxel, in units of the
square root of its other expected counts.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from ewaldite.diffuse.clock import Clock
from ewaldite.diffuse.count import count_frames
from ewaldite.diffuse.features import feature_source
from ewaldite.diffuse.filter import filter_wedge
from ewaldite.diffuse.filter_options import FilterOptions
from ewaldite.diffuse.max_count import automatic_max_count
from ewaldite.diffuse.trace import hkl_matrices, trace_wedge
from ewaldite.geometry.absorption import PathSegment
from ewaldite.io.geometry import read_geometry
from ewaldite.model.grid import Grid
from ewaldite.model.partition import Partition
from ewaldite.simulate.presets import lysozyme_6m
from ewaldite.simulate.xds_files import write_integrate_lp, write_xds_inp

GRID = Grid((3, 3, 3))
EDGES = (0, 0.5, 1, 2, 3, 4, 5, 6, 7, 8, 10, 15, np.inf)


def filtered(bragg: float, frames: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Expected excess in sigma and mask of every voxel of a simulated wedge."""
    simulation = lysozyme_6m(frames, seed=seed)
    simulation = replace(simulation, truth=replace(simulation.truth, bragg=bragg))
    experiment, detector = simulation.experiment, simulation.experiment.detector
    with tempfile.TemporaryDirectory() as folder:
        write_xds_inp(Path(folder), experiment, "a_????.cbf")
        write_integrate_lp(Path(folder), experiment)
        sweep = read_geometry(Path(folder))
    wedge = sweep.wedges[0]
    partition = Partition.of(GRID)
    trace = trace_wedge(
        matrices=hkl_matrices(wedge, sweep.scan, np.arange(frames)),
        features=feature_source(
            wedge,
            sweep.image_shape,
            experiment.width,
            sensor_mu=detector.sensor.attenuation,
            path=(PathSegment(detector.air),),
        ),
        good=simulation.valid,
        partition=partition,
        clock=Clock(np.ones(frames), np.zeros(frames), np.arange(frames, dtype=float)),
        background=None,
    )
    expected = np.zeros((2, trace.keys.size))
    images = []
    background = simulation.expected_background().reshape(-1)
    for i in range(frames):
        row = trace.rows(i, simulation.valid.size)
        seen = row >= 0
        smooth = simulation.signal(i).reshape(-1) + background
        for total, counts in zip(
            expected, (smooth, simulation.bragg(i).reshape(-1)), strict=True
        ):
            total += np.bincount(row[seen], counts[seen], minlength=total.size)
        images.append(simulation.frame(i))
    bins = automatic_max_count(np.stack(images[::7]), simulation.valid) + 1
    tally = count_frames(
        paths=trace, frames=images, partition=partition, filter_grid=GRID, bins=bins
    )
    found = filter_wedge(
        GRID, tally.filter_index, tally.histogram, tally.overflow[:, 0],
        tally.overflow[:, 1], FilterOptions(),
    )  # fmt: skip
    return expected[1] / np.sqrt(expected[0]), found.mask


def main() -> None:
    """Simulate, filter, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    found = []
    for n, bragg in enumerate((5000.0, 500.0, 100.0, 20.0)):
        excess, mask = filtered(bragg, arguments.frames, arguments.seed + n)
        found.append((excess, mask))
        strong = excess > 6
        print(
            f"mean spot height {bragg:6.0f}: > 6 sigma {100 * mask[strong].mean():6.2f} % of "
            f"{strong.sum()}, others {100 * mask[~strong].mean():5.2f} % of {(~strong).sum()}"
        )
    excess, mask = (np.concatenate(x) for x in zip(*found, strict=True))
    curve = []
    for low, high in pairwise(EDGES):
        here = (excess >= low) & (excess < high)
        curve.append((excess[here].mean(), mask[here].mean()))
        print(f"{low:5.1f} - {high:5.1f} sigma: {100 * curve[-1][1]:6.2f} % of {here.sum()}")
    if arguments.picture:
        from ewaldite.plot.curves import power_figure
        from ewaldite.plot.style import save_figure

        save_figure(arguments.picture, power_figure(*zip(*curve[:-1], strict=True)))


if __name__ == "__main__":
    main()
