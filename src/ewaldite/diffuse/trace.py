"""Trace the pixels of a wedge through reciprocal space and sum what geometry alone decides."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.features import FeatureSource
from ewaldite.errors import UserError
from ewaldite.geometry.rotation import rotation_matrix
from ewaldite.kernels import walk
from ewaldite.kernels.voxel_table import new_slots, unpack
from ewaldite.model.experiment import FloatArray, Scan, Wedge
from ewaldite.model.partition import Partition

_BAND_PIXELS = 1 << 17


@dataclass(frozen=True)
class Clock:
    """What belongs to a frame as a whole.

    Attributes
    ----------
    exposure:
        Time during which photons were counted, times the relative beam transmission;
        dims (frame), s.
    background_scale:
        Counts expected in a frame for one count in the summed background images:
        exposure / summed exposure of the background; dims (frame).
    position:
        Position in the scan; dims (frame).
    """

    exposure: FloatArray
    background_scale: FloatArray
    position: FloatArray

    @property
    def cumulative(self) -> FloatArray:
        """Sums before each frame; dims (3, frame + 1)."""
        rows = np.stack([self.exposure, self.background_scale, self.position])
        return np.concatenate([np.zeros((3, 1)), np.cumsum(rows, axis=1)], axis=1)

    def divided(self, parts: int) -> Clock:
        """The same for frames cut into equal parts, each of which counts as a frame."""
        offset = np.tile((np.arange(parts) + 0.5) / parts - 0.5, self.position.size)
        return Clock(
            np.repeat(self.exposure / parts, parts),
            np.repeat(self.background_scale / parts, parts),
            np.repeat(self.position, parts) + offset,
        )


@dataclass(frozen=True)
class Trace:
    """Where every pixel of a wedge is, frame by frame.

    Attributes
    ----------
    keys:
        Packed segment index of a row; dims (row), int64.
    sums:
        Sums over the (pixel, frame) pairs of a segment, columns as named in
        :mod:`ewaldite.kernels.walk`, the last ones by grid of the partition; dims (row,
        column), float64.
    start_row:
        Row of each pixel at the first frame, -1 for masked ones; dims (pixel), int32.
    change_pixel, change_row, changed:
        For each frame the pixels that enter another segment, its row, and their number.
    matrices:
        ``s · M = hkl``, row ``3 hkl + xyz``; dims (9, frame), Å.
    """

    keys: NDArray[np.int64]
    sums: FloatArray
    start_row: NDArray[np.int32]
    change_pixel: NDArray[np.int32]
    change_row: NDArray[np.int32]
    changed: NDArray[np.int64]
    matrices: FloatArray

    @property
    def index(self) -> NDArray[np.int64]:
        """Segment index of a row; dims (row, 3), int64."""
        return np.asarray(unpack(self.keys))

    def changes(self, frame: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Pixels that enter another segment with a frame, and its row; dims (change)."""
        n = self.changed[frame]
        return self.change_pixel[frame, :n], self.change_row[frame, :n]


class Workspace(threading.local):
    """Memory that each thread uses again for its next wedge: fresh pages are dear."""

    changes: walk.Changes | None = None

    def changes_of(self, frames: int) -> walk.Changes:
        """Room for the changes of so many frames."""
        kept = self.changes
        if kept is None or kept[0].shape[0] < frames:
            return np.empty((frames, 1024), np.int32), np.empty((frames, 1024), np.int32)
        return kept[0][:frames], kept[1][:frames]


def hkl_matrices(
    wedge: Wedge, scan: Scan, positions: NDArray[np.int64], oversample: int = 1
) -> FloatArray:
    """Matrices M with ``hkl = s · M`` in the middle of each frame, or of its equal parts.

    ``M = Rs(phi) · axes`` (Kabsch, Acta Cryst. D66, 133, 2010).

    Parameters
    ----------
    wedge:
        Axis and cell axes.
    scan:
        Angles of the sweep.
    positions:
        Positions in the scan of the frames wanted, all in the wedge; dims (frame), int64.
    oversample:
        Parts per frame.

    Returns
    -------
    :
        dims (frame · oversample, xyz, hkl), Å, float64.
    """
    offset = (np.arange(oversample) + 0.5) / oversample - 0.5
    phi = (scan.phi[positions, None] + offset * scan.width[positions, None]).reshape(-1)
    axes = np.broadcast_to(wedge.axes, (len(wedge), 3, 3))[positions - wedge.start]
    return np.asarray(rotation_matrix(wedge.axis, phi) @ np.repeat(axes, oversample, axis=0))


