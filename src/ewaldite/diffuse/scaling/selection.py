"""Which terms of the model the data justify."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.scaling.table import ScalingTable

FloatArray = NDArray[np.float64]
Residuals = Callable[[ScalingTable, ScalingTable, Collection[str]], FloatArray]

#: Terms that may be added to b, in the order in which they are tried.
CANDIDATES = ("c", "a", "d")
# Residuals count as at most so many standard deviations, as outliers are not the model's
_LARGEST = 5.0


@dataclass(frozen=True)
class Choice:
    """A term that was tried.

    Attributes
    ----------
    term:
        Which.
    without, with_it:
        Mean square residual of halves that had no part in the refinement.
    error:
        Standard error of their difference.
    kept:
        Whether the term stays.
    """

    term: str
    without: float
    with_it: float
    error: float
    kept: bool

    def __str__(self) -> str:
        verdict = "stays" if self.kept else "is left out"
        return (
            f"term {self.term} {verdict}: mean square residual of the other half "
            f"{self.without:.4f} without, {self.with_it:.4f} with it (± {self.error:.4f})"
        )


def choose_terms(
    table: ScalingTable,
    residuals: Residuals,
    *,
    always: Collection[str],
    candidates: Sequence[str] = CANDIDATES,
    most: int,
    rng: np.random.Generator,
) -> tuple[list[str], list[Choice]]:
    """Keep the terms that lower the cross-validated residual of half sets.

    The voxels are dealt into halves. A model refined on one half is applied to the other, where
    only intensities are merged; both ways. A term stays if it lowers the mean square
    residual there by more than the standard error of the difference. Terms are added one after
    another, and those that came early are tried again at the end.

    Parameters
    ----------
    table:
        Observations; a random part of the voxels is taken if there are very many.
    residuals:
        Refines on the first table with the given terms, and gives the standardized residuals
        of the second; dims (observation).
    always:
        Terms that are on.
    candidates:
        Terms that are tried, in their order.
    most:
        Most observations to take.
    rng:
        Deals the voxels.

    Returns
    -------
    :
        The terms, and what was tried.
    """
    order = rng.permutation(table.voxels)
    share = min(1.0, most / max(len(table), 1))
    order = order[: max(int(share * table.voxels), min(table.voxels, 2))]
    halves = [table.select(np.sort(order[i::2])) for i in range(2)]
    terms = list(always)
    best = _scores(halves, residuals, terms)
    tried: dict[str, Choice] = {}
    for term in candidates:
        if term not in terms:
            found = _scores(halves, residuals, [*terms, term])
            tried[term] = _choice(term, best, found)
            if tried[term].kept:
                terms.append(term)
                best = found
    # a term that came early may have stood in for one that came later
    for term in [t for t in terms[:-1] if t in tried]:
        others = [t for t in terms if t != term]
        found = _scores(halves, residuals, others)
        tried[term] = _choice(term, found, best)
        if not tried[term].kept:
            terms, best = others, found
    return terms, list(tried.values())


def _choice(term: str, without: FloatArray, with_it: FloatArray) -> Choice:
    """Compare the squares of residuals without and with a term; dims (observation)."""
    if without.size == 0:
        return Choice(term, float("nan"), float("nan"), float("inf"), kept=False)
    gain = without - with_it
    error = float(gain.std() / np.sqrt(gain.size))
    kept = float(gain.mean()) > error
    return Choice(term, float(without.mean()), float(with_it.mean()), error, kept)


def _scores(
    halves: list[ScalingTable], residuals: Residuals, terms: Collection[str]
) -> FloatArray:
    """Squares of the residuals of both halves, each with the model of the other."""
    found = [residuals(halves[i], halves[1 - i], terms) for i in range(2)]
    return np.minimum(np.concatenate(found).astype(np.float64) ** 2, _LARGEST**2)
