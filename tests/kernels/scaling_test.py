"""Target of scaling and its derivatives, against dense matrices and differences."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from ewaldite.kernels import scaling as kernel
from ewaldite.kernels import scaling_terms as terms
from kernels.scaling_model import linearised, model

# derivatives are kept in single precision
TOLERANCE = {"rtol": 3e-4, "atol": 3e-3}
CASES = [
    ("abcdD", False),
    ("abcdD", True),
    ("b", False),
    ("ac", False),
    ("bdD", True),
    ("c", False),
]


@pytest.mark.parametrize(("on", "bins"), CASES)
def test_target_intensities_and_gradient(on: str, bins: bool) -> None:
    made = model(on, bins=bins)
    target, intensity, _, gradient = linearised(made, kernel)
    expected = made.intensity(made.p)
    assert_allclose(intensity, expected, rtol=1e-5)
    assert expected[3] == intensity[3] == 0.0
    r = made.residuals(made.p, expected)
    assert_allclose(target, r @ r, rtol=1e-5)
    assert_allclose(gradient, made.jacobian(made.p, expected).T @ r, **TOLERANCE)


@pytest.mark.parametrize(("on", "bins"), CASES)
def test_the_gradient_is_that_of_the_target_with_the_best_intensities(
    on: str, bins: bool
) -> None:
    made = model(on, bins=bins, seed=2)
    _, _, _, gradient = linearised(made, kernel)
    d = np.random.default_rng(3).normal(size=made.p.size)
    step = 1e-4
    targets = []
    for p in (made.p + step * d, made.p - step * d):
        r = made.residuals(p, made.intensity(p))
        targets.append(r @ r)
    # the target falls by twice the gradient along a step
    assert_allclose((targets[1] - targets[0]) / (2 * step), 2 * gradient @ d, rtol=1e-3)


@pytest.mark.parametrize(("on", "bins"), CASES)
def test_products_with_the_normal_matrix(on: str, bins: bool) -> None:
    made = model(on, bins=bins, seed=1)
    _, intensity, f, _ = linearised(made, kernel)
    J = made.jacobian(made.p, intensity)
    ead, b, _ = made.parts(made.p)
    slope = np.zeros((made.voxel.size, made.rows.start.size - 1))
    slope[np.arange(made.voxel.size), made.voxel] = made.weight * ead * b
    left = J - slope @ np.linalg.lstsq(slope, J, rcond=None)[0]
    rng = np.random.default_rng(4)
    for _ in range(3):
        v, out = rng.normal(size=made.p.size), np.full(made.p.size, np.nan)
        kernel.apply(made.rows, made.places, f, 5, v, out)
        assert_allclose(out, J.T @ (left @ v), **TOLERANCE)
    out = np.full(made.p.size, np.nan)
    kernel.squares(made.places, f, out)
    assert_allclose(out, (J**2).sum(axis=0), **TOLERANCE)


def test_rejected_observations_say_nothing() -> None:
    made = model("abcdD")
    _, _, f, _ = linearised(made, kernel)
    assert not f[made.weight == 0].any()
    assert f[made.weight > 0].all()


@pytest.mark.parametrize("bins", [False, True])
def test_values_and_their_adjoints(bins: bool) -> None:
    made = model("abcdD", bins=bins)
    q, step = made.places, made.places.step
    v, u = np.random.default_rng(5).normal(size=(2, made.p.size))
    for i in range(0, made.voxel.size, 7):
        for name, at, part, more in (
            ("a", q.a, q.a_part, step),
            ("b", q.b, q.b_part, step[3]),
            ("c", q.c, q.c_part, step),
            ("d", q.d, q.d_part, step),
            ("dose", q.dose, q.dose_part, step[8]),
        ):
            kind = "b" if name == "dose" else name
            value = getattr(terms, f"value_{kind}")(at, part, more, i, v)
            assert_allclose(value, made.weights[name][i] @ v, rtol=1e-9, atol=1e-12)
            out = u.copy()
            getattr(terms, f"add_{kind}")(at, part, more, i, 2.5, out)
            assert_allclose(out - u, 2.5 * made.weights[name][i], rtol=1e-9, atol=1e-12)
