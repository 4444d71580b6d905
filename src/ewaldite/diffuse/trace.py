"""Trace the pixels of a wedge through reciprocal space and sum what geometry alone decides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.clock import Clock
from ewaldite.diffuse.features import FeatureSource
from ewaldite.diffuse.paths import Paths, Trace
from ewaldite.diffuse.workspace import Workspace
from ewaldite.errors import UserError
from ewaldite.geometry.rotation import rotation_matrix
from ewaldite.kernels import walk
from ewaldite.kernels.background_walk import walk_background
from ewaldite.kernels.runs import Runs
from ewaldite.kernels.voxel_table import new_slots
from ewaldite.model.experiment import FloatArray, Scan, Wedge
from ewaldite.model.partition import Partition

#: Pixels that are walked at a time, about.
BAND_PIXELS = 1 << 17


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


class Tracer:
    """Traces the pixels of a wedge, a band of the detector at a time, into one table of sums.

    The pixels come in the same order whatever the bands, so that the sums are the same to the
    bit.

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
        Memory to use again; then the paths of a band hold until the next one with it.

    Raises
    ------
    UserError
        If the grid is too fine for the cell to be numbered.
    """

    def __init__(
        self,
        *,
        matrices: FloatArray,
        features: FeatureSource,
        good: NDArray[np.bool_],
        partition: Partition,
        clock: Clock,
        background: FloatArray | None,
        workspace: Workspace | None = None,
    ) -> None:
        _check_range(matrices, features.s_max, partition)
        self._features, self._good, self._background = features, good, background
        self._clock, self._partition = clock, partition
        self._space = Workspace() if workspace is None else workspace
        self._matrices = stacked_matrices(matrices, partition.parts)
        columns = walk.BACKGROUND
        if background is not None:
            columns = walk.COLUMNS + len(partition.grids)
        self._voxels: walk.Voxels = (
            *new_slots(1 << 14),
            np.empty(1 << 12, np.int64),
            np.zeros((1 << 12, columns)),
        )
        self._rows, self._seen = 0, 0
        self._total = int(np.count_nonzero(good))

    def walk(self, rows: range) -> Paths:
        """Trace the good pixels in some rows of the image.

        Parameters
        ----------
        rows:
            Consecutive rows, on borders of :func:`.FeatureSource.bands`; every row is to be
            walked once, in order.

        Returns
        -------
        :
            Their paths, on the rows of the whole table; pixels are numbered from the first of
            these rows.
        """
        frames = self._matrices.shape[1]
        runs, used = self._space.runs_of(frames), np.zeros(frames, dtype=np.int64)
        partition, clock = self._partition, self._clock
        exposures = np.stack([clock.exposure, clock.position])
        seen, total = 0, int(np.count_nonzero(self._good[rows.start : rows.stop]))
        for piece, table in self._features.pieces(BAND_PIXELS, rows):
            first, last, columns, slow, fast = piece
            here = self._good[slow + first : slow + last, fast : fast + columns]
            geometry = (piece, table.plane, self._good)
            places = (partition.parts, partition.segment, partition.segments)
            self._voxels, self._rows, runs = walk.walk_rows(
                *geometry, rows.start, self._matrices, exposures, *places, self._voxels,
                self._rows, runs, used,
            )  # fmt: skip
            if self._background is not None:
                walk_background(
                    *geometry, self._background, self._matrices, clock.cumulative[1], *places,
                    partition.member, partition.per_cell, self._voxels[:2], self._voxels[3],
                )  # fmt: skip
            seen += int(np.count_nonzero(here))
            runs = _with_room(runs, used, total / max(seen, 1))
            self._make_room(seen)
        self._seen += seen
        self._space.runs = runs
        return Paths(self._voxels[2][: self._rows], *runs, used)

    def _make_room(self, seen: int) -> None:
        """Room in the table for as many more rows as the pixels so far let expect.

        As for the runs: what is copied early is small, and what is not used costs nothing.
        """
        slots_key, slots_row, keys, sums = self._voxels
        factor = self._total / max(self._seen + seen, 1)
        wanted = _wanted(self._rows, keys.size, factor, 4096)
        if wanted == keys.size:
            return
        more_keys = np.empty(wanted, dtype=np.int64)
        more_keys[: self._rows] = keys[: self._rows]
        more_sums = np.zeros((wanted, sums.shape[1]))
        more_sums[: self._rows] = sums[: self._rows]
        self._voxels = (slots_key, slots_row, more_keys, more_sums)

    def trace(self, paths: Paths) -> Trace:
        """Return the sums of all that was walked, with some paths."""
        slots_key, slots_row, keys, sums = self._voxels
        n = self._rows
        return Trace(
            keys[:n],
            paths.begin,
            paths.row,
            paths.used,
            sums[:n],
            (slots_key, slots_row),
            self._matrices,
        )


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
    matrices, features, good, partition, clock, background, workspace:
        As for :class:`Tracer`.

    Returns
    -------
    :
        The trace with its sums.

    Raises
    ------
    UserError
        If the grid is too fine for the cell to be numbered.
    """
    tracer = Tracer(
        matrices=matrices,
        features=features,
        good=good,
        partition=partition,
        clock=clock,
        background=background,
        workspace=workspace,
    )
    return tracer.trace(tracer.walk(range(good.shape[0])))


def _with_room(runs: Runs, used: NDArray[np.int64], factor: float) -> Runs:
    """Runs with room for as many more as the pixels so far let expect.

    The kernel can grow them too, but each time it copies them; room that is not used costs no
    memory, for its pages are never touched.
    """
    wanted = _wanted(int(used.max(initial=0)), runs[0].shape[1], factor, 1024)
    if wanted == runs[0].shape[1]:
        return runs
    wider = tuple(np.empty((used.size, wanted), dtype=np.int32) for _ in runs)
    for frame, n in enumerate(used):
        for old, new in zip(runs, wider, strict=True):
            new[frame, :n] = old[frame, :n]
    return wider[0], wider[1]


def _wanted(used: int, size: int, factor: float, least: int) -> int:
    """Size of a table that is to grow by a factor; as it is while it is not nearly full.

    The factor is an estimate that changes: to follow it each time would be to copy each time.
    """
    if 1.1 * used + least <= size:
        return size
    return max(int(1.1 * factor * used), size + size // 4) + least


def stacked_matrices(matrices: FloatArray, parts: int) -> FloatArray:
    """Matrices as the kernels want them; dims (frame, xyz, hkl) to (9, frame), Å."""
    return np.ascontiguousarray(parts * matrices.transpose(2, 1, 0).reshape(9, -1))


def _check_range(matrices: FloatArray, s_max: float, partition: Partition) -> None:
    largest = s_max * float(np.linalg.norm(matrices, axis=1).max()) * partition.parts
    if largest >= 65000:
        raise UserError(
            "number the voxels",
            f"the grids need {partition.parts} parts per reciprocal cell and the data reach "
            f"{largest / partition.parts:.0f} cells from the origin",
            "Choose subdivisions with a smaller common multiple, or a larger d_min.",
        )
