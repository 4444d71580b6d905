"""Memory that the pass over the images needs, predicted before it starts."""

from __future__ import annotations

import numpy as np

from ewaldite.diffuse.context import Context
from ewaldite.diffuse.trace import hkl_matrices
from ewaldite.diffuse.wedge_job import WedgeJob
from ewaldite.kernels import walk
from ewaldite.model.experiment import Wedge
from ewaldite.run.memory import current_rss
from ewaldite.run.plan import Need

_SAMPLE = 4001
# Rows of the trace: hash slots, key and sums, while they are grown; and what the filter keeps
_ROW_BYTES = 2 * 12 + 3 * 8 * (walk.COLUMNS + 5) + 300


def predict_need(context: Context, jobs: list[WedgeJob]) -> Need:
    """Predict the memory of the pass over the images.

    A worker holds an image and its decoding, the row of every pixel, its changes of voxel and,
    by voxel, sums and histogram. Changes are predicted from the paths of a sample of pixels;
    voxels from the volume that the detector sweeps and the area that it sees.

    Parameters
    ----------
    context:
        The run.
    jobs:
        One a sweep.

    Returns
    -------
    :
        Bytes.
    """
    pixels = max(job.good.size for job in jobs)
    itemsize = max(job.entry.images.dtype.itemsize for job in jobs)
    background = 9 if any(job.entry.background is not None for job in jobs) else 0
    shard = 0
    for job in jobs:
        for wedge in _largest(job):
            changes, voxels = _changes_and_voxels(job, wedge)
            # Buckets of changes are as wide as the widest
            rows = voxels * (_ROW_BYTES + 4 * job.bins)
            shard = max(shard, int(pixels * changes * 8 * 1.4) + int(rows))
    return Need(
        base=current_rss() + pixels * len(jobs),
        worker=pixels * (3 * itemsize + 2 * 4 + 2 + background),
        shard=shard,
        result=0,
    )


def _largest(job: WedgeJob) -> list[Wedge]:
    wedges = job.entry.sweep.wedges
    return [max(wedges, key=len)]


def _changes_and_voxels(job: WedgeJob, wedge: Wedge) -> tuple[float, float]:
    """Changes of segment per pixel, and segments, that a wedge is expected to have."""
    entry, partition = job.entry, job.partition
    positions = np.arange(wedge.start, wedge.stop)
    matrices = hkl_matrices(
        wedge, entry.sweep.scan, positions, job.options.integrate.oversample
    )
    good = np.flatnonzero(job.good)
    sample = np.unique(good[:: max(1, good.size // _SAMPLE)])
    features = entry.features(wedge).at(sample)
    s = features[:, walk.SX : walk.SZ + 1]
    steps = np.abs(np.einsum("px,fxh->fph", s, np.diff(matrices, axis=0))).sum(axis=0)
    changes = (
        float((steps * partition.segments).sum(axis=1).mean()) if len(matrices) > 1 else 0.0
    )
    cell_volume = float(np.abs(np.linalg.det(matrices[0])))
    per_cell = cell_volume * float(np.prod(partition.segments))
    wavelength = wedge.beam.wavelength
    scale = good.size / sample.size
    swept = float(features[:, walk.SWEPT].sum()) * scale * len(wedge)
    panel = wedge.panels[0]
    area = (
        panel.pixel_size[0]
        * panel.pixel_size[1]
        * good.size
        / (panel.distance * wavelength) ** 2
    )
    return changes, per_cell * swept + 2.0 * area * per_cell ** (2 / 3) + 1000
