"""The linearised problem of the joint refinement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix, diags_array
from scipy.sparse.linalg import SuperLU, splu

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

    def __post_init__(self) -> None:
        self.places = self.layout.places(self.table)
        self.intensity = np.zeros(self.table.voxels)
        last = max([kernel.C, *(_COLUMNS[term] for term, _, _ in self.layout.segments)])
        self.derivatives = np.empty((len(self.table), last + 1), np.float32)
        self.gradient = np.empty(self.layout.size)

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

    def multiply(self, v: FloatArray) -> FloatArray:
        """The normal matrix without intensities, times v; dims (coefficient)."""
        out = np.empty(self.layout.size)
        kernel.apply(self.table.rows, self.places, self.derivatives, self.table.most, v, out)
        return out

    def preconditioner(
        self, squares: FloatArray, penalty: Penalty
    ) -> Callable[[FloatArray], FloatArray]:
        """Inverse of the diagonal of the normal matrix with the penalty of each term.

        Where a term has very many control points in one batch, only the diagonal of the
        penalty is taken.

        Parameters
        ----------
        squares, penalty:
            Diagonal, dims (coefficient), and penalty.

        Returns
        -------
        :
            A symmetric positive definite multiplication.
        """
        diagonal = squares + penalty.matrix.diagonal()
        # a control point that neither data nor smoothness reach does not move
        floor = 1e-12 * diagonal.max(initial=1e-300)
        diagonal = np.maximum(diagonal, floor)
        blocks = []
        for _, _, where in self.layout.segments:
            block = penalty.matrix[where, where]
            if where.stop - where.start <= _FACTORED and block.nnz > block.shape[0]:
                data = np.maximum(squares[where], floor)
                whole = csc_matrix(block + diags_array(data))
                blocks.append((where, _factored(whole)))

        def invert(v: FloatArray) -> FloatArray:
            out: FloatArray = np.asarray(v / diagonal)
            for where, factor in blocks:
                out[where] = factor.solve(v[where])
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
