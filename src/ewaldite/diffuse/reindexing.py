"""Indexing ambiguity: which of its equivalent bases each crystal was given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipp as sc
from numpy.typing import ArrayLike, NDArray

from ewaldite.crystal.cell import orthogonalization
from ewaldite.crystal.reindex import (
    IDENTITY,
    TOLERANCE,
    operator_name,
    reindexed_cell,
    reindexing_operators,
    same_cell,
)
from ewaldite.crystal.symmetry import SpaceGroup, check_cell
from ewaldite.diffuse.evidence import Evidence, bragg_relief, diffuse_relief
from ewaldite.diffuse.observations import Observations
from ewaldite.diffuse.reindex_decision import Decision
from ewaldite.diffuse.reindexed import reindexed
from ewaldite.errors import UserError

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

#: Standard deviations by which the best operator must beat the second.
SIGNIFICANCE = 3.0
#: Voxels in common below which two crystals say nothing of each other.
LEAST_COMMON = 20
# Passes of each against all others
_ROUNDS = 5


def resolve(
    observations: Observations | Callable[[int], Observations],
    group: SpaceGroup,
    cells: ArrayLike,
    *,
    given: Mapping[int, IntArray] | None = None,
    bragg: sc.DataArray | None = None,
    names: Sequence[str] = (),
    tolerance: float = TOLERANCE,
    significance: float = SIGNIFICANCE,
) -> tuple[Decision, ...]:
    """Find for every batch the operator with which it agrees best with the others.

    The evidence is the anisotropic part of the intensity, and Bragg intensities where they are
    given, both relative to their spread in a shell of |s|; see
    :class:`~ewaldite.diffuse.evidence.Evidence`. Batches are added one by one to a growing
    reference, the most certain one first; then each is compared with all others, until
    nothing changes. (For very many crystals of small overlap, clustering of all pairwise
    correlations is known to do better: Brehm & Diederichs, Acta Cryst. D70 (2014) 101.)

    Parameters
    ----------
    observations:
        Unmerged table; ``sweep`` says which batch a row is of. Or what gives the table of a
        batch, which is asked only where there is a choice.
    group:
        Space group of the crystals.
    cells:
        Mean cell of each batch as it was indexed; dims (batch, 6), Å and degrees.
    given:
        Operators that are known, by number of the batch.
    bragg:
        Bragg table with coordinates ``h``, ``k``, ``l``, ``sweep``; masked rows are left out.
    names:
        Of the batches, for messages.
    tolerance:
        Largest relative difference of a cell constant, after reindexing.
    significance:
        Standard deviations of Fisher's z by which the best operator must beat the second.

    Returns
    -------
    :
        One decision a batch.

    Raises
    ------
    UserError
        No operator makes the cell of a batch that of the first (or of the first that is
        given), within the tolerance; or the space group does not allow that cell.
    """
    lattice = np.asarray(cells, dtype=np.float64)
    fixed = dict(given or {})
    called = list(names) or [str(i) for i in range(len(lattice))]
    first = min(fixed, default=0)
    reference = reindexed_cell(lattice[first], fixed.get(first, IDENTITY))
    check_cell(reference, group)
    candidates = [
        _candidates(group, cell, reference, fixed.get(i), tolerance, called[i], called[first])
        for i, cell in enumerate(lattice)
    ]
    if not any(len(c) > 1 for i, c in enumerate(candidates) if i != first):
        return tuple(_settled(c, i in fixed, i == first) for i, c in enumerate(candidates))
    inverse = np.linalg.inv(orthogonalization(reference))
    metric = inverse @ inverse.T
    evidence = []
    for i, own in enumerate(candidates):
        if isinstance(observations, Observations):
            rows = observations.select(observations.sweep == i)
        else:
            rows = observations(i)
        evidence.append(
            [
                Evidence(
                    (
                        diffuse_relief(reindexed(rows, {i: m}), group),
                        bragg_relief(bragg, group, i, m, metric),
                    )
                )
                for m in own
            ]
        )
    chosen = _grow(evidence, first, fixed, significance)
    for _ in range(_ROUNDS):
        before = dict(chosen)
        for i in range(len(candidates)):
            if i != first and i not in fixed:
                chosen[i] = _compare(evidence, i, chosen, significance).best
        if chosen == before:
            break
    return tuple(
        _decision(candidates[i], evidence, i, chosen, i in fixed, i == first, significance)
        for i in range(len(candidates))
    )


def likest_cells(
    group: SpaceGroup,
    cells: ArrayLike,
    reference: ArrayLike,
    given: Mapping[int, IntArray],
    names: Sequence[str],
    tolerance: float = TOLERANCE,
) -> FloatArray:
    """Cells of the batches, each in the basis in which it is most like the reference.

    Parameters
    ----------
    group, given, names, tolerance:
        As in :func:`resolve`.
    cells:
        As they were indexed; dims (batch, 6), Å and degrees.
    reference:
        dims (6), Å and degrees.

    Returns
    -------
    :
        dims (batch, 6), Å and degrees, float64.

    Raises
    ------
    UserError
        No operator makes the cell of a batch that of the reference.
    """
    aim = np.asarray(reference, dtype=np.float64)
    first = names[min(given, default=0)]
    out = []
    for i, cell in enumerate(np.asarray(cells, dtype=np.float64)):
        operators = _candidates(group, cell, aim, given.get(i), tolerance, names[i], first)
        found = [reindexed_cell(cell, m) for m in operators]
        out.append(min(found, key=lambda c: float(np.abs(c / aim - 1).max())))
    return np.array(out)


def _candidates(
    group: SpaceGroup,
    cell: FloatArray,
    reference: FloatArray,
    given: IntArray | None,
    tolerance: float,
    name: str,
    first: str,
) -> tuple[IntArray, ...]:
    if given is not None:
        found: tuple[IntArray, ...] = (given,)
        if not same_cell(reindexed_cell(cell, given), reference, tolerance):
            found = ()
    else:
        found = reindexing_operators(group, cell, reference, tolerance)
    if found:
        return found
    shown = [" ".join(f"{x:.2f}" for x in c) for c in (cell, reference)]
    after = "" if given is None else f", reindexed by {operator_name(given)},"
    raise UserError(
        f"merge {name} with {first}",
        f"no basis of its cell {shown[0]}{after} is like {shown[1]} within {tolerance:.0%}",
        "Merge crystals of one form only: give the others a configuration each.",
    )


def _settled(candidates: tuple[IntArray, ...], given: bool, first: bool) -> Decision:
    why = "given" if given else "first" if first and len(candidates) > 1 else "only one"
    operator = candidates[0]
    return Decision(
        operator,
        tuple(operator_name(m) for m in candidates),
        np.full(len(candidates), np.nan),
        np.zeros(len(candidates), dtype=np.int64),
        np.nan,
        why,
    )


@dataclass(frozen=True)
class _Comparison:
    """A batch under each candidate against a reference."""

    correlation: FloatArray
    common: IntArray
    significance: float
    best: int
    why: str


def _compare(
    evidence: list[list[Evidence]], batch: int, chosen: Mapping[int, int], significance: float
) -> _Comparison:
    others = Evidence.join([evidence[i][m] for i, m in chosen.items() if i != batch])
    pairs = [own.correlation(others) for own in evidence[batch]]
    cc = np.array([p[0] for p in pairs])
    common = np.array([p[1] for p in pairs], dtype=np.int64)
    free = np.array([p[2] for p in pairs])
    cc[free < LEAST_COMMON] = np.nan
    if len(cc) == 1:
        return _Comparison(cc, common, np.nan, 0, "only one")
    known = np.isfinite(cc)
    if known.sum() < 2:
        return _Comparison(cc, common, np.nan, 0, "no overlap")
    score = np.where(known, np.arctanh(np.clip(cc, -0.999999, 0.999999)), -np.inf)
    best, second = np.argsort(score)[::-1][:2]
    spread = np.sqrt(1.0 / (free[best] - 3) + 1.0 / (free[second] - 3))
    sigma = float((score[best] - score[second]) / spread)
    if sigma < significance or cc[best] <= 0:
        return _Comparison(cc, common, sigma, 0, "tie")
    return _Comparison(cc, common, sigma, int(best), "correlation")


def _grow(
    evidence: list[list[Evidence]],
    first: int,
    fixed: Mapping[int, IntArray],
    significance: float,
) -> dict[int, int]:
    """Choose batch after batch, always the one whose choice is most certain."""
    chosen = {first: 0} | {
        i: 0 for i, own in enumerate(evidence) if i in fixed or len(own) == 1
    }
    while len(chosen) < len(evidence):
        rest = [i for i in range(len(evidence)) if i not in chosen]
        found = {i: _compare(evidence, i, chosen, significance) for i in rest}
        sure = max(rest, key=lambda i: np.nan_to_num(found[i].significance, nan=-1.0))
        chosen[sure] = found[sure].best
    return chosen


def _decision(
    candidates: tuple[IntArray, ...],
    evidence: list[list[Evidence]],
    batch: int,
    chosen: Mapping[int, int],
    given: bool,
    first: bool,
    significance: float,
) -> Decision:
    found = _compare(evidence, batch, chosen, significance)
    why = "given" if given else "first" if first else found.why
    return Decision(
        candidates[chosen[batch]],
        tuple(operator_name(m) for m in candidates),
        found.correlation,
        found.common,
        found.significance,
        why,
    )
