"""The voxel grid: reciprocal space cut into boxes along h, k and l."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.errors import UserError

GridMode = Literal["node", "split"]


@dataclass(frozen=True)
class Grid:
    """Voxels of 1/n reciprocal-lattice units along each axis.

    Two modes place them:

    * ``node``: centres at multiples of 1/n, zero among them; voxel j spans
      ``((j - 1/2)/n, (j + 1/2)/n]``.
    * ``split``: the cell ``(H - 1/2, H + 1/2]`` around every integer H is cut into n parts;
      for even n the node lies on a corner. This is the grid of mdx-lib.

    For odd n both are the same set of boxes. A value on a border belongs to the lower voxel,
    always (``H = ceil(h - 1/2)``, as in mdx-lib).

    Attributes
    ----------
    n:
        Subdivisions (nh, nk, nl), each at least 1.
    mode:
        ``"node"`` or ``"split"``.
    """

    n: tuple[int, int, int]
    mode: GridMode = "node"

    def __post_init__(self) -> None:
        if len(self.n) != 3 or min(self.n) < 1:
            raise UserError(
                "subdivide reciprocal space",
                f"subdivide = {list(self.n)}",
                "Give three whole numbers of 1 or more, as in [3, 3, 3].",
            )

    def index(self, hkl: ArrayLike) -> NDArray[np.int64]:
        """Voxel index of points.

        Parameters
        ----------
        hkl:
            dims (..., 3), reciprocal-lattice units, float64, finite.

        Returns
        -------
        :
            dims (..., 3), int64: ``j`` with centre ``j/n`` in node mode, ``n·H + part`` with
            part 0 … n-1 in split mode.
        """
        x = np.asarray(hkl, dtype=np.float64)
        n = np.asarray(self.n)
        cell = np.ceil(x - 0.5)
        if self.mode == "split":
            part = np.clip(np.ceil(n * (x - cell + 0.5)), 1, n)
            return np.asarray(n * cell + part - 1, dtype=np.int64)
        odd_part = np.clip(np.ceil(n * (x - cell + 0.5)), 1, n)
        odd = n * cell + odd_part - (n + 1) / 2
        even = np.ceil(n * x - 0.5)
        return np.asarray(np.where(n % 2 == 1, odd, even), dtype=np.int64)

    def numerator(self, index: ArrayLike) -> NDArray[np.int64]:
        """Centre of voxels in exact arithmetic: ``centre = numerator / (2 n)``.

        Parameters
        ----------
        index:
            dims (..., 3), int64.

        Returns
        -------
        :
            dims (..., 3), int64.
        """
        j = np.asarray(index, dtype=np.int64)
        if self.mode == "node":
            return 2 * j
        return 2 * j + 1 - np.asarray(self.n, dtype=np.int64)

    def from_numerator(self, numerator: ArrayLike) -> NDArray[np.int64]:
        """Invert :meth:`numerator`; dims (..., 3), int64."""
        x = np.asarray(numerator, dtype=np.int64)
        if self.mode == "node":
            return x // 2
        return (x - 1 + np.asarray(self.n, dtype=np.int64)) // 2

    def centre(self, index: ArrayLike) -> NDArray[np.float64]:
        """Centre of voxels; dims (..., 3), reciprocal-lattice units, float64."""
        return self.numerator(index) / (2.0 * np.asarray(self.n))

    def cell(self, index: ArrayLike) -> NDArray[np.int64]:
        """Integer hkl nearest to the voxel's centre (ties down); dims (..., 3), int64."""
        n2 = 2 * np.asarray(self.n, dtype=np.int64)
        # ceil(x/n2 - 1/2) in integers
        return -((-(2 * self.numerator(index) - n2)) // (2 * n2))

    @property
    def voxels_per_cell(self) -> int:
        """Number of voxels in a reciprocal cell."""
        return int(np.prod(self.n))
