"""The first pass over observations: smooth rates, and which voxels there are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ewaldite.crystal.symmetry import SpaceGroup
from ewaldite.diffuse.merging.prepared import Prepared, asu_keys
from ewaldite.diffuse.merging.rates import ShellSums
from ewaldite.errors import UserError
from ewaldite.kernels import deal as kernel
from ewaldite.kernels.voxel_table import build
from ewaldite.model.grid import Grid

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
RowArray = NDArray[np.int32]
BoolArray = NDArray[np.bool_]


class Survey:
    """What a merge must know of all observations before it sums the first.

    Blocks are added in order; memory grows with the number of voxels alone.

    Parameters
    ----------
    group:
        Space group of the crystal.
    friedel:
        Whether Friedel mates are merged or kept apart.
    """

    def __init__(self, group: SpaceGroup, *, friedel: bool = True) -> None:
        self.group = group
        self.friedel = friedel
        #: Sums for smooth rates.
        self.rates = ShellSums(np.zeros((5, 1, 1)))
        self._grid: Grid | None = None
        self._places = kernel.no_places()
        self._used = 0
        self._number = np.zeros(0, np.int32)
        self._total = np.zeros(0)

    @property
    def grid(self) -> Grid:
        """The voxels.

        Raises
        ------
        UserError
            No block was added.
        """
        if self._grid is None:
            raise UserError(
                "merge the observations",
                "there is no table of them",
                "Give at least one block, without rows if there are none.",
            )
        return self._grid

    def __len__(self) -> int:
        """Voxels found."""
        return self._used

    def add(self, block: Prepared) -> RowArray:
        """Add observations.

        Parameters
        ----------
        block:
            Usable rows; see :func:`~ewaldite.diffuse.merging.prepared.usable`.

        Returns
        -------
        :
            Number of each row's voxel in the order of discovery; dims (voxel), int32.

        Raises
        ------
        UserError
            The block is on another grid, or the Laue group does not leave the grid invariant.
        """
        return self._count(block, 1)

    def remove(self, block: Prepared) -> None:
        """Take observations out again that were added: outliers.

        Parameters and errors are those of :meth:`add`.
        """
        self._count(block, -1)

    def _count(self, block: Prepared, sign: int) -> RowArray:
        o = block.observations
        if self._grid is not None and o.grid != self._grid:
            raise UserError(
                "merge tables with one another",
                f"their grids differ: {self._grid} and {o.grid}",
                "Give tables that were made with one subdivide.",
            )
        self._grid = o.grid
        self.rates = self.rates + sign * ShellSums.of(o, block.scale, block.offset)
        keys, _ = asu_keys(o, self.group, self.friedel)
        *_, row = found = kernel.places(keys, *self._places, self._used)
        self._places, self._used = found[:3], int(found[3])
        room = len(self._places[2]) - len(self._number)
        if room:
            self._number = np.concatenate([self._number, np.zeros(room, np.int32)])
            self._total = np.concatenate([self._total, np.zeros(room)])
        kernel.tally(row, block.scaled_exposure, self._number, self._total, sign)
        return np.asarray(row)

    def voxels(self) -> Voxels:
        """All voxels that still hold observations, in the order of their keys."""
        key, count = self._places[2][: self._used], self._number[: self._used]
        order = np.argsort(key)
        order = order[count[order] > 0]
        return Voxels(key[order], count[order], self._total[: self._used][order])

    def last_voxels(self) -> Voxels:
        """Like :meth:`voxels`, but gives up what was found: nothing can be added any more."""
        self._places = (*kernel.no_places()[:2], self._places[2])
        found = self.voxels()
        self._places, self._used = kernel.no_places(), 0
        self._number, self._total = self._number[:0].copy(), self._total[:0].copy()
        return found


class Voxels:
    """Voxels of a merge and the state of dealing their observations into halves.

    Parameters
    ----------
    key:
        Packed voxels, ascending; dims (voxel), int64.
    number:
        Observations of each; dims (voxel), int32.
    share:
        Their summed scaled exposure; dims (voxel), float64.
    """

    def __init__(self, key: IntArray, number: RowArray, share: FloatArray) -> None:
        self.key = key
        self.number = number
        self._share = share
        self._slots: tuple[IntArray, RowArray] | None = None
        self._state: tuple[FloatArray, RowArray, RowArray, FloatArray] | None = None

    def __len__(self) -> int:
        return len(self.key)

    def part(self, rows: slice) -> Voxels:
        """Some of the voxels, whose rows count from the first of them."""
        return Voxels(self.key[rows], self.number[rows], self._share[rows])

    def rows(self, keys: IntArray) -> RowArray:
        """Row of each key, -1 for voxels that are not among these; dims (voxel), int32."""
        if self._slots is None:
            self._slots = build(self.key)
        return np.asarray(kernel.rows_at(keys, *self._slots))

    @property
    def observations(self) -> int:
        """Observations of all voxels."""
        return int(self.number.sum(dtype=np.int64))

    def stop(self) -> None:
        """Forget where the draw of halves stands."""
        self._state = None
        self._share = self._share[:0].copy()

    def deal(self, row: RowArray, share: FloatArray, seed: int) -> BoolArray:
        """Deal the next observations into halves.

        Parameters
        ----------
        row:
            Their voxels; dims (voxel), int32.
        share:
            Their scaled exposures; dims (voxel), float64.
        seed:
            Of the random numbers.

        Returns
        -------
        :
            True in the first half, of equal number and of equal exposure; dims (2, voxel).
        """
        if self._state is None:
            n = len(self)
            left, counts = self._share.copy(), (np.zeros(n, np.int32), np.zeros(n, np.int32))
            self._state = left, *counts, np.zeros(n)
        return np.asarray(kernel.deal(row, share, seed, self.key, self.number, *self._state))
