from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from scipy.sparse.linalg import spsolve

from diffuse.scaling.oracle import start_model
from ewaldite.diffuse.scaling.basis import Axis, ControlPoints
from ewaldite.diffuse.scaling.layout import Layout
from ewaldite.diffuse.scaling.model import ScalingModel
from ewaldite.diffuse.scaling.options import Smoothness
from ewaldite.diffuse.scaling.penalty import Penalty, adapted, penalty_of


def random_walk(n: int, step: float, noise: float, seed: int) -> np.ndarray:
    """Doubly integrated noise; its second differences, halved as in B, have the spread step."""
    rng = np.random.default_rng(seed)
    walk = np.cumsum(np.cumsum(2 * step * rng.normal(size=n)))
    return walk + noise * rng.normal(size=n)


def one_b(n: int) -> Layout:
    b = ControlPoints.constant((Axis("iz", 0, n - 1, n),), 0.0)
    return Layout(ScalingModel((0,), {"b": (b,)}, 1.0, (1.0,)))


def test_the_penalty_is_the_sum_of_its_parts() -> None:
    layout = Layout(start_model())
    rng = np.random.default_rng(1)
    squares = rng.uniform(1, 2, layout.size)
    penalty = penalty_of(layout, Smoothness(), squares)
    p = rng.normal(size=layout.size)
    total = 0.0
    for part in penalty.parts:
        for _, points, where in layout.of(part.term):
            q = p[where] - (1.0 if part.term == "d" else 0.0)
            rough = points.roughness(*part.along) @ q if part.along else q
            total += part.factor * float(rough @ rough)
    assert penalty(p) == pytest.approx(total, rel=1e-12)
    step = 1e-5 * rng.normal(size=p.size)
    assert penalty(p + step) - penalty(p - step) == pytest.approx(4 * step @ penalty.slope(p))


def test_levels_and_slopes_cost_nothing() -> None:
    layout = Layout(start_model())
    penalty = penalty_of(layout, Smoothness(c_size=0), np.ones(layout.size), curvature=True)
    p = layout.vector()
    assert penalty(p) == pytest.approx(0, abs=1e-12)
    for _, points, where in layout.of("a"):
        x = np.broadcast_to(points.axes[0].nodes, points.values.shape)
        p[where] += 0.01 * x.ravel()
    assert penalty(p) == pytest.approx(0, abs=1e-12)
    neighbours = penalty_of(layout, Smoothness(c_size=0), np.ones(layout.size))
    assert neighbours(p) > 1e-3


@pytest.mark.parametrize("step", [0.003, 0.03])
def test_the_weight_that_the_data_set_is_that_of_a_random_walk(step: float) -> None:
    n, noise = 150, 0.02
    layout = one_b(n)
    found = []
    for seed in range(8):
        data = random_walk(n, step, noise, seed)
        squares = np.full(n, 2 / 3 / noise**2)
        penalty = penalty_of(layout, Smoothness(), squares)
        for _ in range(12):
            # a node has 1/noise² of information
            normal = sparse.identity(n) / noise**2 + penalty.matrix
            p = spsolve(normal.tocsc(), data / noise**2)
            penalty = adapted(layout, penalty, p, squares, 1.0)
        found.append(penalty.parts[0].factor * step**2)
    assert 1 / 1.5 < np.exp(np.mean(np.log(found))) < 1.5


def test_what_is_a_straight_line_becomes_as_stiff_as_may_be() -> None:
    n = 50
    layout = one_b(n)
    squares = np.full(n, 1e4)
    penalty = penalty_of(layout, Smoothness(), squares)
    p = 1 + 0.01 * np.arange(n)
    for _ in range(20):
        penalty = adapted(layout, penalty, p, squares, 1.0)
    assert 1e9 < penalty.parts[0].factor < 1e12


def test_only_the_level_of_relative_b_keeps_its_weight() -> None:
    """Of c as well the data know how large it is: towards zero, the factor is no guess."""
    model = start_model()
    dose = ControlPoints.constant((Axis("iz", 0, 10, 4),), 1.0)
    layout = Layout(model.with_terms(B=(dose,) * len(model.batches)))
    squares = np.ones(layout.size)
    penalty = penalty_of(layout, Smoothness(), squares, curvature=True)
    p = layout.vector() + 0.01 * np.random.default_rng(2).normal(size=layout.size)
    new = adapted(layout, penalty, p, squares, 0.9)
    for old, now in zip(penalty.parts, new.parts, strict=True):
        assert (old.factor == now.factor) == (old.along == () and old.term == "B")


def test_no_terms_no_penalty() -> None:
    layout = Layout(ScalingModel((0,), {}, 1.0, (1.0,)))
    penalty = penalty_of(layout, Smoothness(), np.zeros(0))
    assert isinstance(penalty, Penalty)
    assert penalty(np.zeros(0)) == 0
    assert_allclose(penalty.slope(np.zeros(0)), 0)
