"""Voxels and the asymmetric unit of the Laue group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ewaldite.crystal.symmetry import SpaceGroup, check_subdivision
from ewaldite.kernels import asu as kernel
from ewaldite.model.grid import Grid

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class AsuMap:
    """Maps voxels of one grid into the asymmetric unit of one Laue group.

    The unit is that of CCP4 and gemmi, carried to non-standard settings by the change of basis.

    Attributes
    ----------
    grid:
        The voxels.
    group:
        The space group.

    Raises
    ------
    UserError
        The Laue group does not map the grid onto itself.
    """

    grid: Grid
    group: SpaceGroup

    def __post_init__(self) -> None:
        check_subdivision(self.grid, self.group)

    @property
    def _n(self) -> IntArray:
        return np.asarray(self.grid.n, dtype=np.int64)

    @property
    def _offset(self) -> IntArray:
        return self.grid.numerator(np.zeros(3, dtype=np.int64))

    @property
    def _operations(self) -> IntArray:
        # centre = numerator / 2n, hence numerator' = numerator · M n' / n, whole by the check
        return self.group.laue_operations * self._n[None, None, :] // self._n[None, :, None]

    @property
    def _basis(self) -> IntArray:
        common = np.lcm.reduce(self._n) // self._n
        return np.asarray(common[:, None] * self.group.asu_basis, dtype=np.int64)

    def __call__(self, index: IntArray) -> tuple[IntArray, NDArray[np.int8]]:
        """Map voxels.

        Parameters
        ----------
        index:
            Voxel indices of the grid; dims (voxel, 3), int64.

        Returns
        -------
        :
            Index in the asymmetric unit, dims (voxel, 3), int64; number of the operation of
            ``group.laue_operations`` that leads there, the first if several do, dims
            (voxel), int8. The operations of the point group come first, so a smaller
            number than theirs means that no Friedel mate was taken.
        """
        operations = self._operations
        return kernel.to_asu(
            np.ascontiguousarray(index, dtype=np.int64),
            self._offset,
            operations,
            operations @ self._basis,
            self.group.asu_rule,
        )

    def multiplicity(self, index: IntArray) -> IntArray:
        """Count the distinct images of voxels under the Laue group; dims (voxel), int64."""
        return kernel.distinct_images(
            np.ascontiguousarray(index, dtype=np.int64),
            self._offset,
            self._operations,
        )

    def images(self, index: IntArray, operation: int) -> IntArray:
        """Images of voxels under one operation of the Laue group.

        Parameters
        ----------
        index:
            dims (voxel, 3), int64.
        operation:
            Row of ``group.laue_operations``.

        Returns
        -------
        :
            dims (voxel, 3), int64.
        """
        turned = self.grid.numerator(index) @ self._operations[operation]
        return self.grid.from_numerator(turned)

    def is_minus(self, operation: NDArray[np.int8]) -> NDArray[np.bool_]:
        """Whether a voxel came to the asymmetric unit as a Friedel mate.

        In centrosymmetric groups, where mates are equivalent, it is whether an improper
        operation was used.

        Parameters
        ----------
        operation:
            Number of the operation; dims (voxel), int8.

        Returns
        -------
        :
            dims (voxel), bool.
        """
        operations = self.group.laue_operations
        if self.group.is_centrosymmetric:
            improper = np.linalg.det(operations) < 0
        else:
            improper = np.arange(len(operations)) >= len(self.group.point_operations)
        return np.asarray(improper[operation], dtype=np.bool_)

    def reach(self, metric: FloatArray, d_min: float) -> tuple[IntArray, IntArray]:
        """Smallest and largest voxel index that a sphere reaches.

        Parameters
        ----------
        metric:
            Reciprocal metric tensor; dims (3, 3), 1/Å².
        d_min:
            Resolution, Å.

        Returns
        -------
        :
            dims (3), int64, both; the sphere of radius ``1/d_min`` reaches ``h = a / d_min``,
            and the centres of the two voxels are opposite.
        """
        high = self.grid.index(np.sqrt(np.diag(np.linalg.inv(metric))) / d_min)
        return self.grid.from_numerator(-self.grid.numerator(high)), high

    def count(self, metric: FloatArray, d_min: float, width: float) -> IntArray:
        """Count the voxels of the asymmetric unit in shells of the length of s.

        Parameters
        ----------
        metric:
            Reciprocal metric tensor; dims (3, 3), 1/Å².
        d_min:
            Resolution, Å: voxels whose centre has ``|s| ≤ 1/d_min`` are counted.
        width:
            Width of a shell, 1/Å; the first begins at 0.

        Returns
        -------
        :
            dims (shell), int64.
        """
        return kernel.count_asu(
            *self.reach(metric, d_min),
            self._offset,
            self._n,
            np.ascontiguousarray(metric, dtype=np.float64),
            self._basis,
            self.group.asu_rule,
            width,
            1.0 / d_min,
        )
