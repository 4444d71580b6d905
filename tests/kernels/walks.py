"""Panels whose pixels lie where a test wants them, and walks over them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels import walk
from ewaldite.kernels.background_walk import walk_background
from ewaldite.kernels.corrections import Plane, plane_of
from ewaldite.kernels.runs import rows_of_pixels
from ewaldite.kernels.voxel_table import new_slots, unpack
from ewaldite.model.experiment import FloatArray

ONE_PART = np.zeros((3, 1), np.int32)
ONE_SEGMENT = np.ones(3, np.int64)
ONE_MEMBER, ONE_VOXEL = np.zeros((1, 3, 1), np.int64), np.ones((1, 3), np.int64)
FAR = 1e6


def plane(correction: float = 1.0, swept: float = 0.0) -> Plane:
    """A panel so far away that s = (column, row, 10^6) / 10^6 1/Å, nearly."""
    constant = np.zeros((1, 8))
    constant[0, [3, 7]] = 1.0
    projections = np.zeros((3, 3))
    projections[2, 2] = swept
    return plane_of(
        frame=np.array([[0.0, 0.0, FAR], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
        start=np.zeros(2),
        pitch=np.ones(2),
        s0=np.zeros(3),
        wavenumber=1.0,
        pupil=FAR**3,
        weighted=False,
        polarization=np.array([correction, 0.0, 0.0]),
        projections=projections,
        step=1e30,
        table=constant,
    )


def along_h(h: FloatArray) -> FloatArray:
    """Matrices that put the first pixel of the panel at (h, 0, 0) in every frame."""
    matrices = np.zeros((9, len(h)))
    matrices[2] = h
    return matrices


def by_column(frames: int = 1) -> FloatArray:
    """Matrices that put a pixel at (column, row, 0) in every frame."""
    matrices = np.zeros((9, frames))
    matrices[[0, 4]] = FAR
    return matrices


@dataclass
class Walk:
    """Tables of a walk over an image, small enough that they must grow."""

    frames: int
    good: NDArray[np.bool_]
    parts: int = 1
    segment: NDArray[np.int32] = field(default_factory=lambda: ONE_PART)
    segments: NDArray[np.int64] = field(default_factory=lambda: ONE_SEGMENT)
    member: NDArray[np.int64] = field(default_factory=lambda: ONE_MEMBER)
    per_cell: NDArray[np.int64] = field(default_factory=lambda: ONE_VOXEL)

    def __post_init__(self) -> None:
        columns = walk.COLUMNS + len(self.per_cell)
        self.voxels = (*new_slots(16), np.empty(1, np.int64), np.zeros((1, columns)))
        self.n = 0
        self.runs = tuple(np.empty((self.frames, 1), np.int32) for _ in range(2))
        self.used = np.zeros(self.frames, np.int64)

    def rows(
        self, piece: walk.Piece, panel: Plane, hkl: FloatArray, clock: FloatArray | None = None
    ) -> None:
        """Walk; ``hkl = s · hkl`` of the frames; exposure and position are 1 by default."""
        times = np.ones((2, self.frames)) if clock is None else clock
        self.voxels, self.n, self.runs = walk.walk_rows(
            piece, panel, self.good, 0, self.parts * hkl, times, self.parts, self.segment,
            self.segments, self.voxels, self.n, self.runs, self.used,
        )  # fmt: skip

    def background(
        self, piece: walk.Piece, panel: Plane, hkl: FloatArray, counts: FloatArray,
        scale: FloatArray,
    ) -> None:  # fmt: skip
        """Add background counts of the image, with the scale of each frame."""
        walk_background(
            piece, panel, self.good, counts, self.parts * hkl, np.r_[0.0, np.cumsum(scale)],
            self.parts, self.segment, self.segments, self.member, self.per_cell,
            self.voxels[:2], self.voxels[3],
        )  # fmt: skip

    @property
    def keys(self) -> NDArray[np.int64]:
        return self.voxels[2][: self.n]

    @property
    def index(self) -> NDArray[np.int64]:
        return unpack(self.keys)

    @property
    def sums(self) -> FloatArray:
        return self.voxels[3][: self.n]

    def rows_at(self, frame: int) -> NDArray[np.int32]:
        """Row of every pixel of the image."""
        n = self.used[frame]
        return rows_of_pixels(self.runs[0][frame, :n], self.runs[1][frame, :n], self.good.size)


def one_pixel(frames: int, **places: NDArray[np.int64] | int) -> Walk:
    return Walk(frames, np.ones((1, 1), bool), **places)


ONE = (0, 1, 1, 0, 0)
