from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from diffuse.scaling.oracle import REFERENCE, compact, measured, start_model
from diffuse.scaling.simulated import simulate
from ewaldite.crystal.symmetry import space_group
from ewaldite.diffuse.scaling.alternating import Alternating
from ewaldite.diffuse.scaling.basis import Axis, ControlPoints
from ewaldite.diffuse.scaling.gauge import to_gauge
from ewaldite.diffuse.scaling.joint import refine
from ewaldite.diffuse.scaling.layout import Layout
from ewaldite.diffuse.scaling.model import ScalingModel
from ewaldite.diffuse.scaling.options import DEFAULT_PROGRAM, ScaleOptions
from ewaldite.diffuse.scaling.prescale import prescale
from ewaldite.diffuse.scaling.problem import Joint
from ewaldite.diffuse.scaling.program import parse_program
from ewaldite.diffuse.scaling.scaler import Scaler, measured_of
from ewaldite.diffuse.scaling.table import ScalingTable
from ewaldite.diffuse.scaling.weights import Weights


def problem(model: ScalingModel) -> tuple[ScalingTable, Joint]:
    table = compact(measured(), (1, 2))
    return table, Joint(table, Layout(model), REFERENCE)


def fixed_weights(table: ScalingTable, joint: Joint, weight: np.ndarray) -> Weights:
    weights = Weights(table, joint.places, np.zeros(80), None)
    weights.weight[:] = weight
    return weights


def perturbed(layout: Layout, seed: int = 4) -> np.ndarray:
    rng = np.random.default_rng(seed)
    p = layout.vector() + 0.1 * rng.uniform(-1, 1, layout.size)
    for _, _, where in layout.of("c"):
        p[where] += rng.uniform(0, 3, where.stop - where.start)
    return p


def with_dose(model: ScalingModel, grid: bool) -> ScalingModel:
    iz = [b.axes[0] for b in model.terms["b"]]
    dose = tuple(ControlPoints.constant((replace(axis, size=3),), 1.0) for axis in iz)
    changed = {"B": dose}
    if grid:
        axes = (Axis("ix", 0, 100, 3), Axis("iy", 0, 80, 4))
        changed["d"] = (ControlPoints.constant(axes, 1.0),) * 2
    return model.with_terms(**changed)


