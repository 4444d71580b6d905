"""Joint refinement of all terms and batches: robust Gauss-Newton without the intensities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.scaling.gradients import Step, conjugate_gradients
from ewaldite.diffuse.scaling.penalty import Penalty, adapted, penalty_of
from ewaldite.diffuse.scaling.problem import Joint
from ewaldite.diffuse.scaling.weights import Weights

FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]

# Largest relative decrease of a factor in one iteration
_SHRINK = 0.75
_MOST_GRADIENTS = 60
_HALVINGS = 8
# Gradients stop at this part of the tolerance, or of their own gain
_ENOUGH = 0.05
_SHARE = 0.02
# Predictions rest when they change by this multiple of the tolerance of the target
_PARAMETERS = 20.0
# Weights are final when rejected rows and rms change by less, relatively
_SETTLED = 1e-3
# Most changes of the weights of smoothness, and logarithm of a ratio that is none
_ADAPTATIONS = 7
_ALIKE = 0.3
# Logarithm of a ratio at which the preconditioner is made anew
_REFACTOR = 2.0


@dataclass(frozen=True)
class Iteration:
    """One iteration, for the record.

    Attributes
    ----------
    target:
        ``Σ r² + penalty`` before it.
    decrease:
        Of the target, with the same weights and mask, by the step.
    rms:
        Root mean square of the residuals that are kept.
    change:
        Rms change of predicted counts by the step, relative to their rms, both in standard
        deviations.
    rejected:
        Observations that are rejected.
    products:
        Multiplications by the normal matrix.
    """

    target: float
    decrease: float
    rms: float
    change: float
    rejected: int
    products: int

    def __str__(self) -> str:
        return (
            f"target {self.target:.1f} falls by {self.decrease:.2f}; rms residual "
            f"{self.rms:.4f}, predictions change by {self.change:.1e}, "
            f"{self.rejected} rejected"
        )


@dataclass(frozen=True)
class Fit:
    """Result of a refinement.

    Attributes
    ----------
    p:
        Coefficients; dims (coefficient).
    weights:
        Final weights, residuals and rejections.
    intensity:
        Merged; dims (voxel).
    penalty:
        Of the last iterations.
    history:
        Iterations.
    converged:
        Whether target and parameters came to rest.
    """

    p: FloatArray
    weights: Weights
    intensity: FloatArray
    penalty: Penalty
    history: tuple[Iteration, ...]
    converged: bool


def refine(
    problem: Joint,
    weights: Weights,
    p: FloatArray,
    *,
    iterations: int,
    tolerance: float,
    penalty: Penalty | None = None,
    keep_weights: bool = False,
    adapt: bool = False,
    tell: Callable[[Iteration], None] | None = None,
) -> Fit:
    """Minimise ``Σ ((signal - e a d (b D I + c)) / σ)² + Σ λ |B p|²`` over all p and I.

    Every iteration predicts the variances from the current model and decides which
    observations are rejected, linearises, eliminates the intensities voxel by voxel, and
    solves for a step of all coefficients by conjugate gradients; the step is halved until it
    lowers the target. The weights of smoothness, if the data set them, follow for some
    iterations and then stay.

    Parameters
    ----------
    problem:
        Observations and coefficients.
    weights:
        Weights to begin with; they are updated.
    p:
        Coefficients to begin with; dims (coefficient).
    iterations, tolerance:
        Most iterations; it ends when the target and the predicted counts change relatively by
        less.
    penalty:
        Penalty to keep; None to derive it from the data.
    keep_weights:
        Use the weights as they are.
    adapt:
        Let the data set the weights of smoothness, see
        :func:`~ewaldite.diffuse.scaling.penalty.adapted`.
    tell:
        Is called with every iteration.

    Returns
    -------
    :
        The refined coefficients.
    """
    history: list[Iteration] = []
    free = 1.0 - problem.table.voxels / max(len(problem.table), 1)
    settled, fresh, converged = keep_weights, False, False
    factored = penalty
    # weights that come from a part of the data hardly change any more
    ripe = weights.rms > 0
    total = 0.0
    for n in range(iterations):
        if not settled:
            before = weights.rejected if n else -1, weights.rms
            weights.update(p)
            settled = ripe or (n > 0 and _same(before, (weights.rejected, weights.rms)))
            fresh = False
        if not fresh:
            total = problem.linearise(p, weights.weight)
        if n < 2:
            squares = problem.squares()
        if penalty is None:
            penalty = penalty_of(problem.layout, problem.smoothness, squares, curvature=adapt)
        elif adapt and n > 0:
            scatter = max(weights.rms, 1.0) ** 2
            last = penalty
            penalty = adapted(problem.layout, penalty, p, squares, free, scatter)
            adapt = n < _ADAPTATIONS and not _alike(last, penalty)
        if n < 2 or factored is None or not _alike(factored, penalty, _REFACTOR):
            factored = penalty
            invert = problem.preconditioner(squares, penalty)
        target = total + penalty(p)
        step = _step(problem, penalty, invert, p, target, tolerance)
        p, total, gained, part = _along(problem, weights, penalty, p, step.x, target)
        scale = float(np.sum(weights.weight**2 * problem.table.signal**2, dtype=np.float64))
        change = part * np.sqrt(max(step.decrease, 0.0) / scale) if scale else 0.0
        record = Iteration(
            target, gained, weights.rms, change, weights.rejected, step.iterations
        )
        history.append(record)
        if tell is not None:
            tell(record)
        fresh = True
        small = gained <= tolerance * target and change <= _PARAMETERS * tolerance
        if settled and small and not adapt:
            converged = True
            break
    assert penalty is not None
    return Fit(p, weights, problem.intensity.copy(), penalty, tuple(history), converged)


def _same(before: tuple[int, float], after: tuple[int, float]) -> bool:
    """Whether rejections and rms came to rest."""
    moved = abs(after[0] - before[0]) > _SETTLED * max(before[0], 1 / _SETTLED)
    return not moved and abs(after[1] - before[1]) <= _SETTLED * before[1]


def _alike(one: Penalty, other: Penalty, most: float = _ALIKE) -> bool:
    """Whether the logarithms of the weights of smoothness differ by less."""
    pairs = zip(one.parts, other.parts, strict=True)
    return all(
        a.factor == b.factor or abs(np.log(a.factor / b.factor)) < most for a, b in pairs
    )


def _step(
    problem: Joint,
    penalty: Penalty,
    invert: Callable[[FloatArray], FloatArray],
    p: FloatArray,
    target: float,
    tolerance: float,
) -> Step:
    """Solve for the Gauss-Newton step; see :func:`refine`."""

    def multiply(v: FloatArray) -> FloatArray:
        v = problem.level(v)
        return problem.level(problem.multiply(v) + penalty.matrix @ v)

    step = conjugate_gradients(
        multiply,
        problem.level(problem.gradient - penalty.slope(p)),
        invert,
        enough=_ENOUGH * tolerance * target,
        share=_SHARE,
        most=_MOST_GRADIENTS,
    )
    return replace(step, x=problem.level(step.x))


def _along(
    problem: Joint,
    weights: Weights,
    penalty: Penalty,
    p: FloatArray,
    step: FloatArray,
    target: float,
) -> tuple[FloatArray, float, float, float]:
    """Go along a step as far as it lowers the target.

    Returns
    -------
    :
        Coefficients, ``Σ r²``, decrease of the target, part of the step that was gone.
    """
    step = step.copy()
    for _, _, where in problem.layout.of("a", "b", "d"):
        step[where] = np.maximum(step[where], -_SHRINK * p[where])
    part = 1.0
    for _ in range(_HALVINGS):
        tried = p + part * step
        total = problem.linearise(tried, weights.weight)
        gained = target - total - penalty(tried)
        if gained >= 0:
            return tried, total, gained, part
        part /= 2
    return p, problem.linearise(p, weights.weight), 0.0, 0.0
