"""The reduction of a simulated experiment of which no image exists."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from ewaldite.crystal.cell import orthogonalization
from ewaldite.diffuse.config import parse_config
from ewaldite.diffuse.resolve import Resolved
from ewaldite.diffuse.sweep_input import SweepInput
from ewaldite.diffuse.wedge_job import WedgeJob
from ewaldite.geometry.pixel_corrections import CorrectionSwitches
from ewaldite.io.geometry import read_geometry
from ewaldite.model.grid import Grid
from ewaldite.model.partition import Partition
from ewaldite.simulate.experiment import RotationExperiment
from ewaldite.simulate.xds_files import write_xds_inp, write_xparm


def job_of(
    folder: Path,
    experiment: RotationExperiment,
    *grids: Grid,
    wedge_degrees: float = 1e3,
    bins: int = 0,
    d_min: float = 0.0,
) -> WedgeJob:
    """What the wedges of the sweep have in common; pixels within ``d_min`` (Å) take part."""
    write_xds_inp(folder, experiment, "../images/a_????.cbf")
    write_xparm(folder, experiment)
    sweep = read_geometry(
        [folder], wedge_degrees=wedge_degrees, frames=list(range(1, experiment.frames + 1))
    )
    section = {"name": "a", "images": "a_####.cbf", "geometry": "xds"}
    options = parse_config({"sweep": [section]}, Path("test.toml"))
    images: Any = SimpleNamespace(dtype=np.dtype(np.int32))
    entry = SweepInput(
        number=0,
        options=options.sweep[0],
        sweep=sweep,
        images=images,
        time=np.full(experiment.frames, experiment.exposure),
        exposure=np.full(experiment.frames, experiment.exposure),
        background=None,
        background_digest="",
        resolved=Resolved(
            CorrectionSwitches(efficiency=False, attenuation=False), None, (), {}
        ),
        floor=0,
        ceiling=1 << 20,
        dead_time=None,
        skip=False,
        notes=(),
    )
    good = experiment.detector.marks() == 0
    if d_min > 0:
        good &= entry.features(sweep.wedges[0]).resolution() <= 1 / d_min
    return WedgeJob(
        entry=entry,
        options=options,
        good=good,
        partition=Partition.of(*(grids or (Grid((1, 1, 1)),))),
        bins=bins,
        reciprocal_lengths=np.linalg.norm(
            np.linalg.inv(orthogonalization(np.array(experiment.cell))), axis=1
        ),
    )
