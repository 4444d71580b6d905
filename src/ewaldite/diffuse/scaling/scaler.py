"""Refinements that belong to one run of scaling."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.scaling.alternating import Alternating, Measured
from ewaldite.diffuse.scaling.joint import Fit, Iteration, refine
from ewaldite.diffuse.scaling.layout import Layout
from ewaldite.diffuse.scaling.nodes import Nodes
from ewaldite.diffuse.scaling.options import ScaleOptions
from ewaldite.diffuse.scaling.penalty import Penalty
from ewaldite.diffuse.scaling.prescale import Prescale
from ewaldite.diffuse.scaling.problem import Joint
from ewaldite.diffuse.scaling.table import ScalingTable
from ewaldite.diffuse.scaling.weights import Weights
from ewaldite.run.memory import give_back

FloatArray = NDArray[np.float64]

# A part of the observations goes ahead if it is at most a third of all, and holds so many, and
# so many for each coefficient
_AHEAD = 60_000
_AHEAD_PER_POINT = 15


@dataclass(frozen=True)
class Scaler:
    """What the refinements of one run of scaling share.

    Attributes
    ----------
    options, degrees_per_frame, prescale:
        Options; rotation per frame, dims (batch), degrees; start.
    rng:
        Chooses the part that goes ahead.
    """

    options: ScaleOptions
    degrees_per_frame: FloatArray
    prescale: Prescale
    rng: np.random.Generator

    def layout(self, table: ScalingTable, terms: Collection[str]) -> Layout:
        """Control points of some terms, prescaled."""
        nodes = Nodes(table, self.options, self.degrees_per_frame, information(table))
        return Layout(self.prescale.apply(nodes.model(terms)))

    def fit(
        self,
        table: ScalingTable,
        layout: Layout,
        tell: Callable[[Iteration], None] | None = None,
    ) -> tuple[Joint, Fit]:
        """Refine all terms at once; a random part of many voxels goes ahead."""
        p = layout.vector()
        rms, penalty = 0.0, None
        part = max(_AHEAD, _AHEAD_PER_POINT * layout.size) / max(len(table), 1)
        if part <= 1 / 3:
            number = int(part * table.voxels)
            chosen = np.sort(self.rng.choice(table.voxels, number, replace=False))
            ahead = self._refined(table.select(chosen), layout, p, rms, None, None)[1]
            p, rms, penalty = ahead.p, ahead.weights.rms, ahead.penalty
            del ahead
            give_back()
        return self._refined(table, layout, p, rms, penalty, tell)

    def _refined(
        self,
        table: ScalingTable,
        layout: Layout,
        p: FloatArray,
        rms: float,
        penalty: Penalty | None,
        tell: Callable[[Iteration], None] | None,
    ) -> tuple[Joint, Fit]:
        options = self.options
        problem = Joint(table, layout, options.smoothness)
        weights = Weights(table, problem.places, self.prescale.rate, options.outlier_sigma)
        weights.rms = rms
        fit = refine(
            problem,
            weights,
            p,
            iterations=options.iterations,
            tolerance=options.tolerance,
            penalty=penalty,
            adapt=options.adapt_smoothness and penalty is None,
            tell=tell,
        )
        return problem, fit

    def residuals(
        self, refined: ScalingTable, other: ScalingTable, terms: Collection[str]
    ) -> FloatArray:
        """Standardized residuals of one table with the model of another."""
        layout = self.layout(refined, terms)
        _, fit = self.fit(refined, layout)
        rate, cut = self.prescale.rate, self.options.outlier_sigma
        weights = Weights(other, layout.places(other), rate, cut)
        weights.update(fit.p)
        return weights.residual.astype(np.float64)

    def alternate(self, table: ScalingTable, layout: Layout) -> tuple[Joint, Fit]:
        """Refine term after term by the program, with variances predicted by the start."""
        problem = Joint(table, layout, self.options.smoothness)
        weights = Weights(table, problem.places, self.prescale.rate, None)
        weights.update(layout.vector())
        fit = Alternating(measured_of(table, weights), layout, self.options.smoothness)
        history = []
        for step in self.options.steps:
            before = fit.target()
            p = fit.p.copy()
            fit.run([step])
            after = fit.target()
            change = float(np.linalg.norm(fit.p - p) / np.linalg.norm(p)) if p.any() else 0.0
            rms = float(np.sqrt(fit.history[-1].mean_square.mean())) if fit.history else 1.0
            history.append(Iteration(before, before - after, rms, change, fit.rejected, 0))
        weights.update(fit.p)
        weights.weight[fit.weight == 0] = 0.0
        problem.linearise(fit.p, weights.weight)
        done = Fit(fit.p, weights, problem.intensity, fit.penalty, tuple(history), True)
        return problem, done


def information(table: ScalingTable) -> FloatArray:
    """Squared signal over noise of each batch: its counts, less those lost to background.

    Parameters
    ----------
    table:
        Observations.

    Returns
    -------
    :
        dims (batch), float64.
    """
    size = len(table.batches)
    if table.sigma is not None:
        ratio = (table.signal / table.sigma) ** 2
        return np.asarray(np.bincount(table.batch, ratio, minlength=size), dtype=np.float64)
    signal = np.maximum(np.bincount(table.batch, table.signal, minlength=size), 0.0)
    dark = np.maximum(np.bincount(table.batch, table.dark, minlength=size), 0.0)
    both = signal + dark
    return np.asarray(np.divide(signal**2, both, out=np.zeros(size), where=both > 0))


def measured_of(table: ScalingTable, weights: Weights) -> Measured:
    """Intensities with standard deviations, in the order of a compact table.

    Parameters
    ----------
    table:
        Observations.
    weights:
        1/σ of their counts; none is rejected.

    Returns
    -------
    :
        What alternating refinement takes.
    """
    columns = {name: getattr(table, name) for name in ("ix", "iy", "iz", "panel")}
    columns["s"] = table.length
    exposure = table.exposure.astype(np.float64)
    return Measured(
        intensity=table.signal / exposure,
        sigma=1 / (weights.weight.astype(np.float64) * exposure),
        voxel=np.repeat(np.arange(table.voxels), np.diff(table.start)),
        batch=table.batch.astype(np.int64),
        columns={name: values.astype(np.float64) for name, values in columns.items()},
    )
