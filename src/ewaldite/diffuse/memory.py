"""Memory that the pass over the images needs, predicted before it starts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.trace import hkl_matrices
from ewaldite.diffuse.wedge_job import WedgeJob
from ewaldite.diffuse.wedge_sums import COLUMNS
from ewaldite.kernels import walk
from ewaldite.kernels.neighbours import ball_offsets
from ewaldite.kernels.runs import STRIP
from ewaldite.model.experiment import FloatArray, Wedge
from ewaldite.run.first_use import compiler_bytes
from ewaldite.run.memory import current_rss
from ewaldite.run.plan import Need

_SAMPLE = 4001
# Rows of the image that these are taken from, at least
_ROWS = 256
# Voxels may be more than expected by so much
_MARGIN = 1.2
# Of a row of the trace besides its sums: key, hash slots while they are doubled, counts, filter
# voxel, rows of the bands, what is taken back
_ROW_BYTES = 8 + 60 + 2 * 12 + 8 + 16
# Of a filter voxel: index and overflow of the bands and of the wedge
_VOXEL_BYTES = 2 * (24 + 16)
# Of an entry of a sparse histogram
_ENTRY_BYTES = 8
# Arrays that the filter keeps of a voxel besides its neighbours
_FILTER_BYTES = 160
# Arrays of a row of pixels and of the parts met lately, while pixels are walked
_WALK_BYTES = 1 << 20
# Of a run: its first pixel and its row
_RUN_BYTES = 8

# What the program itself holds with its libraries and kernels
_PROGRAM = 285_000_000
#: What another band of the detector costs, as part of the work on a wedge: its images are read,
#: and their pixels are looked at, once more.
BAND_COST = 0.07


def program_bytes() -> int:
    """What the program will hold besides its data, or holds now if that is more."""
    return max(current_rss(), _PROGRAM + compiler_bytes())


def predict_need(jobs: Sequence[WedgeJob]) -> Need:
    """Predict the memory of the pass over the images.

    A worker holds an image and its decoding and, by voxel, the sums of the wedge and its
    histograms without zeros; of a band of the detector the runs of its pixels, and dense
    histograms; and in the end what the filter takes. Runs are predicted from a sample of
    pixels; voxels from the volume that the detector sweeps and the area that it sees.

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
    wedges = [_wedge_need(job, max(job.entry.sweep.wedges, key=len)) for job in jobs]
    image = max(job.good.size * _pixel_bytes(job) for job in jobs) + _WALK_BYTES
    return Need(
        base=program_bytes() + pixels * len(jobs),
        worker=image + max(need.worker for need in wedges),
        shard=max(need.shard for need in wedges),
        finish=max(need.finish for need in wedges),
        kept=max(need.kept for need in wedges),
    )


def _pixel_bytes(job: WedgeJob) -> int:
    """Of a pixel of the image: file, decoded and checked counts, mask; background."""
    return 3 * job.entry.images.dtype.itemsize + 2 + (9 if job.entry.background else 0)


def _wedge_need(job: WedgeJob, wedge: Wedge) -> Need:
    pixels = job.good.size
    runs = int(_RUN_BYTES * _MARGIN * expected_runs(job, wedge))
    rows = _MARGIN * expected_voxels(job, wedge, job.partition.segments)
    voxels = _MARGIN * expected_voxels(job, wedge, job.options.filter.grid.n)
    columns = walk.BACKGROUND
    if job.entry.background is not None:
        columns = walk.COLUMNS + len(job.partition.grids)
    # Most counts do not occur in a voxel, and fewer than it has pixels
    pairs = np.count_nonzero(job.good) * len(wedge) / voxels
    sparse = _ENTRY_BYTES * (4 + min(job.bins / 4, pairs / 6)) * (job.bins > 0)
    total = rows * (_ROW_BYTES + 8 * columns) + voxels * _VOXEL_BYTES
    neighbours = 4 * len(ball_offsets(job.options.filter.window))
    filtered = voxels * (neighbours + _FILTER_BYTES)
    assembled = rows * (24 + 8 * (len(COLUMNS) + 2 + len(job.partition.grids)))
    return Need(
        base=0,
        worker=int(total + voxels * 2 * sparse),
        shard=int(runs + 4 * pixels + voxels * (4 * job.bins + sparse) + 4 * rows),
        finish=int(total + max(filtered + voxels * sparse, assembled)),
        kept=runs + 4 * pixels,
    )


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
    steps = np.abs(s @ np.diff(matrices, axis=0))
    stays = _stays(steps * job.partition.segments)
    return float((1.0 - stays).sum(axis=0).mean())


