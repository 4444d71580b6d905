"""Predicted levels: exact on planes, unbiased at few counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.kernels.level import predicted_level
from ewaldite.kernels.neighbours import ball_offsets, neighbour_rows

OFFSETS = ball_offsets(2.0)


def box(*shape):
    return np.stack(np.indices(shape), axis=-1).reshape(-1, 3).astype(np.int64)


def predict(index, pixels, counts, use=None, slope=0.2, start=1.0, todo=None):
    n = len(index)
    level, effective = np.full(n, start), np.zeros(n)
    everyone = np.ones(n, dtype=bool)
    predicted_level(
        pixels,
        counts,
        neighbour_rows(index, OFFSETS),
        OFFSETS,
        everyone if use is None else use,
        everyone if todo is None else todo,
        slope,
        level,
        effective,
    )
    return level, effective


@settings(deadline=None, max_examples=25)
@given(st.lists(st.floats(-0.05, 0.05), min_size=3, max_size=3), st.integers(0, 99))
def test_plane_is_met_at_edges_too(gradient, seed):
    index = box(6, 5, 4)
    rng = np.random.default_rng(seed)
    pixels = rng.integers(5, 1000, len(index)).astype(float)
    rate = 2.0 + index @ np.array(gradient)
    level, _ = predict(index, pixels, rate * pixels, slope=1e4)
    np.testing.assert_allclose(level, rate, rtol=1e-6)


def test_against_least_squares():
    index = box(4, 4, 3)
    rng = np.random.default_rng(1)
    pixels = rng.integers(5, 100, len(index)).astype(float)
    counts = rng.poisson(1.5 * pixels).astype(float)
    level, effective = predict(index, pixels, counts)
    v = 17
    inside = (((index - index[v]) ** 2).sum(1) <= 4) & (np.arange(len(index)) != v)
    x = np.column_stack([np.ones(inside.sum()), (index - index[v])[inside]])
    normal = x.T @ (pixels[inside, None] * x) + np.diag([0, 1, 1, 1]) / 0.2**2
    solution = np.linalg.solve(normal, x.T @ counts[inside])
    assert level[v] == pytest.approx(solution[0], rel=1e-12)
    assert effective[v] == pytest.approx(1 / np.linalg.inv(normal)[0, 0], rel=1e-12)


def test_voxel_itself_and_outliers_say_nothing():
    index = box(5, 5, 5)
    pixels = np.full(len(index), 50.0)
    counts = np.full(len(index), 100.0)
    counts[62] = 1e9  # the middle
    use = np.ones(len(index), dtype=bool)
    use[62] = False
    with_own, _ = predict(index, pixels, counts)
    without, _ = predict(index, pixels, counts, use)
    assert with_own[62] == pytest.approx(2.0, rel=1e-12)
    np.testing.assert_allclose(without, 2.0, rtol=1e-12)


def test_mean_of_levels_has_no_bias_at_few_counts():
    index = box(30, 30, 30)
    pixels = np.full(len(index), 5.0)
    counts = np.random.default_rng(2).poisson(0.02 * pixels).astype(float)
    level, _ = predict(index, pixels, counts, start=0.02)
    assert level.mean() == pytest.approx(0.02, rel=0.04)  # 2700 counts: 2 %, and the floor


def test_variance_is_what_it_says():
    index = box(24, 24, 24)
    pixels = np.full(len(index), 40.0)
    counts = np.random.default_rng(3).poisson(2.0 * pixels).astype(float)
    level, effective = predict(index, pixels, counts)
    pull = (level - 2.0) / np.sqrt(2.0 / effective)
    assert pull.std() == pytest.approx(1.0, abs=0.05)


def test_without_neighbours_the_level_stays():
    index = np.array([[0, 0, 0], [50, 0, 0]])
    level, effective = predict(index, np.array([4.0, 4.0]), np.array([8.0, 0.0]), start=3.0)
    assert level.tolist() == [3.0, 3.0]
    assert effective.tolist() == [0.0, 0.0]


def test_no_count_at_all_leaves_half_a_one():
    index = box(3, 3, 3)
    level, _ = predict(index, np.full(27, 10.0), np.zeros(27))
    assert (level > 0).all()
    assert level[13] == pytest.approx(0.5 / 260)


def test_only_what_is_asked_for_is_done():
    index = box(3, 3, 3)
    todo = np.zeros(27, dtype=bool)
    todo[5] = True
    level, effective = predict(
        index, np.full(27, 10.0), np.full(27, 20.0), start=9.0, todo=todo
    )
    assert level[5] == pytest.approx(2.0)
    assert (level[~todo] == 9.0).all()
    assert (effective[~todo] == 0.0).all()


@settings(deadline=None, max_examples=20)
@given(st.floats(0.01, 100), st.integers(0, 99))
def test_level_scales_with_the_counts(factor, seed):
    index = box(4, 4, 4)
    rng = np.random.default_rng(seed)
    pixels = rng.integers(5, 100, len(index)).astype(float)
    counts = rng.poisson(3 * pixels).astype(float)
    one, weight = predict(index, pixels, counts, start=3.0, slope=1e3)
    other, same = predict(index, pixels, factor * counts, start=3.0, slope=1e3)
    np.testing.assert_allclose(other, factor * one, rtol=1e-4)
    np.testing.assert_allclose(same, weight, rtol=1e-12)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_mirrored_lattice_has_mirrored_levels(axis):
    index = box(5, 4, 3)
    rng = np.random.default_rng(7)
    pixels = rng.integers(5, 100, len(index)).astype(float)
    counts = rng.poisson(2 * pixels).astype(float)
    mirrored = index.copy()
    mirrored[:, axis] *= -1
    np.testing.assert_allclose(
        predict(mirrored, pixels, counts)[0], predict(index, pixels, counts)[0], rtol=1e-10
    )
