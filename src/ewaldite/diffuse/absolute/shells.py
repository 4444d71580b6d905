"""Means of merged intensities in shells of the length of s, and sums over them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ewaldite.errors import UserError

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Shells:
    """Shells whose edges are equally spaced in s².

    Attributes
    ----------
    edges:
        dims (shell + 1), 1/Å, float64.
    """

    edges: FloatArray

    @staticmethod
    def of(s_max: float, number: int) -> Shells:
        """So many shells from 0 to s_max, 1/Å."""
        return Shells(np.sqrt(np.linspace(0.0, s_max**2, number + 1)))

    @property
    def centre(self) -> FloatArray:
        """Middle of each shell, where theory is evaluated; dims (shell), 1/Å."""
        return np.asarray((self.edges[1:] + self.edges[:-1]) / 2)

    @property
    def volume(self) -> FloatArray:
        """``4π/3 (s₂³ - s₁³)``; dims (shell), 1/Å³."""
        return np.asarray(4 * np.pi / 3 * np.diff(self.edges**3))

    def within(self, s: float) -> int:
        """Number of shells that end at or below s."""
        return int(np.searchsorted(self.edges, s * (1 + 1e-12), side="right")) - 1


@dataclass(frozen=True)
class ShellMeans:
    """Weighted means in shells; NaN where a shell is empty.

    Attributes
    ----------
    mean, variance:
        ``Σ m I / Σ m`` and ``Σ m² σ² / (Σ m)²``; dims (shell), float64.
    weight:
        ``Σ m``; dims (shell), float64.
    """

    mean: FloatArray
    variance: FloatArray
    weight: FloatArray

    @property
    def empty(self) -> BoolArray:
        """Shells that hold nothing; dims (shell)."""
        return self.weight <= 0


def shell_means(
    shells: Shells, s: FloatArray, weight: FloatArray, values: FloatArray, variances: FloatArray
) -> ShellMeans:
    """Average rows in shells, each row as often as its symmetry images.

    Parameters
    ----------
    shells:
        The shells; a row belongs to the one with ``edge ≤ s < next edge``.
    s:
        dims (row), 1/Å, float64.
    weight:
        Multiplicities; dims (row), float64.
    values, variances:
        dims (row), float64.

    Returns
    -------
    :
        The means.
    """
    n = len(shells.edges) - 1
    place = np.searchsorted(shells.edges, s, side="right") - 1
    inside = (place >= 0) & (place < n) & np.isfinite(values)
    at, m = place[inside], weight[inside]
    total = np.bincount(at, m, minlength=n).astype(np.float64)
    some = total > 0
    mean = np.full(n, np.nan)
    spread = np.full(n, np.nan)
    np.divide(np.bincount(at, m * values[inside], minlength=n), total, out=mean, where=some)
    squares = np.bincount(at, m**2 * variances[inside], minlength=n)
    np.divide(squares, total**2, out=spread, where=some)
    return ShellMeans(mean, spread, total)


def interpolation(centre: FloatArray, known: BoolArray) -> FloatArray:
    """Weights that fill empty shells from their known neighbours.

    Linear in s between known shells, the nearest known one outside of them.

    Parameters
    ----------
    centre:
        Middle of the shells; dims (shell), 1/Å.
    known:
        Shells that hold something; dims (shell).

    Returns
    -------
    :
        Means of all shells are ``weights @ mean[known]``; dims (shell, known shell).

    Raises
    ------
    UserError
        No shell holds anything.
    """
    if not np.any(known):
        raise UserError(
            "average the intensity in shells",
            "no shell holds a measured voxel",
            "Look at the merged tables, and at s_max of [absolute].",
        )
    s, nodes = centre, centre[known]
    right = np.clip(np.searchsorted(nodes, s), 0, len(nodes) - 1)
    left = np.clip(right - 1, 0, None)
    width = np.maximum(nodes[right] - nodes[left], 1e-300)
    part = np.where(right > left, np.clip((s - nodes[left]) / width, 0.0, 1.0), 0.0)
    weights = np.zeros((len(s), len(nodes)))
    rows = np.arange(len(s))
    np.add.at(weights, (rows, left), 1 - part)
    np.add.at(weights, (rows, right), part)
    return weights


def cumulative(
    volume: FloatArray, weights: FloatArray, means: ShellMeans
) -> tuple[FloatArray, FloatArray]:
    """Sum means times volumes up to the end of each shell.

    Parameters
    ----------
    volume:
        dims (shell), 1/Å³.
    weights:
        See :func:`interpolation`; dims (shell, known shell).
    means:
        Means in the shells.

    Returns
    -------
    :
        Sum and its variance; dims (shell), float64.
    """
    known = ~means.empty
    share = np.cumsum(volume[:, None] * weights, axis=0)
    return share @ means.mean[known], np.square(share) @ means.variance[known]
