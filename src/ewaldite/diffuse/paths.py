"""Where the pixels of a wedge are, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.runs import Runs, relabel, rows_of_pixels
from ewaldite.kernels.voxel_table import unpack
from ewaldite.model.experiment import FloatArray


@dataclass(frozen=True)
class Paths:
    """Where the pixels of a band of the detector are, frame by frame.

    Attributes
    ----------
    keys:
        Packed segment index of a row; dims (row), int64.
    begin, row, used:
        First pixel of every run and its row, see :mod:`ewaldite.kernels.runs`; dims (frame,
        run or more), int32; and the number of runs; dims (frame), int64.
    """

    keys: NDArray[np.int64]
    begin: NDArray[np.int32]
    row: NDArray[np.int32]
    used: NDArray[np.int64]

    @property
    def index(self) -> NDArray[np.int64]:
        """Segment index of a row; dims (row, 3), int64."""
        return np.asarray(unpack(self.keys))

    def runs(self, frame: int) -> Runs:
        """First pixels and rows of the runs of a frame; dims (run)."""
        n = self.used[frame]
        return self.begin[frame, :n], self.row[frame, :n]

    def rows(self, frame: int, pixels: int) -> NDArray[np.int32]:
        """Row of every one of so many pixels at a frame, -1 for masked ones; dims (pixel)."""
        return np.asarray(rows_of_pixels(*self.runs(frame), pixels))

    def own_rows(self) -> tuple[Paths, NDArray[np.int64]]:
        """Renumber the rows, in place, to those that the pixels are in.

        Returns
        -------
        :
            The paths on their own rows, and the row that each of these was; dims (row), int64.
        """
        place = np.full(self.keys.size, -1, dtype=np.int32)
        n = relabel(self.row, self.used, place)
        was = np.empty(n, dtype=np.int64)
        here = np.flatnonzero(place >= 0)
        was[place[here]] = here
        return replace(self, keys=self.keys[was]), was


@dataclass(frozen=True)
class Trace(Paths):
    """Paths of all pixels of a wedge, and what geometry alone decides.

    Attributes
    ----------
    sums:
        Sums over the (pixel, frame) pairs of a segment, columns as named in
        :mod:`ewaldite.kernels.walk`, the last ones by grid of the partition; dims (row,
        column), float64; without a background no columns of it.
    slots:
        Hash slots: key and row.
    matrices:
        ``s · M = parts · hkl``, row ``3 hkl + xyz``; dims (9, frame), Å.
    """

    sums: FloatArray
    slots: tuple[NDArray[np.int64], NDArray[np.int32]]
    matrices: FloatArray
