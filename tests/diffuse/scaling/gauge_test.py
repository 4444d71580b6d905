from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from diffuse.scaling.model_test import places, two_batches
from ewaldite.diffuse.scaling.basis import Axis, ControlPoints
from ewaldite.diffuse.scaling.gauge import to_gauge
from ewaldite.diffuse.scaling.model import ScalingModel


def predicted(model: ScalingModel, o, intensity: np.ndarray) -> np.ndarray:  # type: ignore[no-untyped-def]
    scale, offset = model.evaluate(o)
    return scale * (intensity + offset)


def model_of(seed: int, curved: float, sizes: tuple[int, int] = (5, 5)) -> ScalingModel:
    """Three batches; the nodes of iz of b and of a, c; a depends on iz by the amount curved."""
    rng = np.random.default_rng(seed)
    x, y, s = Axis("ix", 0, 99, 3), Axis("iy", 0, 79, 2), Axis("s", 0, 0.6, 4)
    panel = Axis("panel", 0, 2, 3, bins=True)
    terms: dict[str, list[ControlPoints]] = {"a": [], "b": [], "c": [], "d": [], "B": []}
    for _ in range(3):
        fine, coarse = (Axis("iz", -0.5, 40, n) for n in sizes)
        plane = rng.uniform(0.8, 1.2, (1, 2, 3))
        change = 1 + curved * rng.uniform(-1, 1, (sizes[1], 1, 1))
        terms["a"].append(ControlPoints((x, y, coarse), 1.3 * plane * change))
        terms["b"].append(ControlPoints((fine,), rng.uniform(0.8, 1.2, sizes[0])))
        terms["c"].append(ControlPoints((s, coarse), rng.uniform(0.5, 2, (sizes[1], 4))))
        terms["d"].append(ControlPoints((panel,), rng.uniform(0.5, 2, 3)))
        terms["B"].append(ControlPoints((Axis("iz", -0.5, 40, 1),), np.array([2.0])))
    found = {name: tuple(points) for name, points in terms.items()}
    return ScalingModel((0, 1, 2), found, 0.6, (0.1,) * 3)


def rows(on_nodes: bool, seed: int = 5):  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(seed)
    n = 300
    nodes = np.linspace(-0.5, 40, 5)
    return places(
        n,
        sweep=rng.integers(0, 3, n).astype(np.int32),
        iz=rng.choice(nodes, n) if on_nodes else rng.uniform(-0.5, 40, n),
        length=rng.choice(np.linspace(0, 0.6, 4), n) if on_nodes else rng.uniform(0, 0.6, n),
    )


@given(seed=st.integers(0, 2**31))
@settings(max_examples=20, deadline=None)
def test_predictions_do_not_change_on_the_nodes(seed: int) -> None:
    model, o = model_of(seed, curved=0.2), rows(on_nodes=True)
    intensity = np.linspace(1, 40, len(o))
    levelled, gauge = to_gauge(model)
    assert_allclose(
        predicted(levelled, o, gauge(intensity, o.length_of_s)),
        predicted(model, o, intensity),
        rtol=1e-10,
    )


def test_factors_that_do_not_depend_on_iz_are_exact_everywhere() -> None:
    model, o = model_of(1, curved=0.0), rows(on_nodes=False)
    flat = {**model.terms, "c": tuple(c.with_values(0 * c.values) for c in model.terms["c"])}
    model = ScalingModel(model.batches, flat, model.s_limit, model.degrees_per_frame)
    intensity = np.linspace(1, 40, len(o))
    levelled, gauge = to_gauge(model)
    assert_allclose(
        predicted(levelled, o, gauge(intensity, o.length_of_s)),
        predicted(model, o, intensity),
        rtol=1e-11,
    )


def test_between_nodes_it_is_as_good_as_the_curvature_within_a_step() -> None:
    o = rows(on_nodes=False)
    intensity = np.linspace(20, 40, len(o))
    errors = []
    for curved in (0.2, 0.1):
        model = model_of(3, curved=curved)
        levelled, gauge = to_gauge(model)
        new = predicted(levelled, o, gauge(intensity, o.length_of_s))
        errors.append(np.abs(new / predicted(model, o, intensity) - 1).max())
    assert errors[0] < 0.06


def test_the_gauge_holds() -> None:
    model, gauge = to_gauge(model_of(2, curved=0.2))
    assert np.concatenate([b.values for b in model.terms["b"]]).mean() == pytest.approx(1)
    for a, d in zip(model.terms["a"], model.terms["d"], strict=True):
        assert_allclose(a.values.mean(axis=(1, 2)), 1)
        assert d.values.mean() == pytest.approx(1)
    assert min(x.values.min() for x in model.terms["B"]) == 0
    assert gauge.relative_b == 2.0
    ratios = [
        c.values / model.damped_b(batch, c.axis("s").nodes, c.axis("iz").nodes)
        for batch, c in zip(model.batches, model.terms["c"], strict=True)
    ]
    assert_allclose(np.concatenate(ratios).min(axis=0), 0, atol=1e-12)


def test_it_is_a_projection() -> None:
    once, _ = to_gauge(model_of(4, curved=0.2))
    twice, gauge = to_gauge(once)
    for term, points in once.terms.items():
        for mine, theirs in zip(points, twice.terms[term], strict=True):
            assert_allclose(mine.values, theirs.values, atol=1e-12)
    assert_allclose(gauge(np.array([3.0]), np.array([0.3])), 3.0, atol=1e-12)


def test_shared_gains_go_to_all_batches() -> None:
    model = two_batches()
    levelled, gauge = to_gauge(model)
    assert len(levelled.terms["d"]) == 1
    assert levelled.terms["d"][0].values.mean() == pytest.approx(1)
    o = places(iz=np.full(200, -0.5), length=np.full(200, 0.4))
    intensity = np.linspace(1, 30, 200)
    assert_allclose(
        predicted(levelled, o, gauge(intensity, o.length_of_s)),
        predicted(model, o, intensity),
        rtol=1e-10,
    )


def test_without_b_the_levels_of_a_and_d_stay() -> None:
    model = two_batches()
    kept = {name: model.terms[name] for name in ("a", "d")}
    plain = ScalingModel(model.batches, kept, model.s_limit, model.degrees_per_frame)
    levelled, gauge = to_gauge(plain)
    for term in kept:
        for mine, theirs in zip(levelled.terms[term], kept[term], strict=True):
            assert_array_equal(mine.values, theirs.values)
    assert gauge.factor == 1
