"""Sums by voxel: the one accumulator of both chains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.voxel_table import pack_all


def packed(index: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pack voxel indices into one sortable number each.

    Parameters
    ----------
    index:
        dims (voxel, 3), int64, from -2^20 to 2^20 - 1.

    Returns
    -------
    :
        dims (voxel), int64; ordered by h, then k, then l.
    """
    return np.asarray(pack_all(np.ascontiguousarray(index, dtype=np.int64)))


@dataclass(frozen=True)
class Sums:
    """Columns that add up, by voxel.

    Integer columns stay integers, so that counts are exact. Rows are in the order of
    :func:`packed`, each voxel once, which makes the result independent of who summed what first
    up to the order of the additions themselves.

    Attributes
    ----------
    index:
        dims (voxel, 3), int64, sorted, distinct.
    columns:
        Named arrays; dims (voxel).
    """

    index: NDArray[np.int64]
    columns: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        return int(self.index.shape[0])

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.columns[name]

    @classmethod
    def grouped(cls, index: NDArray[np.int64], columns: Mapping[str, NDArray[Any]]) -> Sums:
        """Sum rows of the same voxel, in the order in which they come.

        Parameters
        ----------
        index:
            dims (row, 3), int64, in any order, repeated or not.
        columns:
            Named arrays; dims (row).

        Returns
        -------
        :
            One row per voxel.
        """
        keys = packed(index)
        if np.all(keys[1:] > keys[:-1]):
            return cls(index, dict(columns))
        distinct, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        n = distinct.size
        if n == keys.size:
            return cls(index[first], {name: c[first] for name, c in columns.items()})
        summed: dict[str, NDArray[Any]] = {}
        for name, column in columns.items():
            if np.issubdtype(column.dtype, np.integer):
                total = np.zeros(n, dtype=np.int64)
                np.add.at(total, inverse, column)
                summed[name] = total
            else:
                summed[name] = np.bincount(inverse, weights=column, minlength=n)
        return cls(index[first], summed)

    def add(self, other: Sums) -> Sums:
        """Sum with the same columns of other voxels or the same ones."""
        index = np.concatenate([self.index, other.index])
        columns = {
            name: np.concatenate([column, other.columns[name]])
            for name, column in self.columns.items()
        }
        return Sums.grouped(index, columns)

    def select(self, rows: NDArray[np.bool_]) -> Sums:
        """Rows where the mask is true; dims (voxel)."""
        return Sums(self.index[rows], {name: c[rows] for name, c in self.columns.items()})
