"""Levels that the data leave open, fixed by convention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.scaling.basis import ControlPoints
from ewaldite.diffuse.scaling.model import ScalingModel

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Gauge:
    """How merged intensities change when a model is brought to the gauge.

    ``I' = factor exp(-B₀ s² / 2) I + m(s)``.

    Attributes
    ----------
    factor:
        Mean of b before.
    relative_b:
        Smallest B before, B₀, Å².
    s, offset:
        Lengths of s, 1/Å, and what was added there, m, counts/mrad²/s; dims (node).
    """

    factor: float = 1.0
    relative_b: float = 0.0
    s: FloatArray = field(default_factory=lambda: np.zeros(1))
    offset: FloatArray = field(default_factory=lambda: np.zeros(1))

    def __call__(self, intensity: FloatArray, length: FloatArray) -> FloatArray:
        """Merged intensities in the gauge.

        Parameters
        ----------
        intensity:
            dims (voxel), counts/mrad²/s, float64.
        length:
            Length of s; dims (voxel), 1/Å.

        Returns
        -------
        :
            dims (voxel), counts/mrad²/s, float64.
        """
        damped = self.factor * np.exp(-0.5 * self.relative_b * length**2) * intensity
        return np.asarray(damped + np.interp(length, self.s, self.offset))


def to_gauge(model: ScalingModel) -> tuple[ScalingModel, Gauge]:
    """Bring a model to the gauge, without changing what it predicts.

    * The mean of a over the detector is 1 on every node of iz, and the mean of d is 1; b and c
      take up the factors.
    * The mean of b over the nodes of all batches is 1; the merged intensities take it up.
    * The smallest relative B is 0; so do they.
    * On every node of the length of s the smallest ``c / (b D)`` of all batches and nodes of iz
      is 0. So the isotropic part of the merged intensities is as large as it can be without a
      negative offset: a convention, since an offset that all observations share cannot be told
      from the crystal.

    The factors of d, b and B are exact everywhere. Those of a and the offset are exact on the
    nodes; between them, a product of linear functions is not linear, and the prediction changes
    by the product of the changes within a step. The offset is also taken for one length of
    s in a voxel, though its observations differ slightly in theirs. A model without b
    keeps the levels of a and d.

    Parameters
    ----------
    model:
        The model.

    Returns
    -------
    :
        The model in the gauge, and what happens to merged intensities.
    """
    if "b" in model.terms:
        model = _level_a(model)
        model = _level_d(model)
    model, factor = _level_b(model)
    model, relative_b = _level_relative_b(model)
    model, s, offset = _level_c(model)
    return model, Gauge(factor, relative_b, s, offset)


def _times(points: ControlPoints, factor: ControlPoints | float) -> ControlPoints:
    """Multiply by a function of iz, on the nodes."""
    if isinstance(factor, float):
        return points.with_values(points.values * factor)
    along = factor(points.axis("iz").nodes)
    shape = (-1, *(1,) * (points.values.ndim - 1))
    return points.with_values(points.values * along.reshape(shape))


def _taken_up(model: ScalingModel, factors: Sequence[ControlPoints | float]) -> ScalingModel:
    """Multiply b and c of every batch."""
    changed = {
        term: tuple(_times(x, f) for x, f in zip(model.terms[term], factors, strict=True))
        for term in ("b", "c")
        if term in model.terms
    }
    return model.with_terms(**changed)


def _level_a(model: ScalingModel) -> ScalingModel:
    if "a" not in model.terms:
        return model
    means, levelled = [], []
    for a in model.terms["a"]:
        mean = a.values.mean(axis=(1, 2))
        means.append(ControlPoints((a.axis("iz"),), mean))
        levelled.append(a.with_values(a.values / mean[:, None, None]))
    return _taken_up(model, means).with_terms(a=tuple(levelled))


def _level_d(model: ScalingModel) -> ScalingModel:
    if "d" not in model.terms:
        return model
    means = [float(d.values.mean()) for d in model.terms["d"]]
    levelled = tuple(_times_all(d, 1 / m) for d, m in zip(model.terms["d"], means, strict=True))
    if len(means) == 1:
        means = means * len(model.batches)
    return _taken_up(model, means).with_terms(d=levelled)


def _times_all(points: ControlPoints, factor: float) -> ControlPoints:
    return points.with_values(points.values * factor)


def _level_b(model: ScalingModel) -> tuple[ScalingModel, float]:
    if "b" not in model.terms:
        return model, 1.0
    factor = float(np.concatenate([b.values for b in model.terms["b"]]).mean())
    levelled = tuple(_times_all(b, 1 / factor) for b in model.terms["b"])
    return model.with_terms(b=levelled), factor


def _level_relative_b(model: ScalingModel) -> tuple[ScalingModel, float]:
    if "B" not in model.terms:
        return model, 0.0
    least = min(float(x.values.min()) for x in model.terms["B"])
    levelled = tuple(x.with_values(x.values - least) for x in model.terms["B"])
    return model.with_terms(B=levelled), least


def _level_c(model: ScalingModel) -> tuple[ScalingModel, FloatArray, FloatArray]:
    if "c" not in model.terms:
        return model, np.zeros(1), np.zeros(1)
    s = model.terms["c"][0].axis("s").nodes
    slopes = [
        model.damped_b(batch, s, c.axis("iz").nodes)
        for batch, c in zip(model.batches, model.terms["c"], strict=True)
    ]
    ratios = [c.values / slope for c, slope in zip(model.terms["c"], slopes, strict=True)]
    least = np.min(np.concatenate(ratios), axis=0)
    levelled = tuple(
        c.with_values(c.values - least * slope)
        for c, slope in zip(model.terms["c"], slopes, strict=True)
    )
    return model.with_terms(c=levelled), s, least
