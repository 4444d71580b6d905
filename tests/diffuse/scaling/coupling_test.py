from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from diffuse.scaling.joint_test import dense, fixed_weights, perturbed, problem, with_dose
from diffuse.scaling.oracle import start_model
from diffuse.scaling.simulated import simulate, spread
from ewaldite.crystal.symmetry import space_group
from ewaldite.diffuse.scaling import problem as problem_module
from ewaldite.diffuse.scaling.basis import ControlPoints
from ewaldite.diffuse.scaling.coupling import Coupling
from ewaldite.diffuse.scaling.joint import Fit, refine
from ewaldite.diffuse.scaling.model import NEUTRAL, ScalingModel
from ewaldite.diffuse.scaling.options import ScaleOptions, Smoothness
from ewaldite.diffuse.scaling.penalty import penalty_of
from ewaldite.diffuse.scaling.prescale import prescale
from ewaldite.diffuse.scaling.problem import Joint
from ewaldite.diffuse.scaling.scaler import Scaler
from ewaldite.diffuse.scaling.table import ScalingTable
from ewaldite.diffuse.scaling.weights import Weights
from kernels.band_test import whole


def coarse(joint: Joint, table: ScalingTable) -> tuple[Coupling, np.ndarray]:
    squares = joint.squares()
    made = Coupling.of(joint.layout, joint.places, joint.derivatives, table, squares)
    assert made is not None
    return made, squares


def on_common_levels(model: ScalingModel, number: int) -> ScalingModel:
    """The same terms with so many control points along the rotation each."""

    def again(points: ControlPoints, value: float) -> ControlPoints:
        axes = [replace(x, size=number) if x.name == "iz" else x for x in points.axes]
        return ControlPoints.constant(axes, value)

    changed = {
        term: tuple(again(points, NEUTRAL[term]) for points in found)
        for term, found in model.terms.items()
    }
    return model.with_terms(**changed)


def linearised(model: ScalingModel) -> tuple[ScalingTable, Joint, np.ndarray]:
    table, joint = problem(model)
    p = perturbed(joint.layout)
    assert table.sigma is not None
    weights = fixed_weights(table, joint, 1 / table.sigma)
    joint.linearise(p, weights.weight)
    return table, joint, p


@pytest.mark.parametrize("kind", ["plain", "dose", "no a"])
def test_the_band_is_the_normal_matrix_of_the_functions(kind: str) -> None:
    """That of derivatives by differences, but for the means of a."""
    model = with_dose(start_model(), False) if kind == "dose" else start_model()
    if kind == "no a":
        model = replace(model, terms={x: v for x, v in model.terms.items() if x != "a"})
    table, joint, p = linearised(on_common_levels(model, 4))
    made, squares = coarse(joint, table)
    jacobian, _, _ = dense(table, joint, p)
    columns = jacobian @ made.spread.toarray()
    expected = columns.T @ columns
    for _, points, where in joint.layout.of("a"):
        for plane in np.arange(where.start, where.stop).reshape(points.values.shape[0], -1):
            mean = np.asarray(made.spread[plane].mean(axis=0)).ravel()
            expected += squares[plane].sum() * np.outer(mean, mean)
    assert_allclose(whole(made.band), expected, rtol=1e-3, atol=2e-5 * expected.max())
    assert made.band.shape[1] < len(expected)


def test_the_functions_hold_every_level_of_c_and_the_rings_add_up_to_a() -> None:
    table, joint, _ = linearised(with_dose(start_model(), False))
    made, _ = coarse(joint, table)
    total = np.asarray(made.spread.sum(axis=1)).ravel()
    for _, _, where in joint.layout.of("a", "b", "c", "B"):
        assert_allclose(total[where], 1.0)
    for _, _, where in joint.layout.of("d"):
        assert_allclose(total[where], 0.0)