def dense(table: ScalingTable, joint: Joint, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Predictions over sigma as a function of p and I, by differences: J and the residuals."""
    model = joint.layout.with_vector(p)
    columns = {name: getattr(table, name).astype(float) for name in ("ix", "iy", "iz", "panel")}
    columns["s"] = table.length.astype(float)
    voxel = np.repeat(np.arange(table.voxels), np.diff(table.start))
    assert table.sigma is not None

    def terms(q: np.ndarray) -> tuple[np.ndarray, ...]:
        now = joint.layout.with_vector(q)
        out = {"a": 1.0, "b": 1.0, "c": 0.0, "d": 1.0, "B": 0.0}
        found = {t: np.full(len(table), v) for t, v in out.items()}
        for j, batch in enumerate(model.batches):
            rows = table.batch == j
            mine = {k: x[rows] for k, x in columns.items()}
            for term in now.terms:
                points = now.points(term, batch)
                assert points is not None
                found[term][rows] = points.at(mine)
        loss = np.exp(-0.5 * found["B"] * columns["s"] ** 2)
        return found["a"] * found["d"], found["b"] * loss, found["c"]

    w = 1 / table.sigma.astype(float)
    ad, b, c = terms(p)
    slope = ad * b * w
    rest = (table.signal - ad * c) * w
    intensity = np.bincount(voxel, slope * rest) / np.bincount(voxel, slope**2)

    def predicted(q: np.ndarray) -> np.ndarray:
        ad, b, c = terms(q)
        return ad * (b * intensity[voxel] + c) * w

    step = 1e-6
    unit = np.eye(p.size) * step
    jacobian = np.stack([(predicted(p + u) - predicted(p - u)) / (2 * step) for u in unit], -1)
    by_voxel = np.zeros((len(table), table.voxels))
    by_voxel[np.arange(len(table)), voxel] = slope
    q, _ = np.linalg.qr(by_voxel)
    return jacobian, (np.eye(len(table)) - q @ q.T), table.signal * w - predicted(p)


@pytest.mark.parametrize("kind", ["plain", "dose", "grid"])
def test_derivatives_are_those_of_the_model(kind: str) -> None:
    model = start_model() if kind == "plain" else with_dose(start_model(), kind == "grid")
    table, joint = problem(model)
    p = perturbed(joint.layout)
    assert table.sigma is not None
    total = joint.linearise(p, 1 / table.sigma)
    jacobian, free, residual = dense(table, joint, p)
    assert_allclose(total, residual @ residual, rtol=1e-5)
    scale = np.abs(jacobian.T @ residual).max()
    assert_allclose(joint.gradient, jacobian.T @ residual, atol=2e-4 * scale)
    squares = np.sum(jacobian**2, axis=0)
    assert_allclose(joint.squares(), squares, rtol=1e-3, atol=1e-6 * squares.max())
    v = np.random.default_rng(1).normal(size=p.size)
    expected = jacobian.T @ (free @ (jacobian @ v))
    assert_allclose(joint.multiply(v), expected, atol=2e-4 * np.abs(expected).max())


def test_rows_without_weight_have_no_say() -> None:
    table, joint = problem(start_model())
    assert table.sigma is not None
    weight = 1 / table.sigma
    weight[::7] = 0
    p = perturbed(joint.layout)
    total = joint.linearise(p, weight)
    v = np.random.default_rng(2).normal(size=p.size)
    gradient, product = joint.gradient.copy(), joint.multiply(v)
    table.signal[::7] = 1e6
    assert joint.linearise(p, weight) == pytest.approx(total, rel=1e-12)
    assert_allclose(joint.gradient, gradient, rtol=1e-9)
    assert_allclose(joint.multiply(v), product, rtol=1e-9)


def test_the_joint_fit_goes_lower_than_the_alternating_one_on_the_same_data() -> None:
    data = measured()
    fit = Alternating(data, Layout(start_model()), REFERENCE)
    fit.run(parse_program(DEFAULT_PROGRAM))
    # the levels of a, b and d are open: compare in one gauge
    layout = fit.layout
    model, _ = to_gauge(layout.with_vector(fit.p))
    c = [points.values for points in model.terms["c"]]
    alternating = fit.target()
    fit.p = Layout(model).vector()
    in_gauge = fit.target()
    assert len(c) == 2

    table, joint = problem(start_model())
    weight = fit.weight[table.row].astype(np.float32)
    found = refine(
        joint,
        fixed_weights(table, joint, weight),
        layout.vector(),
        iterations=10,
        tolerance=1e-4,
        penalty=fit.penalty,
        keep_weights=True,
    )
    fit.p = found.p
    assert found.converged
    assert len(found.history) <= 5
    assert fit.target() <= min(alternating, in_gauge)
    # the target of the kernels is that of the matrices
    last = found.history[-1]
    assert last.target - last.decrease == pytest.approx(fit.target(), rel=1e-5)
    assert [i.decrease >= 0 for i in found.history] == [True] * len(found.history)
    # and it is a minimum in the gauge: alternating steps that keep the levels find nothing
    before = fit.target()
    fit.p[fit._where("c")] = fit.solve("c", fit.merged())
    assert fit.target() > before * (1 - 1e-3)


def test_steps_keep_the_levels_of_a_b_and_d() -> None:
    table, joint = problem(start_model())
    assert table.sigma is not None
    weights = fixed_weights(table, joint, 1 / table.sigma)
    p = joint.layout.vector()
    found = refine(joint, weights, p, iterations=3, tolerance=1e-4, keep_weights=True)
    model = joint.layout.with_vector(found.p)
    for a in model.terms["a"]:
        assert_allclose(a.values.mean(axis=(1, 2)), 1, atol=1e-12)
    assert model.terms["d"][0].values.mean() == pytest.approx(1, abs=1e-12)
    b = np.concatenate([points.values for points in model.terms["b"]])
    assert b.mean() == pytest.approx(1, abs=1e-12)


def test_weights_come_from_the_model_and_not_from_the_own_count() -> None:
    data = measured()
    counts = np.round(data.intensity * 4)
    table = compact(replace(data, intensity=counts), (1, 2))
    table = replace(table, sigma=None)
    joint = Joint(table, Layout(start_model()), REFERENCE)
    weights = Weights(table, joint.places, np.full(80, 240.0), None)
    p = joint.layout.vector()
    weights.update(p)
    # voxel 0: with all scales 1 every observation has the variance of the merged intensity
    rows = slice(0, table.start[1])
    level = table.signal[rows].mean()
    n = 240.0 * (table.start[1])
    expected = (n * level + 4 * 240) / (n + 4)
    assert np.ptp(weights.weight[rows]) < 1e-6
    assert 1 / weights.weight[0] ** 2 == pytest.approx(expected, rel=0.01)
    # the residual is against the others
    others = table.signal[1 : table.start[1]].mean()
    m = table.start[1] - 1
    sigma = np.sqrt(others + expected / m)
    assert weights.residual[0] == pytest.approx((table.signal[0] - others) / sigma, rel=0.01)


def test_two_sided_rejection_of_planted_outliers() -> None:
    rng = np.random.default_rng(3)
    voxels, m = 400, 6
    true = rng.uniform(50, 500, voxels).repeat(m)
    signal = rng.poisson(true).astype(float)
    spoilt = np.zeros(true.size, bool)
    spoilt[::m] = True
    sign = np.where(rng.random(true.size) < 0.5, 1, -1)
    signal[spoilt] = (true + sign * 12 * np.sqrt(true))[spoilt]
    base = compact(measured(), (1, 2))
    columns = {
        name: np.zeros(true.size, np.float32) for name in ("dark", "length", "ix", "iy", "iz")
    }
    table = replace(
        base,
        start=np.arange(voxels + 1) * m,
        key=np.arange(voxels),
        row=np.arange(true.size, dtype=np.int32),
        signal=signal.astype(np.float32),
        exposure=np.ones(true.size, np.float32),
        panel=np.ones(true.size, np.int16),
        batch=np.zeros(true.size, np.int16),
        sigma=None,
        **columns,
    )
    joint = Joint(table, Layout(ScalingModel((1, 2), {}, 0.7, (0.1, 0.1))), REFERENCE)
    weights = Weights(table, joint.places, np.full(80, 240.0), 5.0)
    for _ in range(3):
        weights.update(np.zeros(0))
    gone = weights.weight == 0
    assert np.all(gone[spoilt])
    assert gone[~spoilt].sum() <= 2
    assert weights.rms == pytest.approx(1, abs=0.06)
    assert weights.rejected == gone.sum()


def test_also_on_simulated_counts_with_outliers_masked() -> None:
    made = simulate(8_000, 1_000, outliers=0.03)
    table = ScalingTable.of(made.observations, space_group("P 1"))
    options = ScaleOptions(
        counts_per_point=0, a_grid=(4, 4), a_degrees=30, b_degrees=5, c_degrees=20, c_shells=10
    )
    scaler = Scaler(options, np.full(3, 0.2), prescale(table.cells), np.random.default_rng(0))
    layout = scaler.layout(table, "abcd")
    joint = Joint(table, layout, REFERENCE)
    start = Weights(table, joint.places, scaler.prescale.rate, 5.0)
    start.update(layout.vector())
    sigma = Weights(table, joint.places, scaler.prescale.rate, None)
    sigma.update(layout.vector())
    fit = Alternating(measured_of(table, sigma), layout, REFERENCE)
    fit.weight[start.weight == 0] = 0
    fit.run(parse_program(["b", "cb", "c", "a", "d"] * 2))
    alternating, rounds = fit.target(), len(fit.history)
    sigma.weight[start.weight == 0] = 0
    found = refine(
        joint,
        sigma,
        layout.vector(),
        iterations=20,
        tolerance=1e-4,
        penalty=fit.penalty,
        keep_weights=True,
    )
    fit.p = found.p
    assert fit.target() < alternating
    assert len(found.history) <= 6 < rounds
