"""Memory that the pass over the images needs, predicted before it starts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ewaldite.diffuse.trace import hkl_matrices
from ewaldite.diffuse.wedge_job import WedgeJob
from ewaldite.kernels import walk
from ewaldite.model.experiment import Wedge
from ewaldite.run.memory import current_rss
from ewaldite.run.plan import Need

_SAMPLE = 4001
# Rows of the trace: hash slots, key and sums, while they are grown; and what the filter keeps
_ROW_BYTES = 2 * 12 + 3 * 8 * (walk.COLUMNS + 5) + 300


def predict_need(jobs: Sequence[WedgeJob]) -> Need:
    """Predict the memory of the pass over the images.

    A worker holds an image and its decoding, the row of every pixel, its changes of voxel and,
    by voxel, sums and histogram. Changes are predicted from the paths of a sample of pixels;
    voxels from the volume that the detector sweeps and the area that it sees.

    Parameters
    ----------
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
        changes, segments = expected_changes(job, max(job.entry.sweep.wedges, key=len))
        # Buckets of changes are as wide as the widest
        rows = segments * (_ROW_BYTES + 4 * job.bins)
        shard = max(shard, int(pixels * changes * 8 * 1.4) + int(rows))
    return Need(
        base=current_rss() + pixels * len(jobs),
        worker=pixels * (3 * itemsize + 2 * 4 + 2 + background),
        shard=shard,
        result=0,
    )


def expected_changes(job: WedgeJob, wedge: Wedge) -> tuple[float, float]:
    """Predict how often the pixels of a wedge change segment, and how many segments they see.

    Changes are those that the paths ``hkl = s · M`` of a sample of pixels have on the average,
    whatever the phase of the borders. Segments are the volume that the pixels sweep over that of
    a segment, and a surface term: the sheet that the detector cuts out of the Ewald sphere.

    Parameters
    ----------
    job:
        What the wedges of the sweep have in common.
    wedge:
        One of them.

    Returns
    -------
    :
        Changes a good pixel, and segments.
    """
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
