"""The refinement with the habits of mdx-lib, to be switched on one by one.

They are here to show that its whole history follows from them, not to be used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ewaldite.diffuse.scaling.alternating import Alternating

#: All of them.
HABITS = frozenset({"stale sigma", "no a d", "clipped c", "rms of all", "absolute change"})


@dataclass
class MdxLib(Alternating):
    """Alternating refinement with habits.

    * stale sigma: the matrix of c keeps the sigmas of its making, so that rejected observations
      pull c towards zero
    * no a d: the matrix of c lacks the factor a d of the model
    * clipped c: negative c is set to 0 after every fit, and the smallest c of the observations
      of a batch is taken from it
    * rms of all: rejected observations count, with residual 0, in the rms
    * absolute change: a step ends when the mean square residual changes absolutely by less
    """

    habits: frozenset[str] = HABITS

    def __post_init__(self) -> None:
        self._made = 1 / self.data.sigma
        super().__post_init__()
        self.squares: list[np.ndarray] = []

    def design(self, term: str, merged: np.ndarray) -> tuple[sparse.csr_matrix, np.ndarray]:
        design, right = super().design(term, merged)
        if term == "c":
            weight = self._made if "stale sigma" in self.habits else self.weight
            factor = 1.0 if "no a d" in self.habits else self.values("a") * self.values("d")
            matrix = sparse.diags_array(factor * weight) @ self._matrices["c"]
            return sparse.csr_matrix(matrix), right
        return design, right

    def solve(self, term: str, merged: np.ndarray) -> np.ndarray:
        design, right = self.design(term, merged)
        found = super().solve(term, merged)
        self._last = self._mean(design @ found - right)
        if term == "c" and "clipped c" in self.habits:
            found = np.maximum(found, 0)
            seen = self._matrices["c"] @ found
            for j, (_, _, where) in enumerate(self.layout.of("c")):
                local = slice(where.start - self._where("c").start, None)
                local = slice(local.start, local.start + where.stop - where.start)
                found[local] -= seen[self.data.batch == j].min()
        return found

    def rests(self, last: float, now: float, tolerance: float) -> bool:
        self.squares.append(self._last)
        if "absolute change" in self.habits:
            return abs(last - float(self._last.mean())) < tolerance
        return super().rests(last, now, tolerance)

    def iterate(self, step):  # type: ignore[no-untyped-def]
        self.squares = []
        last = np.inf
        for _ in range(step.iterations):
            merged = self.merged()
            for term in step.name:
                self.p[self._where(term)] = self.solve(term, merged)
            done = self.rests(last, np.nan, step.tolerance)
            last = float(self._last.mean())
            if done:
                break

    def mean_square(self, residual: np.ndarray) -> np.ndarray:
        return (
            self._mean(residual)
            if "rms of all" in self.habits
            else super().mean_square(residual)
        )

    def _mean(self, residual: np.ndarray) -> np.ndarray:
        number = np.bincount(self.data.batch)
        return np.bincount(self.data.batch, residual**2) / number