def expected_runs(job: WedgeJob, wedge: Wedge) -> float:
    """Predict how many runs of pixels in the same voxel the frames of a wedge have.

    From one pixel of a row to the next, ``hkl = s · M`` goes a way of length d along an axis,
    in parts of a cell, and crosses a border of that axis with the probability ``min(d, 1)``. A
    run also begins at the edges of panels, and where pixels that take part begin or end.

    Parameters
    ----------
    job, wedge:
        As in :func:`expected_changes`.

    Returns
    -------
    :
        Runs of all frames, with the marks of where strips end.
    """
    good = job.good
    pairs = np.zeros_like(good)
    pairs[:, :-1] = good[:, :-1] & good[:, 1:]
    number, left = np.count_nonzero(pairs), evenly_spread(pairs, _SAMPLE)
    features = job.entry.features(wedge)
    at = [features.at(pixel)[:, walk.SX : walk.SZ + 1] for pixel in (left, left + 1)]
    matrices = _matrices(job, wedge)
    middle = matrices[len(matrices) // 2]
    steps = np.abs((at[1] - at[0]) @ middle) * job.partition.parts
    begins = number * (1.0 - _stays(steps).mean()) if number else 0.0
    edges = np.count_nonzero(good[:, 1:] != good[:, :-1])
    strips = sum(p.shape[0] * -(-p.shape[1] // STRIP) for p in wedge.panels)
    return float(len(matrices) * (begins + edges + 2 * strips))


def _stays(steps: FloatArray) -> FloatArray:
    """Probability that no border is crossed; steps, dims (…, 3), are in parts of a cell."""
    left = 1.0 - np.minimum(steps, 1.0)
    return np.asarray(left[..., 0] * left[..., 1] * left[..., 2])


def evenly_spread(marked: NDArray[np.bool_], number: int) -> NDArray[np.int64]:
    """Choose some of the marked pixels of an image, from all over it.

    Parameters
    ----------
    marked:
        dims (slow, fast), bool.
    number:
        About how many, where there are more.

    Returns
    -------
    :
        Flat indices, ascending; dims (pixel), int64.
    """
    # To look for all of them takes longer than what is then done with a few
    every = max(1, marked.shape[0] // _ROWS)
    rows = marked[::every]
    if every > 1 and not rows.any():
        rows, every = marked, 1
    found = np.flatnonzero(rows)
    slow, fast = np.divmod(found[:: max(1, found.size // number)], marked.shape[1])
    return np.asarray(every * slow * marked.shape[1] + fast, dtype=np.int64)


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
    one, volume = _voxels_swept(job, wedge, per_cell, features)
    panel, beam = wedge.panels[0], wedge.beam
    scattered = features[:, walk.SX : walk.SZ + 1] + beam.s0
    cosine = np.abs(scattered @ panel.normal) * beam.wavelength
    solid = np.prod(panel.pixel_size) / panel.distance**2 * float(np.mean(cosine**3)) * number
    sheet = float(solid) / beam.wavelength**2 * one ** (2 / 3)
    stays = number * (1.0 + expected_changes(job, wedge))
    return float(min(volume + 1.5 * sheet + 1.0, stays))


def expected_voxels_of_sweep(job: WedgeJob, per_cell: Sequence[int]) -> tuple[float, float]:
    """Predict how many voxels all wedges of a sweep see, one after the other and together.

    Wedges that follow one another share the voxels at their border.

    Parameters
    ----------
    job:
        What the wedges of the sweep have in common.
    per_cell:
        As in :func:`expected_voxels`.

    Returns
    -------
    :
        Sum over the wedges, and number of different voxels.
    """
    lengths = Counter(len(wedge) for wedge in job.entry.sweep.wedges)
    first = {len(wedge): wedge for wedge in reversed(job.entry.sweep.wedges)}
    total = volume = surface = 0.0
    for length, number in lengths.items():
        one = expected_voxels(job, first[length], per_cell)
        _, swept = _voxels_swept(job, first[length], per_cell, _sample(job, first[length]))
        total += number * one
        volume += number * swept
        surface = max(surface, one - swept)
    return total, min(volume + surface, total)


def _voxels_swept(
    job: WedgeJob,
    wedge: Wedge,
    per_cell: Sequence[int] | NDArray[np.int64],
    features: FloatArray,
) -> tuple[float, float]:
    """Voxels a unit of reciprocal volume, and the volume that a wedge sweeps in voxels."""
    one = float(np.prod(per_cell)) * float(np.abs(np.linalg.det(_matrices(job, wedge)[0])))
    pixels = int(np.count_nonzero(job.good)) * len(wedge)
    return one, one * float(features[:, walk.SWEPT].mean()) * pixels


def _sample(job: WedgeJob, wedge: Wedge) -> FloatArray:
    """Features of pixels that take part, evenly spread; dims (pixel, 8)."""
    found = job.samples.get(wedge.index)
    if found is None:
        found = job.entry.features(wedge).at(evenly_spread(job.good, _SAMPLE))
        job.samples[wedge.index] = found
    return found


def _matrices(job: WedgeJob, wedge: Wedge) -> FloatArray:
    positions = np.arange(wedge.start, wedge.stop)
    oversample = job.options.integrate.oversample
    return hkl_matrices(wedge, job.entry.sweep.scan, positions, oversample)
