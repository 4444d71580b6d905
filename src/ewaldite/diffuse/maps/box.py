"""The box of voxels that a dense map fills."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.crystal.asu import AsuMap
from ewaldite.crystal.symmetry import SpaceGroup
from ewaldite.diffuse.maps.common import inherited
from ewaldite.diffuse.observations import grid_coords
from ewaldite.errors import UserError
from ewaldite.model.grid import Grid

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
#: First and last h, k, l, r.l.u.
Limits = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]

# Value, variance, mask.
_BYTES = 8 + 8 + 1
# r.l.u.: what rounding may move a centre
_CLOSE = 1e-9


@dataclass(frozen=True)
class Box:
    """Voxels of a grid between two corners.

    Attributes
    ----------
    grid:
        The voxels.
    low, high:
        Smallest and largest voxel index, both inside; dims (3), int64.
    """

    grid: Grid
    low: IntArray
    high: IntArray

    @classmethod
    def of_sphere(cls, grid: Grid, group: SpaceGroup, metric: FloatArray, d_min: float) -> Box:
        """Box about the sphere of radius ``1 / d_min``; see :meth:`AsuMap.reach`."""
        return cls(grid, *AsuMap(grid, group).reach(metric, d_min))

    def limited(self, limits: Limits | None) -> Box:
        """Part whose voxels have their centres within limits, both ends included.

        Raises
        ------
        UserError
            If none has.
        """
        if limits is None:
            return self
        bounds = np.asarray(limits, dtype=np.float64)
        n = 2.0 * np.asarray(self.grid.n)
        offset = self.grid.numerator(np.zeros(3, dtype=np.int64))
        # centre = (2 j + offset) / 2n
        first = np.ceil((bounds[:, 0] - _CLOSE) * n / 2 - offset / 2).astype(np.int64)
        last = np.floor((bounds[:, 1] + _CLOSE) * n / 2 - offset / 2).astype(np.int64)
        low, high = np.maximum(self.low, first), np.minimum(self.high, last)
        if np.any(low > high):
            reach = self.grid.centre(np.stack([self.low, self.high]))
            raise UserError(
                f"make a map within limits = {[list(pair) for pair in limits]}",
                "no voxel of the map has its centre there",
                "Choose limits within "
                + ", ".join(f"{a:g} … {b:g}" for a, b in reach.T)
                + " along h, k, l, at least a voxel wide.",
            )
        return Box(self.grid, low, high)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along h, k, l."""
        nh, nk, nl = (int(x) for x in self.high - self.low + 1)
        return nh, nk, nl

    @property
    def bytes(self) -> int:
        """Memory of the map that fills it, bytes."""
        nh, nk, nl = self.shape
        return _BYTES * nh * nk * nl

    def layers(self, thickness: int) -> list[Box]:
        """Cut it along h into boxes of some layers, the last of them perhaps thinner."""
        starts = range(int(self.low[0]), int(self.high[0]) + 1, thickness)
        boxes = []
        for start in starts:
            low, high = self.low.copy(), self.high.copy()
            low[0], high[0] = start, min(start + thickness - 1, int(self.high[0]))
            boxes.append(Box(self.grid, low, high))
        return boxes

    def holds(self, index: IntArray) -> NDArray[np.bool_]:
        """Whether voxels lie inside; dims (voxel), bool."""
        return np.asarray(np.all((index >= self.low) & (index <= self.high), axis=-1))

    @property
    def coords(self) -> dict[str, sc.Variable]:
        """Centres ``h``, ``k``, ``l`` as axes of a map, and the scalars of the grid."""
        coords = grid_coords(self.grid, np.zeros((0, 3), dtype=np.int64))
        for i, name in enumerate("hkl"):
            axis = np.zeros((self.shape[i], 3), dtype=np.int64)
            axis[:, i] = np.arange(self.low[i], self.high[i] + 1)
            centre = self.grid.centre(axis)[:, i]
            coords[name] = sc.array(dims=[name], values=centre, unit="one")
        return coords


class Filling:
    """A dense map while it is filled.

    Parameters
    ----------
    box:
        Its voxels, absent at first.
    """

    def __init__(self, box: Box) -> None:
        self.box = box
        # Filled where it will stay: a copy would take as much again
        sizes = dict(zip("hkl", box.shape, strict=True))
        self._data = sc.full(sizes=sizes, value=np.nan, variance=np.nan)
        self._absent = sc.full(sizes=sizes, value=True)

    def put(self, index: IntArray, values: FloatArray, variances: FloatArray) -> None:
        """Set voxels; those outside the box are left out.

        Parameters
        ----------
        index:
            dims (voxel, 3), int64.
        values, variances:
            dims (voxel), float64.
        """
        inside = self.box.holds(index)
        place = tuple((index[inside] - self.box.low).T)
        self._data.values[place] = values[inside]
        self._data.variances[place] = variances[inside]
        self._absent.values[place] = False

    def finish(self, source: sc.DataArray) -> sc.DataArray:
        """Return the map: dims (h, k, l), the mask ``absent``; name and unit of its source."""
        self._data.unit = source.unit
        return sc.DataArray(
            self._data,
            coords=self.box.coords | inherited(source),
            masks={"absent": self._absent},
            name=source.name or "intensity",
        )
