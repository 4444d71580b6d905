"""Refinement of one term after another, the scheme of mdx-lib."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

from ewaldite.diffuse.scaling.layout import Layout
from ewaldite.diffuse.scaling.options import Smoothness
from ewaldite.diffuse.scaling.penalty import Penalty, penalty_of
from ewaldite.diffuse.scaling.program import OUTLIERS, ProgramStep

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Measured:
    """Intensities with standard deviations, in the order of any table.

    Attributes
    ----------
    intensity, sigma:
        dims (observation), counts/mrad²/s, float64.
    voxel, batch:
        Numbers of the voxel and of the batch, from 0; dims (observation), int64.
    columns:
        ``ix``, ``iy``, ``iz``, ``s``, ``panel``; dims (observation), float64.
    """

    intensity: FloatArray
    sigma: FloatArray
    voxel: IntArray
    batch: IntArray
    columns: dict[str, FloatArray]


@dataclass(frozen=True)
class Round:
    """One iteration of a step.

    Attributes
    ----------
    name:
        Of the step.
    mean_square:
        Of the residuals of each batch at its end; dims (batch).
    rejected:
        Observations that are rejected.
    """

    name: str
    mean_square: FloatArray
    rejected: int


@dataclass
class Alternating:
    """Control points and merged intensities that are refined in turn.

    With all but one term fixed, ``I = a d (b I0 + c)`` is linear in the coefficients p of that
    term, ``I = F M p + rest``, where M interpolates and F is ``a d I0`` for b, ``a d`` for c,
    ``d (b I0 + c)`` for a and ``a (b I0 + c)`` for d. The step minimises
    ``|(F M p + rest - I) / σ|² + Σ λ |B p|²`` with the standard deviations that hold now.

    Attributes
    ----------
    data:
        The observations.
    layout:
        Coefficients of the model.
    smoothness:
        Relative weights of the penalty.
    p:
        Coefficients; dims (coefficient).
    weight:
        1/σ, 0 for what is rejected; dims (observation), float64.
    """

    data: Measured
    layout: Layout
    smoothness: Smoothness
    p: FloatArray = field(init=False)
    weight: FloatArray = field(init=False)
    penalty: Penalty = field(init=False)
    history: list[Round] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.p = self.layout.vector()
        self.weight = 1 / self.data.sigma
        self._matrices = {term: self._interpolation(term) for term in "abcd"}
        squares = np.zeros(self.layout.size)
        for term in self.terms:
            design, _ = self.design(term, self.merged())
            squares[self._where(term)] = np.asarray(design.power(2).sum(axis=0)).ravel()
        self.penalty = penalty_of(self.layout, self.smoothness, squares)

    @property
    def terms(self) -> list[str]:
        """Terms of the model."""
        return [term for term in "abcd" if self.layout.of(term)]

    def values(self, term: str) -> FloatArray:
        """A term at the observations; dims (observation)."""
        if term not in self.terms:
            return np.full(self.data.intensity.size, 0.0 if term == "c" else 1.0)
        return np.asarray(self._matrices[term] @ self.p[self._where(term)])

    def merged(self) -> FloatArray:
        """Merged intensity of the voxel of each observation; dims (observation)."""
        a, b, c, d = (self.values(term) for term in "abcd")
        scale = a * b * d
        w = (scale * self.weight) ** 2
        voxel = self.data.voxel
        top = np.bincount(voxel, w * (self.data.intensity / scale - c / b))
        bottom = np.bincount(voxel, w)
        mean = np.divide(top, bottom, out=np.zeros(bottom.size), where=bottom > 0)
        return np.asarray(mean[voxel])

    def residuals(self, merged: FloatArray) -> FloatArray:
        """``(I - a d (b I0 + c)) / σ``, 0 where rejected; dims (observation)."""
        a, b, c, d = (self.values(term) for term in "abcd")
        return np.asarray((self.data.intensity - a * d * (b * merged + c)) * self.weight)

    def target(self) -> float:
        """The regularised target, merged afresh."""
        return float(np.sum(self.residuals(self.merged()) ** 2)) + self.penalty(self.p)

    def design(self, term: str, merged: FloatArray) -> tuple[sparse.csr_matrix, FloatArray]:
        """Matrix A and right side y of the linear problem of a term, both over σ."""
        a, b, c, d = (self.values(name) for name in "abcd")
        factor = {
            "a": d * (b * merged + c),
            "b": a * d * merged,
            "c": a * d,
            "d": a * (b * merged + c),
        }[term]
        rest = {"b": a * d * c, "c": a * d * b * merged}.get(term, np.zeros_like(a))
        matrix = sparse.diags_array(factor * self.weight) @ self._matrices[term]
        return sparse.csr_matrix(matrix), (self.data.intensity - rest) * self.weight

    def solve(self, term: str, merged: FloatArray) -> FloatArray:
        """Coefficients of a term that fit best, all else fixed; dims (coefficient)."""
        where = self._where(term)
        design, right = self.design(term, merged)
        penalty = self.penalty.matrix[where, where]
        normal = sparse.csc_matrix(design.T @ design + penalty)
        known = normal.diagonal() > 0
        unknown = sparse.diags_array((~known).astype(float))
        constant = penalty @ self.penalty.centre[where]
        constant = constant + np.where(known, 0.0, self.p[where])
        return np.asarray(splu(normal + unknown).solve(design.T @ right + constant))

    def run(self, program: Sequence[ProgramStep]) -> None:
        """Go through a program."""
        for step in program:
            if step.name == OUTLIERS:
                self.reject(step.tolerance)
            elif all(term in self.terms for term in step.name):
                self.iterate(step)

    def iterate(self, step: ProgramStep) -> None:
        """Refine the terms of a step in turn, until the mean square residual rests."""
        last = np.inf
        for _ in range(step.iterations):
            merged = self.merged()
            for term in step.name:
                self.p[self._where(term)] = self.solve(term, merged)
            square = self.mean_square(self.residuals(merged))
            self.history.append(Round(step.name, square, self.rejected))
            if self.rests(last, float(square.mean()), step.tolerance):
                break
            last = float(square.mean())

    def rests(self, last: float, now: float, tolerance: float) -> bool:
        """Whether the mean square residual has changed relatively by less than tolerance."""
        return abs(last - now) < tolerance * now

    def reject(self, sigma: float) -> FloatArray:
        """Reject what is beyond a multiple of the rms residual of its batch, on either side.

        Returns
        -------
        :
            Largest absolute residual that is kept; dims (batch).
        """
        residual = self.residuals(self.merged())
        cut = sigma * np.sqrt(self.mean_square(residual))
        self.weight = np.where(np.abs(residual) > cut[self.data.batch], 0.0, self.weight)
        self.history.append(Round(OUTLIERS, (cut / sigma) ** 2, self.rejected))
        return np.asarray(cut)

    @property
    def rejected(self) -> int:
        """Number of rejected observations."""
        return int(np.count_nonzero(self.weight == 0))

    def mean_square(self, residual: FloatArray) -> FloatArray:
        """Mean square residual of what is kept; dims (batch)."""
        batch, kept = self.data.batch, self.weight > 0
        size = len(self.layout.model.batches)
        number = np.bincount(batch[kept], minlength=size)
        return np.asarray(
            np.bincount(batch, residual**2, minlength=size) / np.maximum(number, 1)
        )

    def _where(self, term: str) -> slice:
        found = self.layout.of(term)
        return slice(found[0][2].start, found[-1][2].stop)

    def _interpolation(self, term: str) -> sparse.csr_matrix:
        """Weights of all coefficients of a term at the observations."""
        found = self.layout.of(term)
        size = self.data.intensity.size
        if not found:
            return sparse.csr_matrix((size, 0))
        columns = self.data.columns
        if len(found) == 1:
            points = found[0][1]
            return points.matrix(*(columns[name] for name in points.names))
        order, blocks = [], []
        for j, (_, points, _) in enumerate(found):
            rows = np.flatnonzero(self.data.batch == j)
            order.append(rows)
            blocks.append(points.matrix(*(columns[name][rows] for name in points.names)))
        back = np.argsort(np.concatenate(order))
        return sparse.block_diag(blocks, format="csr")[back]
