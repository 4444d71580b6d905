from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from diffuse.scaling.joint_test import dense, fixed_weights, perturbed, problem, with_dose
from diffuse.scaling.oracle import start_model
from diffuse.scaling.simulated import simulate, spread
from ewaldite.crystal.symmetry import space_group
from ewaldite.diffuse.scaling import coupling
from ewaldite.diffuse.scaling.coupling import TERMS, Coupling
from ewaldite.diffuse.scaling.joint import Fit, refine
from ewaldite.diffuse.scaling.options import ScaleOptions, Smoothness
from ewaldite.diffuse.scaling.penalty import penalty_of
from ewaldite.diffuse.scaling.prescale import prescale
from ewaldite.diffuse.scaling.problem import Joint
from ewaldite.diffuse.scaling.scaler import Scaler
from ewaldite.diffuse.scaling.table import ScalingTable
from ewaldite.diffuse.scaling.weights import Weights


def whole(made: Coupling) -> np.ndarray:
    """The symmetric matrix of a band."""
    n, width = made.band.shape
    out = np.zeros((n, n))
    for distance in range(width):
        i = np.arange(n - distance)
        out[i, i + distance] = out[i + distance, i] = made.band[: n - distance, distance]
    return out


@pytest.mark.parametrize("kind", ["plain", "dose"])
def test_the_band_is_the_normal_matrix(kind: str) -> None:
    """That of derivatives by differences, but for the means of a, all of it within the band."""
    model = start_model() if kind == "plain" else with_dose(start_model(), False)
    table, joint = problem(model)
    p = perturbed(joint.layout)
    assert table.sigma is not None
    weights = fixed_weights(table, joint, 1 / table.sigma)
    joint.linearise(p, weights.weight)
    squares = joint.squares()
    made = Coupling.of(joint.layout, joint.places, joint.derivatives, squares)
    assert made is not None
    jacobian, _, _ = dense(table, joint, p)
    columns = jacobian[:, made.where]
    expected = columns.T @ columns
    for _, points, where in joint.layout.of("a"):
        for plane in np.arange(where.start, where.stop).reshape(points.values.shape[0], -1):
            at = np.flatnonzero(np.isin(made.where, plane))
            expected[np.ix_(at, at)] += squares[plane].mean() / len(plane)
    found = whole(made)
    assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * expected.max())
    assert made.band.shape[1] < len(made.where)
    penalty = penalty_of(joint.layout, Smoothness(), squares)
    with_penalty = found + penalty.matrix[made.where][:, made.where].toarray()
    v = np.random.default_rng(1).normal(size=len(made.where))
    assert_allclose(made.inverse(penalty)(with_penalty @ v), v, rtol=1e-6, atol=1e-6)


def test_it_holds_every_term_along_the_rotation_once() -> None:
    _, joint = problem(with_dose(start_model(), False))
    squares = np.ones(joint.layout.size)
    made = Coupling.of(joint.layout, joint.places, joint.derivatives, squares)
    assert made is not None
    numbers = [np.arange(where.start, where.stop) for _, _, where in joint.layout.of(*TERMS)]
    assert np.array_equal(np.sort(made.where), np.sort(np.concatenate(numbers)))


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
    monkeypatch.setattr(coupling, "_BYTES", 0.0)
    joint, apart = refined()
    assert joint.coupling[1] is None
    assert together.converged
    products = [sum(i.products for i in fit.history) for fit in (together, apart)]
    assert products[0] < 0.5 * products[1]
    targets = [fit.history[-1].target for fit in (together, apart)]
    assert targets[0] == pytest.approx(targets[1], rel=1e-3)
    found, _ = layout.with_vector(together.p).evaluate(s.observations)
    assert spread(found, s.scale) < 0.03


def test_one_term_has_nothing_to_be_coupled_with() -> None:
    model = start_model()
    alone = replace(model, terms={"b": model.terms["b"]})
    table, joint = problem(alone)
    squares = np.ones(joint.layout.size)
    assert Coupling.of(joint.layout, joint.places, joint.derivatives, squares) is None
    joint.linearise(joint.layout.vector(), np.ones(len(table), np.float32))
    penalty = penalty_of(joint.layout, Smoothness(), squares)
    invert = joint.preconditioner(joint.squares(), penalty)
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
