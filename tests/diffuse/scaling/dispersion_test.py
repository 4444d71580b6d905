"""Observations that scatter more than they should do not make rough scales."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import spsolve

from ewaldite.diffuse.scaling.basis import Axis, ControlPoints
from ewaldite.diffuse.scaling.layout import Layout
from ewaldite.diffuse.scaling.model import ScalingModel
from ewaldite.diffuse.scaling.options import Smoothness
from ewaldite.diffuse.scaling.penalty import adapted, penalty_of

NODES, NOISE, STEP = 150, 0.02, 0.01


def adapted_factor(dispersion: float, scatter: float, seed: int) -> float:
    """Weight of smoothness of a random walk whose errors are understated by ``scatter``."""
    points = ControlPoints.constant([Axis("iz", 0.0, NODES - 1.0, NODES)], 1.0)
    layout = Layout(ScalingModel((0,), {"b": (points,)}, 1.0, (1.0,)))
    rng = np.random.default_rng(seed)
    # the second difference with weights -1/2, 1, -1/2 of the walk has the deviation STEP
    slope = np.cumsum(rng.normal(scale=2 * STEP, size=NODES))
    data = 1 + np.cumsum(slope) + rng.normal(scale=scatter * NOISE, size=NODES)
    squares = np.full(NODES, 2 / 3 / NOISE**2)
    penalty = penalty_of(layout, Smoothness(), squares)
    for _ in range(12):
        normal = sparse.identity(NODES) / NOISE**2 + penalty.matrix
        p = spsolve(normal.tocsc(), data / NOISE**2)
        penalty = adapted(layout, penalty, p, squares, 1.0, dispersion)
    return penalty.parts[0].factor


def test_the_weight_of_smoothness_grows_with_the_scatter() -> None:
    scatter = 3.0
    right = np.mean([np.log(adapted_factor(scatter**2, scatter, n)) for n in range(6)])
    wrong = np.mean([np.log(adapted_factor(1.0, scatter, n)) for n in range(6)])
    # in the units of the understated errors the walk is as much smoother as these are too small
    expected = np.log(scatter**2 / STEP**2)
    assert abs(right - expected) < np.log(1.6)
    assert wrong < expected - np.log(3)
