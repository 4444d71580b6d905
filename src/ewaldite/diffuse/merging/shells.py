"""Shells of the length of s, cut into thin ones in which intensity hardly varies with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.diffuse.isotropic import isotropic_curve

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Largest width of a thin shell, 1/Å.
THIN = 0.01


@dataclass(frozen=True)
class Shells:
    """Shells from 0 on, and the thin ones within each.

    Attributes
    ----------
    edges:
        dims (shell + 1), 1/Å, float64, ascending.
    thin:
        Thin shells in each.
    """

    edges: FloatArray
    thin: int

    @staticmethod
    def of(edges: FloatArray, width: float = THIN) -> Shells:
        """Shells with the fewest thin ones that are no wider than ``width``, 1/Å."""
        widest = float(np.max(np.diff(edges)))
        return Shells(np.asarray(edges, dtype=np.float64), max(int(np.ceil(widest / width)), 1))

    @staticmethod
    def equal(number: int, width: float) -> Shells:
        """Shells of one width, 1/Å."""
        return Shells.of(np.arange(number + 1, dtype=np.float64) * width)

    def __len__(self) -> int:
        return len(self.edges) - 1

    def shell(self, s: FloatArray) -> IntArray:
        """Shell of each length of s, -1 beyond them; dims (voxel), int64."""
        found = np.searchsorted(self.edges, s, side="right") - 1
        return np.where((found >= 0) & (found < len(self)), found, -1)

    def cell(self, s: FloatArray) -> IntArray:
        """Thin shell of each length of s, -1 beyond them; dims (voxel), int64."""
        shell = self.shell(s)
        low = self.edges[np.maximum(shell, 0)]
        step = np.diff(self.edges)[np.maximum(shell, 0)] / self.thin
        part = np.clip(((s - low) / step).astype(np.int64), 0, self.thin - 1)
        return np.where(shell >= 0, shell * self.thin + part, -1)

    @property
    def cells(self) -> int:
        """Number of thin shells."""
        return len(self) * self.thin

    def by_shell(self, sums: FloatArray) -> FloatArray:
        """Sums over thin shells with a dim of its own; dims (shell, thin, ...)."""
        return sums.reshape(len(self), self.thin, *sums.shape[1:])


def isotropic_part(merged: sc.DataArray) -> FloatArray:
    """Isotropic part J of a merged table: the smooth curve through means in thin shells.

    Parameters
    ----------
    merged:
        Merged table with the coordinate ``s``.

    Returns
    -------
    :
        J at every row; dims (voxel), unit of the intensity, float64; NaN where there is none.
    """
    s, intensity = merged.coords["s"].values, merged.values
    if not np.any(np.isfinite(intensity) & np.isfinite(s)):
        return np.full(len(merged), np.nan)
    value, _ = isotropic_curve(s, intensity).at(s)
    return value
