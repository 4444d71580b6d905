"""Histograms of counts by voxel, without their zeros."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.sparse_histogram import compress, gather


@dataclass(frozen=True)
class Histograms:
    """Pixels by count, for every voxel.

    A dense histogram of a voxel takes 4 bytes a count, and most counts do not occur in it.

    Attributes
    ----------
    first:
        First entry of each voxel, and the end; dims (voxel + 1), int64.
    count:
        Counts that occur, ascending in a voxel; dims (entry), int32.
    number:
        (pixel, frame) pairs with this count; dims (entry), uint32.
    bins:
        Counts 0 … bins - 1 are kept.
    """

    first: NDArray[np.int64]
    count: NDArray[np.int32]
    number: NDArray[np.uint32]
    bins: int

    @classmethod
    def of(cls, dense: NDArray[np.uint32]) -> Histograms:
        """Keep what is not zero of pixels by count; dims (voxel, count), uint32."""
        return cls(*compress(np.ascontiguousarray(dense, dtype=np.uint32)), dense.shape[1])

    def __len__(self) -> int:
        return self.first.size - 1

    @property
    def parts(self) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint32]]:
        """What kernels want: first, count, number."""
        return self.first, self.count, self.number

    def dense(self) -> NDArray[np.uint32]:
        """Pixels by count, with zeros; dims (voxel, count), uint32."""
        out = np.zeros((len(self), self.bins), dtype=np.uint32)
        out[self._voxel, self.count] = self.number
        return out

    def moment(self, power: int) -> NDArray[np.float64]:
        """Sum of a power of the counts over the pairs; dims (voxel), float64."""
        weights = self.number * self.count.astype(np.float64) ** power
        return np.bincount(self._voxel, weights, minlength=len(self)).astype(np.float64)

    @property
    def empty(self) -> NDArray[np.float64]:
        """Pairs without a count; dims (voxel), float64."""
        out = np.zeros(len(self))
        at = np.minimum(self.first[:-1], max(self.count.size - 1, 0))
        has = self.first[1:] > self.first[:-1]
        has[has] = self.count[at[has]] == 0
        out[has] = self.number[at[has]]
        return out

    @property
    def _voxel(self) -> NDArray[np.intp]:
        return np.repeat(np.arange(len(self)), np.diff(self.first))


def joined(
    parts: Sequence[Histograms], order: NDArray[np.int64], group: NDArray[np.int64]
) -> Histograms:
    """Sum histograms that belong to the same voxels.

    Parameters
    ----------
    parts:
        Histograms of equally many bins, at least one; their rows are counted on.
    order, group:
        Rows, those of a voxel one after another, dims (row), and the place of each voxel's
        first, and the end; dims (voxel + 1); int64.

    Returns
    -------
    :
        One histogram a voxel.
    """
    if len(parts) == 1:
        whole = parts[0]
    else:
        starts = np.cumsum([0, *(part.count.size for part in parts)])
        first = [p.first[:-1] + at for p, at in zip(parts, starts[:-1], strict=True)]
        whole = Histograms(
            np.concatenate([*first, starts[-1:]]),
            np.concatenate([part.count for part in parts]),
            np.concatenate([part.number for part in parts]),
            parts[0].bins,
        )
    return Histograms(*gather(*whole.parts, order, group, whole.bins), whole.bins)
