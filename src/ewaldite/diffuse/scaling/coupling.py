"""What the terms of scaling have in common, for the preconditioner of the joint refinement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve_banded, cholesky_banded

from ewaldite.diffuse.scaling.layout import Layout
from ewaldite.diffuse.scaling.penalty import Penalty
from ewaldite.kernels import scaling_normal as kernel
from ewaldite.kernels.scaling_terms import Places

FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

# Terms with nodes along the rotation; d has none, and is common to all batches
TERMS = ("b", "c", "a", "B")
# Observations that are looked at, for each coefficient, and at least
_PER_COEFFICIENT = 2
_LEAST = 100_000
# Largest size of the band
_BYTES = 256e6
# Parts of the diagonal, and of its largest element, that make the matrix definite
_OWN, _LARGEST = 1e-6, 1e-12


@dataclass(frozen=True)
class Coupling:
    """Normal matrix of the terms along the rotation, intensities held, as a band.

    A change of b, or of a in a ring on the detector, and one of c cancel in the isotropic part
    of the scattering, which is by far the largest: only the anisotropic part, some tenth of
    it, tells them apart. Term by term the normal matrix knows nothing of that, and a
    refinement creeps along such changes. Sorted by rotation, the matrix of all terms is a
    narrow band, batch after batch, that is factored at once.

    Attributes
    ----------
    where:
        The coefficients, batch by batch and by their place along iz; dims (column), int64.
    band:
        Lower half, element (i, j) at ``[j, i - j]``; dims (column, distance), float64.
    """

    where: IntArray
    band: FloatArray

    @staticmethod
    def of(
        layout: Layout, places: Places, derivatives: SingleArray, squares: FloatArray
    ) -> Coupling | None:
        """Sum over a part of the observations.

        The mean of a over the detector, which the gauge holds, is held by a term of its own.

        Parameters
        ----------
        layout, places, derivatives:
            Coefficients, places and derivatives of the observations.
        squares:
            Diagonal of the normal matrix; dims (coefficient).

        Returns
        -------
        :
            The matrix; None where there are fewer than two such terms, or it is too large.
        """
        if len({term for term, _, _ in layout.of(*TERMS)}) < 2:
            return None
        where = _sorted_by_rotation(layout)
        rank = np.full(layout.size, -1, dtype=np.int64)
        rank[where] = np.arange(where.size)
        width = _width(layout, rank)
        if where.size * (width + 1) * 8 > _BYTES:
            return None
        band = np.zeros((where.size, width + 1))
        every = max(len(derivatives) // max(_PER_COEFFICIENT * where.size, _LEAST), 1)
        kernel.add_normal(places, derivatives, every, rank, band)
        for _, points, own in layout.of("a"):
            for plane in np.arange(own.start, own.stop).reshape(points.values.shape[0], -1):
                _hold_mean(band, rank[plane], float(squares[plane].mean()))
        band[:, 0] += _OWN * squares[where] + _LARGEST * squares.max(initial=1e-300)
        return Coupling(where, band)

    def inverse(self, penalty: Penalty) -> Callable[[FloatArray], FloatArray]:
        """Factor the matrix with a penalty (Cholesky); gives what multiplies by the inverse."""
        rough = penalty.matrix[self.where][:, self.where].tocoo()
        lower = rough.row >= rough.col
        row, column = rough.row[lower], rough.col[lower]
        whole = self.band.copy()
        np.add.at(whole, (column, row - column), np.asarray(rough.data)[lower])
        factor = cholesky_banded(whole.T, overwrite_ab=True, lower=True, check_finite=False)
        return lambda v: cho_solve_banded((factor, True), v, check_finite=False)


def _sorted_by_rotation(layout: Layout) -> IntArray:
    """Coefficients batch by batch, in each by their place along iz."""
    batch, place, number = [], [], []
    for term in TERMS:
        for j, (_, points, where) in enumerate(layout.of(term)):
            levels = points.axis("iz").nodes
            batch.append(np.full(points.values.size, j))
            place.append(np.repeat(levels, points.values.size // levels.size))
            number.append(np.arange(where.start, where.stop))
    order = np.lexsort((np.concatenate(place), np.concatenate(batch)))
    return np.asarray(np.concatenate(number)[order], dtype=np.int64)


def _width(layout: Layout, rank: IntArray) -> int:
    """Largest distance of two columns that an observation, or smoothness, has in common."""
    widest = 0
    for batch in zip(*(layout.of(term) for term in TERMS if layout.of(term)), strict=True):
        levels = [points.axis("iz").nodes for _, points, _ in batch]
        columns = [rank[x].reshape(points.axis("iz").size, -1) for _, points, x in batch]
        first, last = [c.min(axis=1) for c in columns], [c.max(axis=1) for c in columns]
        # second differences reach two nodes further
        for low, high in zip(first, last, strict=True):
            ahead = np.minimum(np.arange(low.size) + 2, low.size - 1)
            widest = max(widest, int((high[ahead] - low).max()))
        nodes = np.unique(np.concatenate(levels))
        between = (nodes[1:] + nodes[:-1]) / 2 if nodes.size > 1 else nodes
        below, above = [], []
        for z, low, high in zip(levels, first, last, strict=True):
            node = np.clip(np.searchsorted(z, between, side="right") - 1, 0, z.size - 1)
            below.append(low[node])
            above.append(high[np.minimum(node + 1, z.size - 1)])
        widest = max(widest, int((np.max(above, axis=0) - np.min(below, axis=0)).max()))
    return widest


def _hold_mean(band: FloatArray, columns: IntArray, weight: float) -> None:
    """Add ``weight`` times the square of the mean, times the number, to a band."""
    i, j = np.meshgrid(columns, columns, indexing="ij")
    lower = i >= j
    band[j[lower], (i - j)[lower]] += weight / columns.size
