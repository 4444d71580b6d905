"""Where the pixels of a wedge are, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.tally import relabel
from ewaldite.kernels.voxel_table import unpack
from ewaldite.model.experiment import FloatArray


@dataclass(frozen=True)
class Paths:
    """Where the pixels of a band of the detector are, frame by frame.

    Attributes
    ----------
    keys:
        Packed segment index of a row; dims (row), int64.
    start_row:
        Row of each pixel at the first frame, -1 for masked ones; dims (pixel), int32.
    change_pixel, change_row, changed:
        For each frame the pixels that enter another segment, its row, and their number.
    """

    keys: NDArray[np.int64]
    start_row: NDArray[np.int32]
    change_pixel: NDArray[np.int32]
    change_row: NDArray[np.int32]
    changed: NDArray[np.int64]

    @property
    def index(self) -> NDArray[np.int64]:
        """Segment index of a row; dims (row, 3), int64."""
        return np.asarray(unpack(self.keys))

    def changes(self, frame: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Pixels that enter another segment with a frame, and its row; dims (change)."""
        n = self.changed[frame]
        return self.change_pixel[frame, :n], self.change_row[frame, :n]

    def own_rows(self) -> tuple[Paths, NDArray[np.int64]]:
        """Renumber the rows, in place, to those that the pixels are in.

        Returns
        -------
        :
            The paths on their own rows, and the row that each of these was; dims (row), int64.
        """
        place = np.full(self.keys.size, -1, dtype=np.int32)
        n = relabel(self.start_row, self.change_row, self.changed, place)
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
        ``s · M = hkl``, row ``3 hkl + xyz``; dims (9, frame), Å.
    """

    sums: FloatArray
    slots: tuple[NDArray[np.int64], NDArray[np.int32]]
    matrices: FloatArray
