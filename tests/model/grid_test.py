from __future__ import annotations

from fractions import Fraction
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffuse.setups import numbers, oracle
from ewaldite.errors import UserError
from ewaldite.model.grid import Grid

divisions = st.tuples(st.integers(1, 13), st.integers(1, 13), st.integers(1, 13))
modes = st.sampled_from(["node", "split"])
indices = st.tuples(*[st.integers(-5000, 5000)] * 3)
points = st.tuples(*[st.floats(-300.0, 300.0)] * 3)

Mode = Literal["node", "split"]


def cells_and_parts(given_case: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Integer hkl and part along each axis of the oracle's points, and which are real."""
    whole, fraction = numbers(given_case["wholeIndex"]), numbers(given_case["fractionIndex"])
    real = np.isfinite(whole)
    w = whole[real].astype(int) - 1
    # wholeIndex = (h+o) + m*(k+o-1) + m^2*(l+o-1) with o = 512, m = 1024
    cell = np.stack([w % 1024, w // 1024 % 1024, w // 1024**2], axis=1) - 511
    n = given_case["ndiv"]
    part = np.unravel_index(fraction[real].astype(int) - 1, n, order="F")
    return cell, np.stack(part, axis=1), real


@pytest.mark.parametrize("case", oracle("grid")["sub3d"], ids=lambda c: str(c["ndiv"]))
def test_oracle_index(case: dict) -> None:
    grid = Grid(tuple(case["ndiv"]), "split")
    cell, part, real = cells_and_parts(case)
    hkl = np.array([numbers(p) for p in oracle("grid")["points_hkl"]])[real]
    assert len(hkl) == 20
    index = grid.index(hkl)
    np.testing.assert_array_equal(index, np.array(case["ndiv"]) * cell + part)
    np.testing.assert_array_equal(grid.cell(index), cell)
    np.testing.assert_array_equal(
        cell, np.array([numbers(p) for p in case["index2hkl_whole"]])[real]
    )
    centre = np.array([numbers(p) for p in case["index2hkl_centre"]])[real]
    np.testing.assert_allclose(grid.centre(index), centre, rtol=1e-14, atol=1e-15)
    if all(n % 2 for n in case["ndiv"]):
        node = Grid(tuple(case["ndiv"]), "node")
        np.testing.assert_allclose(node.centre(node.index(hkl)), centre, rtol=1e-14, atol=1e-15)
        np.testing.assert_array_equal(node.cell(node.index(hkl)), cell)


@pytest.mark.parametrize(
    "case", oracle("grid")["fraction_centres"], ids=lambda c: str(c["ndiv"])
)
def test_oracle_centres(case: dict) -> None:
    n = case["ndiv"]
    grid = Grid(tuple(n), "split")
    part = np.stack(np.unravel_index(np.arange(np.prod(n)), n, order="F"), axis=1)
    index = np.array(n) * np.array(case["H"]) + part
    centres = np.array(case["centres"]).reshape(-1, 3)
    np.testing.assert_allclose(grid.centre(index), centres, rtol=1e-14)
    np.testing.assert_array_equal(grid.index(centres), index)


@settings(deadline=None)
@given(divisions, modes, points)
def test_a_point_is_within_half_a_voxel_of_its_centre(
    n: tuple[int, int, int], mode: Mode, point: tuple[float, float, float]
) -> None:
    grid = Grid(n, mode)
    offset = (np.array(point) - grid.centre(grid.index(point))) * np.array(n)
    assert np.all(np.abs(offset) <= 0.5 + 1e-9)


@settings(deadline=None)
@given(divisions, modes, indices)
def test_centres_and_numerators_round_trip(
    n: tuple[int, int, int], mode: Mode, index: tuple[int, int, int]
) -> None:
    grid = Grid(n, mode)
    assert grid.index(grid.centre(index)).tolist() == list(index)
    numerator = grid.numerator(index)
    assert grid.from_numerator(numerator).tolist() == list(index)
    exact = [Fraction(int(x), 2 * m) for x, m in zip(numerator, n, strict=True)]
    assert grid.centre(index).tolist() == [float(x) for x in exact]
    # ties of a voxel's centre between two cells go down, as those of points
    expected = [-((-(x - Fraction(1, 2))) // 1) for x in exact]
    assert grid.cell(index).tolist() == expected


@settings(deadline=None)
@given(st.sampled_from([1, 2, 4, 8, 16]), modes, st.integers(-900, 900))
def test_borders_belong_to_the_lower_voxel(n: int, mode: Mode, j: int) -> None:
    # with n a power of two, borders are exact in binary
    grid = Grid((n, n, n), mode)
    border = float(grid.centre([j, j, j])[0] + 0.5 / n)
    assert grid.index([border] * 3).tolist() == [j] * 3
    assert grid.index([border + 2.0**-40] * 3).tolist() == [j + 1] * 3
    assert grid.index([border - 2.0**-40] * 3).tolist() == [j] * 3


@settings(deadline=None)
@given(divisions, modes, points, st.integers(-50, 50))
def test_period_one(
    n: tuple[int, int, int], mode: Mode, point: tuple[float, float, float], shift: int
) -> None:
    grid = Grid(n, mode)
    # multiples of 2^-20 stay exact when a whole number is added
    exact = np.round(np.array(point) * 2**20) / 2**20
    moved = grid.index(exact + shift)
    np.testing.assert_array_equal(moved, grid.index(exact) + shift * np.array(n))
    np.testing.assert_array_equal(grid.cell(moved), grid.cell(grid.index(exact)) + shift)


def test_nodes_are_centres_in_node_mode_and_corners_in_split_mode() -> None:
    assert Grid((4, 4, 4)).centre(Grid((4, 4, 4)).index([2.0] * 3)).tolist() == [2.0] * 3
    split = Grid((4, 4, 4), "split")
    assert split.centre(split.index([2.0] * 3)).tolist() == [2.0 - 1 / 8] * 3
    assert split.centre(split.index([np.nextafter(2.0, 3)] * 3)).tolist() == [2.0 + 1 / 8] * 3
    odd = Grid((5, 3, 7))
    hkl = np.random.default_rng(1).uniform(-9, 9, (500, 3))
    other = Grid((5, 3, 7), "split")
    np.testing.assert_allclose(
        odd.centre(odd.index(hkl)), other.centre(other.index(hkl)), atol=1e-14
    )


def test_every_cell_holds_the_voxels_that_it_should() -> None:
    for mode in ("node", "split"):
        grid = Grid((2, 3, 4), mode)
        line = np.arange(-60, 60)
        for axis in range(3):
            index = np.zeros((line.size, 3), int)
            index[:, axis] = line
            cell, held = np.unique(grid.cell(index)[:, axis], return_counts=True)
            inside = np.abs(cell) < 10
            assert np.all(held[inside] == grid.n[axis])
        assert grid.voxels_per_cell == 24


@pytest.mark.parametrize("n", [(0, 1, 1), (1, -3, 1), (1, 1)])
def test_impossible_subdivisions(n: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match="subdivide"):
        Grid(n)
