"""Rows of a cut as steps of the rotation see them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.transform import Rotation

from ewaldite.spectroscopy.cut import Cut
from ewaldite.spectroscopy.cut_grid import CutGrid, cut_grid
from ewaldite.spectroscopy.views import about_y, changing, views

HKL = np.array([[0.7, 0.1, 0.0], [0.0, 0.1, 0.8], [0.0, 0.9, 0.0]])
CUT = Cut(
    name="c",
    axes=["h", "energy_transfer"],
    bins={"h": (-1, 1, 0.5), "energy_transfer": (-1, 3, 1.0)},
    integrate={"k": (-0.2, 0.2), "Q": (0, 3), "l": (-0.1, 0.1)},
)
TURNED = np.array([np.eye(3), np.diag([-1, 1, -1]), np.diag([1, -1, 1])])


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.floats(-200, 200), st.floats(-100, 100), st.integers(0, 2**32))
def test_rows_are_those_of_q_on_the_sample_table(a3: float, a4: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    grid = cut_grid(CUT, HKL, TURNED)
    seen = views(grid, [0.0, a3], [0.0, a4])
    images = grid.table.shape[0]
    assert_array_equal(seen.first, [0, images, 2 * images])
    assert_array_equal(seen.step, np.repeat([0, 1], images))
    k_i, k_f = rng.uniform(1, 2), rng.normal(size=3)
    tank = Rotation.from_euler("y", a4, degrees=True)
    q = np.array([0, 0, k_i]) - tank.apply(k_f)
    table = Rotation.from_euler("y", -a3, degrees=True).apply(q)
    for g in range(images):
        v = images + g
        rows = seen.ki[v] * k_i - seen.kf[v] @ k_f
        assert_allclose(rows, grid.table[g] @ table, atol=1e-12)
        # |Q| needs the part of k_f along the beam, in the frame of the tank
        assert_allclose(seen.beam[v] @ k_f, tank.apply(k_f)[2], atol=1e-12)


def test_rotations_about_the_vertical() -> None:
    angles = np.array([[0.0, 0.3], [-2.0, 9.0]])
    found = about_y(angles)
    assert found.shape == (2, 2, 3, 3)
    for at in np.ndindex(2, 2):
        assert_allclose(found[at], Rotation.from_euler("y", angles[at]).as_matrix(), atol=1e-15)


def upright(k_range: tuple[float, float]) -> CutGrid:
    """k is out of the scattering plane."""
    matrix = np.array([[0.8, 0, 0], [0, 0.8, 0], [0, 0, 0.8]])
    cut = Cut(
        name="c", axes=["h", "l"], bins={"h": (-1, 1, 0.5), "l": (-1, 1, 0.5)},
        integrate={"k": k_range},
    )  # fmt: skip
    return cut_grid(cut, matrix)


def test_a_row_that_holds_everything_is_left_out() -> None:
    flat = np.array([[0.3, 0.0, 1.2], [0.9, 0.0, 0.4]])
    for low, high, rows in ((-0.1, 0.1, 2), (0.0, 0.1, 2), (-0.1, 0.0, 3), (0.05, 0.1, 3)):
        grid = upright((low, high))
        seen, bins = changing(grid, views(grid, [0.0, 40.0], 10.0 * np.ones(2)), flat)
        assert bins.number.size == seen.ki.shape[1] == seen.kf.shape[1] == rows
        assert bins.rows.shape[0] == bins.stride.size == rows
        assert_array_equal(bins.stride[-2:], grid.stride[-2:])
    # pixels above the plane are not at k = 0
    tilted = flat + np.array([0.0, 0.01, 0.0])
    grid = upright((-0.1, 0.1))
    _, bins = changing(grid, views(grid, [0.0], [0.0]), tilted)
    assert bins.number.size == 3
