"""Equations of a module and a time zero, against those of all unknowns at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from ewaldite.spectroscopy.calibrate.module_fit import Equations

SCALES = np.array([1e3, 1e-3, 1.0, 1e4])  # degrees, m and s have sizes of their own


def equations(seed: int, points: int = 12) -> tuple[Equations, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    design = rng.normal(size=(points, 4)) * SCALES
    y = rng.normal(size=points)
    return Equations(design.T @ design, design.T @ y), design, y


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.integers(0, 2**32))
def test_a_time_zero_of_its_own_is_that_of_the_whole_fit(seed: int) -> None:
    one, design, y = equations(seed)
    whole = np.linalg.lstsq(design / SCALES, y, rcond=None)[0] / SCALES
    normal, side = one.for_time_zero
    assert_allclose(side / normal, whole[-1], rtol=1e-6, atol=1e-12)
    step = one.step(side / normal) * SCALES[:3]
    assert_allclose(step, whole[:-1] * SCALES[:3], rtol=1e-5, atol=1e-9)
    covariance = np.linalg.inv((design / SCALES).T @ (design / SCALES))
    assert_allclose(1.0 / normal, covariance[-1, -1] / SCALES[-1] ** 2, rtol=1e-6)
    expected = np.diag(covariance)[:-1] / SCALES[:-1] ** 2
    assert_allclose(one.variance(normal), expected, rtol=1e-5)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.integers(0, 2**32), st.integers(2, 4))
def test_a_time_zero_that_modules_share_is_that_of_all_of_them(seed: int, modules: int) -> None:
    made = [equations(seed + j) for j in range(modules)]
    rows, size = 12 * modules, 3 * modules + 1
    design, y = np.zeros((rows, size)), np.concatenate([y for _, _, y in made])
    for j, (_, own, _) in enumerate(made):
        at = slice(12 * j, 12 * j + 12)
        design[at, 3 * j : 3 * j + 3], design[at, -1] = own[:, :3], own[:, 3]
    scale = np.append(np.tile(SCALES[:3], modules), SCALES[3])
    whole = np.linalg.lstsq(design / scale, y, rcond=None)[0] / scale
    normal, side = np.sum([one.for_time_zero for one, _, _ in made], axis=0)
    assert_allclose(side / normal, whole[-1], rtol=1e-6, atol=1e-12)
    covariance = np.linalg.inv((design / scale).T @ (design / scale)) / np.outer(scale, scale)
    for j, (one, _, _) in enumerate(made):
        part = slice(3 * j, 3 * j + 3)
        step = one.step(side / normal) * SCALES[:3]
        assert_allclose(step, (whole * scale)[part], rtol=1e-5, atol=1e-9)
        assert_allclose(one.variance(normal), np.diag(covariance)[part], rtol=1e-5)


def test_a_time_zero_that_is_known_leaves_the_place_alone() -> None:
    one, design, y = equations(3)
    place = np.linalg.lstsq(design[:, :3] / SCALES[:3], y - design[:, 3] * 2e-5, rcond=None)[0]
    assert_allclose(one.step(2e-5), place / SCALES[:3], rtol=1e-6)
    inner = np.linalg.inv((design[:, :3] / SCALES[:3]).T @ (design[:, :3] / SCALES[:3]))
    assert_allclose(one.variance(np.inf), np.diag(inner) / SCALES[:3] ** 2, rtol=1e-6)


def test_a_step_is_still_when_it_is_small_against_its_errors() -> None:
    one, _, _ = equations(4)
    error = np.sqrt(one.variance(np.inf))
    assert one.still(0.03 * error)
    assert not one.still(np.array([0.0, 0.04, 0.0]) * error)


@pytest.mark.parametrize("column", [0, 2])
def test_what_the_line_does_not_tell_does_not_move(column: int) -> None:
    # two columns alike: only their sum is known, and the least step is taken
    rng = np.random.default_rng(5)
    design = rng.normal(size=(20, 4))
    design[:, 1] = design[:, column]
    y = rng.normal(size=20)
    step = Equations(design.T @ design, design.T @ y).step(0.0)
    assert step[1] == pytest.approx(step[column])
    known = np.linalg.lstsq(design[:, :3], y, rcond=None)[0]
    assert_allclose(design[:, :3] @ step, design[:, :3] @ known, atol=1e-9)