def trace_wedge(
    *,
    matrices: FloatArray,
    features: FeatureSource,
    good: NDArray[np.bool_],
    partition: Partition,
    clock: Clock,
    background: FloatArray | None,
    workspace: Workspace | None = None,
) -> Trace:
    """Trace all pixels of a wedge and sum their corrections with the multiplicity.

    Parameters
    ----------
    matrices:
        See :func:`hkl_matrices`; dims (frame, xyz, hkl), Å.
    features:
        Scattering vectors and corrections, band by band.
    good:
        Pixels that take part; dims (slow, fast).
    partition:
        Segments to sum into.
    clock:
        Exposures; one entry a frame.
    background:
        Summed background image; dims (slow, fast), counts; None without background.
    workspace:
        Memory to use again; then the trace holds until the next one with it.

    Returns
    -------
    :
        The trace with its sums.

    Raises
    ------
    UserError
        If the grid is too fine for the cell to be numbered.
    """
    _check_range(matrices, features.s_max, partition)
    frames = matrices.shape[0]
    rows = 0
    start_row = np.full(good.size, -1, dtype=np.int32)
    columns = walk.COLUMNS + len(partition.grids)
    voxels = (
        *new_slots(1 << 14),
        np.empty(1 << 12, np.int64),
        np.zeros((1 << 12, columns)),
    )
    space = Workspace() if workspace is None else workspace
    changes = space.changes_of(frames)
    changed = np.zeros(frames, dtype=np.int64)
    stacked = stacked_matrices(matrices)
    seen, total = 0, int(np.count_nonzero(good))
    for pixel, band in features.bands(good, _BAND_PIXELS):
        voxels, rows, changes = walk.walk_band(
            band,
            background_of(background, pixel),
            pixel,
            stacked,
            clock.cumulative,
            partition.parts,
            partition.segment,
            partition.segments,
            partition.member,
            partition.per_cell,
            voxels,
            rows,
            start_row,
            changes,
            changed,
        )
        seen += int(np.count_nonzero(pixel >= 0))
        changes = _with_room(changes, changed, total / max(seen, 1))
    space.changes = changes
    keys, sums = voxels[2][:rows].copy(), voxels[3][:rows].copy()
    return Trace(keys, sums, start_row, *changes, changed, stacked)


def _with_room(
    changes: walk.Changes, changed: NDArray[np.int64], factor: float
) -> walk.Changes:
    """Changes with room for as many more as the pixels so far let expect.

    The kernel can grow them too, but each time it copies them; room that is not used costs no
    memory, for its pages are never touched.
    """
    wanted = int(1.1 * factor * changed.max(initial=0)) + 1024
    n = changes[0].shape[1]
    if wanted <= n:
        return changes
    wider = tuple(np.empty((changed.size, wanted), dtype=np.int32) for _ in changes)
    for frame, used in enumerate(changed):
        for old, new in zip(changes, wider, strict=True):
            new[frame, :used] = old[frame, :used]
    return wider[0], wider[1]


def stacked_matrices(matrices: FloatArray) -> FloatArray:
    """Matrices as the kernels want them; dims (frame, xyz, hkl) to (9, frame), Å."""
    return np.ascontiguousarray(matrices.transpose(2, 1, 0).reshape(9, -1))


def background_of(background: FloatArray | None, pixel: NDArray[np.int64]) -> FloatArray:
    """Background counts of pixels; dims (pixel), or empty without background."""
    if background is None:
        return np.empty(0)
    return np.ascontiguousarray(background.reshape(-1)[np.maximum(pixel, 0)])


def _check_range(matrices: FloatArray, s_max: float, partition: Partition) -> None:
    largest = s_max * float(np.linalg.norm(matrices, axis=1).max()) * partition.parts
    if largest >= 65000:
        raise UserError(
            "number the voxels",
            f"the grids need {partition.parts} parts per reciprocal cell and the data reach "
            f"{largest / partition.parts:.0f} cells from the origin",
            "Choose subdivisions with a smaller common multiple, or a larger d_min.",
        )
