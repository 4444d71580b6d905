"""What the terms of scaling have in common, for the preconditioner of the joint refinement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ewaldite.diffuse.scaling.basis import Axis, ControlPoints
from ewaldite.diffuse.scaling.layout import Layout
from ewaldite.diffuse.scaling.penalty import Penalty
from ewaldite.diffuse.scaling.table import ScalingTable
from ewaldite.kernels import band as kernel
from ewaldite.kernels.scaling_normal import add_normal, plane_lengths
from ewaldite.kernels.scaling_terms import Places

FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

# Observations that are looked at, for each coarse function, and at least
_PER_FUNCTION = 4
_LEAST = 50_000
# Parts of the diagonal, and of its largest element, that make the matrix definite
_OWN, _LARGEST = 1e-6, 1e-12


@dataclass(frozen=True)
class Coupling:
    """Normal matrix of coarse functions, intensities held, as a band.

    A change of b, or of a in a ring on the detector, and one of c cancel in the isotropic part
    of the scattering, which is by far the largest: only the anisotropic part, some tenth of
    it, tells them apart. Term by term the normal matrix knows nothing of that, and a
    refinement creeps along such changes. They are spanned by b, B, c and rings of a on
    levels of the rotation; level by level, the normal matrix of these is a narrow band, that
    is factored at once.

    Attributes
    ----------
    spread:
        Coefficients of the functions; dims (coefficient, function).
    band:
        Lower half of the matrix; see :mod:`ewaldite.kernels.band`.
    """

    spread: sparse.csr_matrix
    band: FloatArray

    @staticmethod
    def of(
        layout: Layout,
        places: Places,
        derivatives: SingleArray,
        table: ScalingTable,
        squares: FloatArray,
    ) -> Coupling | None:
        """Sum over a part of the observations.

        The mean of a over the detector, which the gauge holds, is held by a term of its own.

        Parameters
        ----------
        layout, places, derivatives:
            Coefficients, places and derivatives of the observations.
        table:
            The observations.
        squares:
            Diagonal of the normal matrix; dims (coefficient).

        Returns
        -------
        :
            The matrix; None where c, or all else that it may take the place of, is off.
        """
        if not layout.of("c") or not layout.of("a", "b", "B"):
            return None
        functions = _Functions(layout)
        every = max(len(table) // max(_PER_FUNCTION * functions.size, _LEAST), 1)
        radial = functions.radial(places, derivatives, table, every)
        spread = functions.spread(radial)
        # second differences reach two levels further
        band = np.zeros((functions.size, 3 * functions.each))
        functions.add(places, derivatives, table, every, radial, band)
        functions.hold_means(radial, squares, band)
        own = spread.multiply(spread).T @ squares
        band[:, 0] += _OWN * own + _LARGEST * own.max(initial=1e-300)
        return Coupling(spread, band)

    def inverse(self, penalty: Penalty) -> Callable[[FloatArray], FloatArray]:
        """Factor the matrix with a penalty; gives what multiplies by the coarse inverse."""
        rough = (self.spread.T @ penalty.matrix @ self.spread).tocoo()
        distance = rough.row - rough.col
        inside = (distance >= 0) & (distance < self.band.shape[1])
        factor = self.band.copy()
        np.add.at(factor, (rough.col[inside], distance[inside]), rough.data[inside])
        kernel.factor(factor)

        def multiply(v: FloatArray) -> FloatArray:
            coarse = np.asarray(self.spread.T @ v)
            kernel.solve(factor, coarse)
            return np.asarray(self.spread @ coarse)

        return multiply


@dataclass(frozen=True)
class _Functions:
    """The coarse functions: level by level b, B, c by length of s, and rings of a.

    Attributes
    ----------
    layout:
        The coefficients.
    """

    layout: Layout

    @property
    def levels(self) -> list[Axis]:
        """Levels of the rotation in each batch: those of the term that has the fewest."""
        terms = [self.layout.of(term) for term in ("a", "b", "c", "B") if self.layout.of(term)]
        axes = [[points.axis("iz") for _, points, _ in segments] for segments in terms]
        return [
            min(of_batch, key=lambda axis: axis.size) for of_batch in zip(*axes, strict=True)
        ]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of b, B and nodes of c along the length of s, on a level."""
        c = self.layout.of("c")[0][1]
        return bool(self.layout.of("b")), bool(self.layout.of("B")), c.axis("s").size

    @property
    def plane(self) -> tuple[int, int]:
        """Nodes of a along iy and ix; none where a is off."""
        found = self.layout.of("a")
        return found[0][1].values.shape[1:] if found else (0, 0)

    @property
    def rings(self) -> int:
        """Number of rings: as many nodes as from the middle to a corner."""
        return max(self.plane) // 2 + 2 if self.layout.of("a") else 0

    @property
    def each(self) -> int:
        """Functions on a level."""
        return sum(self.shape) + self.rings

    @property
    def first_column(self) -> IntArray:
        """First function of each batch; dims (batch)."""
        sizes = [axis.size * self.each for axis in self.levels]
        return np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)

    @property
    def size(self) -> int:
        """Number of functions."""
        return sum(axis.size for axis in self.levels) * self.each

    def _first(self, term: str) -> IntArray:
        found = [where.start for _, _, where in self.layout.of(term)]
        return np.array(found or [0] * len(self.levels), dtype=np.int64)

    def radial(
        self, places: Places, derivatives: SingleArray, table: ScalingTable, every: int
    ) -> FloatArray:
        """Values of the rings at the nodes of a plane; dims (batch, node, ring)."""
        nodes = self.plane[0] * self.plane[1]
        if nodes == 0:
            return np.zeros((len(self.levels), 1, 0))
        sums = np.zeros((len(self.levels), nodes, 2))
        plane_lengths(
            places,
            derivatives,
            table.batch,
            table.length,
            every,
            self._first("a"),
            nodes,
            sums,
        )
        seen = sums[..., 0] > 0
        length = np.full(seen.shape, np.nan)
        np.divide(sums[..., 1], sums[..., 0], out=length, where=seen)
        low, high = np.min(length[seen], initial=np.inf), np.max(length[seen], initial=0.0)
        place = np.nan_to_num((length - low) / max(high - low, 1e-9), nan=1.0) * (
            self.rings - 1
        )
        away = np.abs(place[..., None] - np.arange(self.rings))
        return np.asarray(np.maximum(1.0 - away, 0.0))

    def add(
        self,
        places: Places,
        derivatives: SingleArray,
        table: ScalingTable,
        every: int,
        radial: FloatArray,
        band: FloatArray,
    ) -> None:
        """Add the normal matrix of a part of the observations."""
        iz, batch = table.iz[::every].astype(np.float64), table.batch[::every]
        level, beyond = np.zeros(iz.size, dtype=np.int64), np.zeros(iz.size)
        for j, axis in enumerate(self.levels):
            rows = batch == j
            level[rows], beyond[rows] = axis.place(iz[rows])
        add_normal(
            places,
            derivatives,
            table.batch,
            every,
            level,
            beyond,
            self.first_column,
            self._first("a"),
            max(self.plane[0] * self.plane[1], 1),
            radial,
            self.shape,
            self._first("c"),
            band,
        )

    def hold_means(self, radial: FloatArray, squares: FloatArray, band: FloatArray) -> None:
        """Add information of a, times the square of its mean over the detector, to a band."""
        for j, (_, points, where) in enumerate(self.layout.of("a")):
            own = squares[where].reshape(points.values.shape[0], -1).sum(axis=1)
            weight = _along(self.levels[j], points).T @ own
            mean = radial[j].mean(axis=0)
            end = self.first_column[j] + np.arange(1, weight.size + 1) * self.each
            start = end - self.rings
            for m in range(self.rings):
                for n in range(m + 1):
                    band[start + n, m - n] += weight * mean[m] * mean[n]

    def spread(self, radial: FloatArray) -> sparse.csr_matrix:
        """Coefficients of the functions; dims (coefficient, function)."""
        has_b, has_dose, lengths = self.shape
        offset = {"b": 0, "B": has_b, "c": has_b + has_dose, "a": has_b + has_dose + lengths}
        rows, columns, values = [], [], []
        for term, start in offset.items():
            for j, (_, points, where) in enumerate(self.layout.of(term)):
                inner = radial[j] if term == "a" else np.eye(points.values[0].size)
                along = _along(self.levels[j], points)
                part = sparse.kron(along, sparse.csr_matrix(inner)).tocoo()
                up, within = np.divmod(part.col, inner.shape[1])
                rows.append(part.row + where.start)
                columns.append(self.first_column[j] + up * self.each + start + within)
                values.append(part.data)
        entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
        return sparse.csr_matrix(entries, shape=(self.layout.size, self.size))


def _along(levels: Axis, points: ControlPoints) -> sparse.csr_matrix:
    """Values of the levels' functions at the nodes along the rotation; dims (node, level)."""
    nodes = points.axis("iz").nodes
    return ControlPoints.constant([levels], 0.0).matrix(nodes)
