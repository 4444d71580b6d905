"""Parts of reciprocal cells as numbers, against whole numbers of the parts themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from ewaldite.kernels.part_code import (
    NOWHERE,
    codes_of_pixel,
    codes_of_row,
    key_of,
    voxels_of,
)
from ewaldite.kernels.voxel_table import unpack

IntArray = NDArray[np.int64]
PARTS = 12
# Å; any matrix that is well away from singular
TO_HKL = np.array([[5.0, 0.4, 0.0], [0.3, 6.0, -0.2], [0.0, 0.5, 7.0]])
PLACES = st.lists(st.tuples(*[st.integers(-4000, 4000)] * 3), min_size=1, max_size=8)


def codes(part: IntArray) -> NDArray[np.float64]:
    """Codes of the middles of parts; a part p has h in (p, p + 1] / parts - 1/2."""
    hkl = (part + 0.5) / PARTS - 0.5
    s = np.linalg.solve(TO_HKL, hkl.T)
    out = np.full(len(part), np.nan)
    matrix = (PARTS * TO_HKL).ravel()
    codes_of_row(s, np.zeros(len(part)), matrix, PARTS / 2, out)
    return out


@settings(derandomize=True, deadline=None, max_examples=80)
@given(PLACES)
def test_a_code_tells_the_part(places: list[tuple[int, int, int]]) -> None:
    part = np.array(places)
    code = codes(part)
    assert len({tuple(p) for p in places}) == np.unique(code).size
    # every part a segment of its own: the key is the part
    segment = np.tile(np.arange(PARTS, dtype=np.int32), (3, 1))
    keys = [key_of(c, PARTS, segment, np.full(3, PARTS)) for c in code]
    assert_array_equal(unpack(np.array(keys)), part)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(PLACES)
def test_segments_and_voxels_hold_their_parts(places: list[tuple[int, int, int]]) -> None:
    part = np.array(places)
    # axes are cut into different segments; 3, 2 and 6 voxels of a grid and 1, 4, 12 of another
    segment = np.array([np.arange(PARTS) // (PARTS // n) for n in (2, 3, 4)], np.int32)
    n = np.array([[3, 2, 6], [1, 4, 12]])
    member = np.array([[np.arange(PARTS) // (PARTS // m) for m in grid] for grid in n])
    cell, inside = np.divmod(part, PARTS)
    for i, code in enumerate(codes(part)):
        key = key_of(code, PARTS, segment, np.array([2, 3, 4]))
        want = cell[i] * [2, 3, 4] + [segment[x, inside[i, x]] for x in range(3)]
        assert_array_equal(unpack(np.array([key]))[0], want)
        out = np.zeros(2, np.int64)
        voxels_of(code, PARTS, member, n, out)
        for g in range(2):
            want = cell[i] * n[g] + [member[g, x, inside[i, x]] for x in range(3)]
            assert_array_equal(unpack(out[g : g + 1])[0], want)


def test_a_border_belongs_to_the_part_below() -> None:
    # parts · h is a whole number at a border
    matrix = (PARTS * np.eye(3)).ravel()
    s = np.array([[0.25, 0.25 + 1e-12, -0.5], [0.0] * 3, [0.0] * 3])
    out = np.empty(3)
    codes_of_row(s, np.zeros(3), matrix, PARTS / 2, out)
    segment = np.tile(np.arange(PARTS, dtype=np.int32), (3, 1))
    keys = np.array([key_of(c, PARTS, segment, np.full(3, PARTS)) for c in out])
    assert unpack(keys)[:, 0].tolist() == [8, 9, -1]
    assert unpack(keys)[:, 1].tolist() == [5, 5, 5]


@pytest.mark.parametrize("frames", [0, 1, 5])
def test_pixel_by_pixel_and_frame_by_frame_are_the_same_to_the_bit(frames: int) -> None:
    rng = np.random.default_rng(1)
    s = rng.uniform(-3, 3, (3, 9))
    matrices = rng.uniform(-60, 60, (9, frames))
    by_row = np.empty((frames, 6))
    for f in range(frames):
        codes_of_row(s, np.zeros(9), matrices[:, f].copy(), PARTS / 2, by_row[f])
    for x in range(6):
        out = np.empty(frames)
        codes_of_pixel(s[:, x].copy(), matrices, PARTS / 2, out)
        assert_array_equal(out, by_row[:, x])


def test_what_takes_no_part_is_nowhere() -> None:
    out = np.empty(2)
    codes_of_row(np.ones((3, 2)), np.array([0.0, NOWHERE]), np.ones(9), 6.0, out)
    assert np.isfinite(out).tolist() == [True, False]