def test_the_inverse_is_that_of_the_matrix_with_the_penalty() -> None:
    table, joint, _ = linearised(start_model())
    made, squares = coarse(joint, table)
    penalty = penalty_of(joint.layout, Smoothness(), squares)
    spread = made.spread.toarray()
    matrix = whole(made.band) + spread.T @ penalty.matrix @ spread
    v = np.random.default_rng(1).normal(size=joint.layout.size)
    expected = spread @ np.linalg.solve(matrix, spread.T @ v)
    found = made.inverse(penalty)(v)
    assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())


def test_scales_that_only_the_anisotropic_part_tells_are_found_in_few_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Term by term, the refinement creeps."""
    s = simulate(30_000, 1500, counts=5000.0, anisotropy=0.03)
    data = ScalingTable.of(s.observations, space_group("P 1"), friedel=True)
    options = ScaleOptions(a_grid=(4, 4), a_degrees=40, b_degrees=5, c_degrees=20, c_shells=16)
    start = prescale(data.cells)
    scaler = Scaler(options, np.full(3, 0.5), start, np.random.default_rng(0))
    layout = scaler.layout(data, ("a", "b", "c", "d"))

    weak = Smoothness(
        a_plane=0.01, a_rotation=0.01, b=1e-3, c_length=0.01, c_rotation=0.01, c_size=1e-8
    )

    def refined() -> tuple[Joint, Fit]:
        joint = Joint(data, layout, weak)
        weights = Weights(data, joint.places, start.rate, None)
        weights.update(layout.vector())
        return joint, refine(
            joint, weights, layout.vector(), iterations=30, tolerance=1e-5, keep_weights=True
        )

    _, together = refined()
    monkeypatch.setattr(problem_module, "_RELIEF", -1.0)
    joint, apart = refined()
    assert joint.coupling[1] is None
    assert together.converged
    products = [sum(i.products for i in fit.history) for fit in (together, apart)]
    assert products[0] < 0.5 * products[1]
    targets = [fit.history[-1].target for fit in (together, apart)]
    assert targets[0] == pytest.approx(targets[1], rel=1e-3)
    found, _ = layout.with_vector(together.p).evaluate(s.observations)
    assert spread(found, s.scale) < 0.03


@pytest.mark.parametrize("terms", ["b", "c", "ab"])
def test_without_c_and_another_there_is_nothing_to_be_coupled(terms: str) -> None:
    model = start_model()
    alone = replace(model, terms={term: model.terms[term] for term in terms})
    table, joint = problem(alone)
    joint.linearise(perturbed(joint.layout), np.ones(len(table), np.float32))
    squares = joint.squares()
    made = Coupling.of(joint.layout, joint.places, joint.derivatives, table, squares)
    assert made is None
    invert = joint.preconditioner(squares, penalty_of(joint.layout, Smoothness(), squares))
    assert np.all(np.isfinite(invert(squares)))


@pytest.mark.parametrize(("anisotropy", "counts"), [(0.1, 800.0), (0.5, 800.0), (0.1, 20.0)])
def test_relief_is_the_anisotropic_share_however_few_the_counts(
    anisotropy: float, counts: float
) -> None:
    s = simulate(40_000, 2000, counts=counts, anisotropy=anisotropy, terms="")
    data = ScalingTable.of(s.observations, space_group("P 1"), friedel=True)
    start = prescale(data.cells)
    scaler = Scaler(ScaleOptions(), np.full(3, 0.5), start, np.random.default_rng(0))
    layout = scaler.layout(data, ("b", "c"))
    joint = Joint(data, layout, Smoothness())
    weights = Weights(data, joint.places, start.rate, None)
    weights.update(layout.vector())
    joint.linearise(layout.vector(), weights.weight)
    # of a lognormal variable
    share = 1 - np.exp(-(anisotropy**2))
    assert joint.relief() == pytest.approx(share, rel=0.25, abs=0.002)
    made = joint.preconditioner(
        joint.squares(), penalty_of(layout, Smoothness(), joint.squares())
    )
    assert (joint.coupling[1] is None) == (anisotropy == 0.5)
    assert np.all(np.isfinite(made(joint.gradient)))
