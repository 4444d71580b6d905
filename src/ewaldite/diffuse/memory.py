"""Memory that the pass over the images needs, predicted before it starts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.trace import hkl_matrices
from ewaldite.diffuse.wedge_job import WedgeJob
from ewaldite.kernels import walk
from ewaldite.model.experiment import FloatArray, Wedge
from ewaldite.run.memory import current_rss
from ewaldite.run.plan import Need

_SAMPLE = 4001
# Rows of the trace: hash slots, key and sums, while they are grown; and what the filter keeps
_ROW_BYTES = 2 * 12 + 3 * 8 * (walk.COLUMNS + 5) + 300

# The histogram, and the filter's copy of it
_BIN_BYTES = 2 * 4


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
    return Need(
        base=current_rss() + pixels * len(jobs),
        worker=pixels * (3 * itemsize + 2 * 4 + 2 + background),
        shard=max(_wedge_bytes(job, max(job.entry.sweep.wedges, key=len)) for job in jobs),
        result=0,
    )


def _wedge_bytes(job: WedgeJob, wedge: Wedge) -> int:
    changes = expected_changes(job, wedge) * np.count_nonzero(job.good)
    segments = expected_voxels(job, wedge, job.partition.segments)
    filtered = expected_voxels(job, wedge, job.options.filter.grid.n)
    # Buckets of changes are as wide as the widest
    return int(8 * 1.4 * changes + _ROW_BYTES * segments + _BIN_BYTES * job.bins * filtered)


def expected_changes(job: WedgeJob, wedge: Wedge) -> float:
    """Predict how often a pixel that takes part changes segment in a wedge.

    From one frame to the next a path ``hkl = s · M`` of length d along an axis, in segments,
    crosses a border of that axis with the probability ``min(d, 1)``. The mean of a sample of
    pixels is taken.

    Parameters
    ----------
    job:
        What the wedges of the sweep have in common.
    wedge:
        One of them.

    Returns
    -------
    :
        Changes a pixel.
    """
    matrices = _matrices(job, wedge)
    if len(matrices) < 2:
        return 0.0
    s = _sample(job, wedge)[:, walk.SX : walk.SZ + 1]
    steps = np.abs(np.einsum("px,fxh->fph", s, np.diff(matrices, axis=0)))
    stays = np.prod(1.0 - np.minimum(steps * job.partition.segments, 1.0), axis=2)
    return float((1.0 - stays).sum(axis=0).mean())


def expected_voxels(
    job: WedgeJob, wedge: Wedge, per_cell: Sequence[int] | NDArray[np.int64]
) -> float:
    """Predict how many voxels the pixels of a wedge see.

    A body of volume V and surface A in units of the voxels touches on the average about
    ``V + A · 3/4`` of them, if it lies in any direction (the mean projection of a unit
    vector on the three axes together is 3/2, and a body has two sides). The sheet that the
    detector cuts out of the Ewald sphere has the two-sided area ``2 Ω/λ²``; no more voxels are
    seen than there are stays of pixels in them.

    Parameters
    ----------
    job, wedge:
        As in :func:`expected_changes`.
    per_cell:
        Voxels a reciprocal cell along each axis; dims (3).

    Returns
    -------
    :
        Number of voxels.
    """
    features, number = _sample(job, wedge), int(np.count_nonzero(job.good))
    one = float(np.prod(per_cell)) * float(np.abs(np.linalg.det(_matrices(job, wedge)[0])))
    volume = one * float(features[:, walk.SWEPT].mean()) * number * len(wedge)
    panel, beam = wedge.panels[0], wedge.beam
    scattered = features[:, walk.SX : walk.SZ + 1] + beam.s0
    cosine = np.abs(scattered @ panel.normal) * beam.wavelength
    solid = np.prod(panel.pixel_size) / panel.distance**2 * float(np.mean(cosine**3)) * number
    sheet = float(solid) / beam.wavelength**2 * one ** (2 / 3)
    stays = number * (1.0 + expected_changes(job, wedge))
    return float(min(volume + 1.5 * sheet + 1.0, stays))


def _sample(job: WedgeJob, wedge: Wedge) -> FloatArray:
    """Features of pixels that take part, evenly spread; dims (pixel, 8)."""
    good = np.flatnonzero(job.good)
    return job.entry.features(wedge).at(good[:: max(1, good.size // _SAMPLE)])


def _matrices(job: WedgeJob, wedge: Wedge) -> FloatArray:
    positions = np.arange(wedge.start, wedge.stop)
    oversample = job.options.integrate.oversample
    return hkl_matrices(wedge, job.entry.sweep.scan, positions, oversample)
