"""The linearised problem of the joint refinement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix, diags_array
from scipy.sparse.linalg import SuperLU, splu

from ewaldite.diffuse.scaling.cells import SHELL_WIDTH
from ewaldite.diffuse.scaling.coupling import TERMS, Coupling
from ewaldite.diffuse.scaling.layout import Layout
from ewaldite.diffuse.scaling.options import Smoothness
from ewaldite.diffuse.scaling.penalty import Penalty
from ewaldite.diffuse.scaling.table import ScalingTable
from ewaldite.kernels import scaling as kernel
from ewaldite.kernels.scaling_terms import Places

FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]

# Most control points of a term and batch whose penalty is factored
_FACTORED = 3000
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
        square = self.derivatives[:, kernel.INTENSITY].astype(np.float64) ** 2
        known = np.add.reduceat(square, start[:-1]) if number.size else np.zeros(0)
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

        Where the relief is weak, terms along the rotation are taken together, see
        :class:`~ewaldite.diffuse.scaling.coupling.Coupling`; of others, and of all where
        the relief is strong or they are too many, the diagonal of the normal matrix with the
        penalty of each. Where a term has very many control points in one batch, only the
        diagonal of the penalty is taken.

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
                made = Coupling.of(self.layout, self.places, self.derivatives, squares)
            self.coupling = squares, made
        together = self.coupling[1]
        diagonal = squares + penalty.matrix.diagonal()
        # a control point that neither data nor smoothness reach does not move
        floor = 1e-12 * diagonal.max(initial=1e-300)
        diagonal = np.maximum(diagonal, floor)
        blocks = []
        for term, _, where in self.layout.segments:
            if together is not None and term in TERMS:
                continue
            block = penalty.matrix[where, where]
            if where.stop - where.start <= _FACTORED and block.nnz > block.shape[0]:
                data = np.maximum(squares[where], floor)
                whole = csc_matrix(block + diags_array(data))
                blocks.append((where, _factored(whole)))
        inverse = None if together is None else together.inverse(penalty)

        def invert(v: FloatArray) -> FloatArray:
            out: FloatArray = np.asarray(v / diagonal)
            for where, factor in blocks:
                out[where] = factor.solve(v[where])
            if together is not None and inverse is not None:
                out[together.where] = inverse(v[together.where])
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


def _factored(matrix: csc_matrix) -> SuperLU:
    """Factors of a symmetric positive definite matrix."""
    return splu(
        matrix,
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
