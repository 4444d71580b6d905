"""The common refinement of several grids: segments that no grid's border cuts."""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.model.grid import Grid


def _parts_of(n: int, mode: str) -> int:
    """Smallest number of equal parts of a cell on whose borders a grid's borders lie."""
    return 2 * n if mode == "node" and n % 2 == 0 else n


@dataclass(frozen=True)
class Partition:
    """Reciprocal space cut wherever one of several grids has a border.

    What is summed by segment can afterwards be summed into any of the grids, so that one pass
    over the images serves the filter, the scaling grid and the map at once.

    Attributes
    ----------
    grids:
        The grids; each has period 1 along h, k and l.
    parts:
        Equal parts per cell along every axis; each border of a grid is a border of a part.
    segment:
        Segment of a part along every axis; dims (3, parts), int32.
    segments:
        Segments per cell along every axis; dims (3), int64.
    """

    grids: tuple[Grid, ...]
    parts: int
    segment: NDArray[np.int32]
    segments: NDArray[np.int64]
    _voxel: tuple[tuple[NDArray[np.int64], ...], ...]
    _width: tuple[NDArray[np.float64], ...]

    @classmethod
    def of(cls, *grids: Grid) -> Partition:
        """Build the common refinement of grids."""
        parts = lcm(*(_parts_of(n, grid.mode) for grid in grids for n in grid.n))
        middle = (np.arange(parts) + 0.5) / parts - 0.5
        on_grid = [grid.index(np.repeat(middle[:, None], 3, axis=1)) for grid in grids]
        segment = np.empty((3, parts), dtype=np.int32)
        voxel: list[tuple[NDArray[np.int64], ...]] = []
        width: list[NDArray[np.float64]] = []
        for axis in range(3):
            indices = np.stack([index[:, axis] for index in on_grid])
            begins = np.r_[True, np.any(np.diff(indices, axis=1) != 0, axis=0)]
            segment[axis] = np.cumsum(begins) - 1
            voxel.append(tuple(indices[:, begins]))
            width.append(np.bincount(segment[axis]) / parts)
        segments = np.array([w.size for w in width], dtype=np.int64)
        return cls(tuple(grids), parts, segment, segments, tuple(voxel), tuple(width))

    @property
    def member(self) -> NDArray[np.int64]:
        """Voxel of every grid by part of cell 0; dims (grid, 3, parts), int64."""
        return np.array(
            [
                [self._voxel[axis][which][self.segment[axis]] for axis in range(3)]
                for which in range(len(self.grids))
            ],
            dtype=np.int64,
        )

    @property
    def per_cell(self) -> NDArray[np.int64]:
        """Voxels per cell of every grid along every axis; dims (grid, 3), int64."""
        return np.array([grid.n for grid in self.grids], dtype=np.int64)

    def split(self, index: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Cell and place in the cell of segments.

        Parameters
        ----------
        index:
            Segment index ``segments · cell + place``; dims (..., 3), int64.

        Returns
        -------
        :
            cell and place; dims (..., 3), int64.
        """
        i = np.asarray(index, dtype=np.int64)
        cell = i // self.segments
        return cell, i - cell * self.segments

    def voxel(self, grid: Grid, index: ArrayLike) -> NDArray[np.int64]:
        """Voxel of a grid that holds segments; dims (..., 3), int64 to (..., 3), int64."""
        which = self.grids.index(grid)
        i = np.asarray(index, dtype=np.int64)
        out = np.empty_like(i)
        for axis in range(3):
            start, n = self._voxel[axis][which], grid.n[axis]
            if start.size == n and np.all(np.diff(start) == 1):
                # Every voxel is a segment: no need to tell cells apart
                out[..., axis] = i[..., axis] + start[0]
            else:
                cell, place = np.divmod(i[..., axis], start.size)
                out[..., axis] = start[place] + n * cell
        return out

    def of_voxels(
        self, grid: Grid, voxel: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Segments that voxels of a grid consist of.

        Parameters
        ----------
        grid:
            One of the grids.
        voxel:
            dims (voxel, 3), int64.

        Returns
        -------
        :
            Index of the segments; dims (segment, 3), int64; and the row of ``voxel`` that each
            belongs to; dims (segment), int64.
        """
        which = self.grids.index(grid)
        n = np.asarray(grid.n, dtype=np.int64)
        row = np.arange(voxel.shape[0])
        index = np.zeros((voxel.shape[0], 0), dtype=np.int64)
        for axis in range(3):
            start = self._voxel[axis][which]
            # A voxel may begin in the cell below that of its centre
            at = voxel[row, axis]
            pieces = [
                (np.flatnonzero((at - first) % n[axis] == 0), place, first)
                for place, first in enumerate(start)
            ]
            chosen = np.concatenate([rows for rows, _, _ in pieces])
            segment = np.concatenate(
                [
                    (at[rows] - first) // n[axis] * self.segments[axis] + place
                    for rows, place, first in pieces
                ]
            )
            row, index = row[chosen], np.column_stack([index[chosen], segment])
        return index, row

    def volume(self, index: ArrayLike) -> NDArray[np.float64]:
        """Part of a reciprocal cell's volume that segments fill; dims (...), float64."""
        _, place = self.split(index)
        w = self._width
        return np.asarray(w[0][place[..., 0]] * w[1][place[..., 1]] * w[2][place[..., 2]])

    def is_trivial_for(self, grid: Grid) -> bool:
        """Whether every voxel of the grid is one segment, in the grid's own order."""
        return all(int(self.segments[axis]) == grid.n[axis] for axis in range(3)) and all(
            _parts_of(grid.n[axis], grid.mode) == grid.n[axis] for axis in range(3)
        )
