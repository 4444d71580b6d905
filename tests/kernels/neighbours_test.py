"""Neighbour balls: mdx-lib's offsets, and a search by brute force."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.kernels.neighbours import ball_offsets, neighbour_rows, pack_all

ORACLES = Path(__file__).parents[1] / "oracles"
ORACLE = json.loads((ORACLES / "neighbours.json").read_text())
FILTER = json.loads((ORACLES / "filter.json").read_text())


@pytest.mark.parametrize("ball", ORACLE["ball_offsets"], ids=lambda b: f"radius {b['d']}")
def test_balls_are_those_of_mdx_lib(ball):
    offsets = ball_offsets(float(ball["d"]))
    assert len(offsets) == ball["count"]
    expected = ball.get("offsets_in_subvoxel_steps")
    if expected:
        assert offsets.tolist() == expected


@pytest.mark.parametrize(("radius", "count"), [(1.0, 7), (1.5, 19), (2.0, 33), (3.0, 123)])
def test_number_of_voxels_in_a_ball(radius, count):
    # lattice points within a sphere: 1 + 6 + 12 + 8 + 6 + ... (OEIS A000605 for whole radii)
    assert len(ball_offsets(radius)) == count


def test_three_numbers_make_a_full_box():
    offsets = ball_offsets((1, 2, 0))
    assert len(offsets) == 3 * 5 * 1
    assert np.abs(offsets).max(axis=0).tolist() == [1, 2, 0]
    assert offsets[:3, 0].tolist() == [-1, 0, 1]


@pytest.mark.parametrize("window", [1.0, 2.0, 2.5, (1, 2, 3)])
def test_with_every_step_its_opposite(window):
    steps = {tuple(s) for s in ball_offsets(window).tolist()}
    assert steps == {(-h, -k, -l) for h, k, l in steps}
    assert (0, 0, 0) in steps


def test_neighbour_lists_of_mdx_lib():
    case = FILTER["cases"][0]
    cells = np.array(case["ref_hkl"])
    linear = np.array(case["voxel_linear_index"]) - 1
    row, fraction = linear % len(cells), linear // len(cells)
    n = case["ndiv"]
    part = np.stack([fraction % n[0], fraction // n[0] % n[1], fraction // (n[0] * n[1])], 1)
    rows = neighbour_rows(3 * cells[row] + part - 1, ball_offsets(2.0))
    for found, expected in zip(rows, case["neighborList"], strict=True):
        assert sorted(found[found >= 0] + 1) == sorted(expected)


@settings(deadline=None, max_examples=30)
@given(
    st.sets(st.tuples(*[st.integers(-4, 4)] * 3), min_size=1, max_size=60),
    st.sampled_from([1.0, 2.0, (0, 1, 2)]),
    st.integers(0, 5),
)
def test_rows_are_those_of_a_dictionary(voxels, window, seed):
    index = np.array(sorted(voxels), dtype=np.int64)
    np.random.default_rng(seed).shuffle(index)
    offsets = ball_offsets(window)
    place = {tuple(v): i for i, v in enumerate(index.tolist())}
    expected = [[place.get(tuple(v + o), -1) for o in offsets] for v in index]
    assert neighbour_rows(index, offsets).tolist() == expected


def test_far_apart_indices_keep_their_order():
    index = np.array([[-1000000, 5, -7], [1000000, -1000000, 1000000], [0, 0, 0], [0, 0, 1]])
    keys = pack_all(index)
    assert np.argsort(keys).tolist() == [0, 2, 3, 1]
    rows = neighbour_rows(index, ball_offsets(1.0))
    assert sorted(rows[2][rows[2] >= 0]) == [2, 3]
    assert (rows[0] >= 0).sum() == 1
