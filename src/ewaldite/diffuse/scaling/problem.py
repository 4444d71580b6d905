"""The linearised problem of the joint refinement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.scaling.cells import SHELL_WIDTH
from ewaldite.diffuse.scaling.coupling import Coupling
from ewaldite.diffuse.scaling.layout import Layout
from ewaldite.diffuse.scaling.options import Smoothness
from ewaldite.diffuse.scaling.penalty import Penalty
from ewaldite.diffuse.scaling.table import ScalingTable
from ewaldite.kernels import band
from ewaldite.kernels import scaling as kernel
from ewaldite.kernels.scaling_terms import Places

FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]

# Relief from which on terms are told apart well enough one by one
_RELIEF = 0.1
_COLUMNS = {"b": kernel.B, "c": kernel.C, "a": kernel.A, "d": kernel.D, "B": kernel.DOSE}


@dataclass
class Joint:
    """The problem, with its work space.

    Attributes
    ----------
    table, layout:
        Observations and coefficients.
    smoothness:
        Relative weights of the penalty.
    """

    table: ScalingTable
    layout: Layout
    smoothness: Smoothness
    places: Places = field(init=False)
    intensity: FloatArray = field(init=False)
    derivatives: SingleArray = field(init=False)
    gradient: FloatArray = field(init=False)
    coupling: tuple[FloatArray, Coupling | None] = field(init=False)

    def __post_init__(self) -> None:
        self.places = self.layout.places(self.table)
        self.intensity = np.zeros(self.table.voxels)
        last = max([kernel.C, *(_COLUMNS[term] for term, _, _ in self.layout.segments)])
        self.derivatives = np.empty((len(self.table), last + 1), np.float32)
        self.gradient = np.empty(self.layout.size)
        self.coupling = self.gradient, None

    def linearise(self, p: FloatArray, weight: SingleArray) -> float:
        """Merge at coefficients p and set derivatives and gradient; returns ``Σ r²``."""
        return float(
            kernel.linearise(
                self.table.rows,
                self.places,
                p,
                weight,
                self.intensity,
                self.derivatives,
                self.gradient,
            )
        )

    def squares(self) -> FloatArray:
        """Diagonal of the normal matrix at the last linearisation; dims (coefficient)."""
        out = np.empty(self.layout.size)
        kernel.squares(self.places, self.derivatives, out)
        return out

    def relief(self) -> float:
        """Share of the anisotropic part in the square of the merged intensities.

        The expected square of their errors is subtracted, so that it may be negative.
        """
        start = self.table.start
        number = np.diff(start)
        square = self.derivatives[:, kernel.INTENSITY] ** 2
        known = np.zeros(0)
        if number.size:
            known = np.add.reduceat(square, start[:-1], dtype=np.float64)
        seen = known > 0
        shell = (self.table.length[start[:-1]] / SHELL_WIDTH).astype(np.int64)[seen]
        intensity, weight = self.intensity[seen], number[seen].astype(np.float64)
        mean = np.bincount(shell, weight * intensity) / np.maximum(
            np.bincount(shell, weight), 1e-300
        )
        relief = np.sum(weight * ((intensity - mean[shell]) ** 2 - 1 / known[seen]))
        whole = float(np.sum(weight * intensity**2))
        return float(relief / whole) if whole > 0 else 0.0

    def multiply(self, v: FloatArray) -> FloatArray:
        """The normal matrix without intensities, times v; dims (coefficient)."""
        out = np.empty(self.layout.size)
        kernel.apply(self.table.rows, self.places, self.derivatives, self.table.most, v, out)
        return out

    def preconditioner(
        self, squares: FloatArray, penalty: Penalty
    ) -> Callable[[FloatArray], FloatArray]:
        """Inverse of an approximation of the normal matrix with the penalty.

        It is the inverse of the diagonal of the normal matrix with the penalty of each term,
        which is a narrow band. Where the relief is weak, the inverse for coarse functions of
        all terms together is added (additive Schwarz), see
        :class:`~ewaldite.diffuse.scaling.coupling.Coupling`.

        Parameters
        ----------
        squares, penalty:
            Diagonal, dims (coefficient), and penalty.

        Returns
        -------
        :
            A symmetric positive definite multiplication.
        """
        if squares is not self.coupling[0]:
            made = None
            if self.relief() < _RELIEF:
                made = Coupling.of(
                    self.layout, self.places, self.derivatives, self.table, squares
                )
            self.coupling = squares, made
        together = self.coupling[1]
        # a control point that neither data nor smoothness reach does not move
        floor = 1e-12 * float((squares + penalty.matrix.diagonal()).max(initial=1e-300))
        data = np.maximum(squares, floor)
        blocks = []
        for _, _, where in self.layout.segments:
            rough = penalty.matrix[where, where].tocoo()
            distance = rough.row - rough.col
            width = int(distance.max(initial=0)) + 1
            whole = np.zeros((where.stop - where.start, width))
            lower = distance >= 0
            whole[rough.col[lower], distance[lower]] = rough.data[lower]
            whole[:, 0] += data[where]
            band.factor(whole)
            blocks.append((where, whole))
        inverse = None if together is None else together.inverse(penalty)

        def invert(v: FloatArray) -> FloatArray:
            out = v.copy()
            for where, factor in blocks:
                band.solve(factor, out[where])
            if inverse is not None:
                out += inverse(v)
            return out

        return invert

    def level(self, v: FloatArray) -> FloatArray:
        """Take out of a step what the gauge forbids: a change of the means of a, b and d."""
        out = v.copy()
        scales = self.layout.of("b")
        if scales:
            everywhere = slice(scales[0][2].start, scales[-1][2].stop)
            out[everywhere] -= out[everywhere].mean()
        for _, points, where in self.layout.of("a"):
            planes = out[where].reshape(points.values.shape[0], -1)
            planes -= planes.mean(axis=1, keepdims=True)
        for _, _, where in self.layout.of("d"):
            out[where] -= out[where].mean()
        return out
