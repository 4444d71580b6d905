from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from ewaldite.crystal.cell import orthogonalization
from ewaldite.crystal.ub import (
    busing_levy,
    hkl_matrix,
    orient,
    orient_by_reflections,
    table_q,
)
from ewaldite.errors import UserError
from ewaldite.geometry.rotation import rotation_matrix

CELLS = (
    (5.0, 5.0, 5.0, 90.0, 90.0, 90.0),
    (4.0, 6.0, 8.0, 90.0, 90.0, 90.0),
    (5.0, 5.0, 9.0, 90.0, 90.0, 120.0),
    (5.1, 6.2, 7.3, 90.0, 104.0, 90.0),
    (5.1, 6.2, 7.3, 82.0, 97.0, 111.0),
)
cells = st.sampled_from(CELLS)
indices = st.tuples(*[st.integers(-3, 3)] * 3)


@given(cells)
def test_b_has_the_reciprocal_metric(cell: tuple[float, ...]) -> None:
    b = busing_levy(cell)
    axes = orthogonalization(cell)
    np.testing.assert_allclose(b.T @ b, np.linalg.inv(axes.T @ axes), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(b, np.triu(b), atol=1e-16)
    assert np.all(np.diag(b) > 0)


def test_b_is_that_of_busing_and_levy_element_by_element() -> None:
    a, b, c, alpha, beta, gamma = CELLS[4]
    al, be, ga = np.deg2rad([alpha, beta, gamma])
    root = np.sqrt(
        1
        - np.cos(al) ** 2
        - np.cos(be) ** 2
        - np.cos(ga) ** 2
        + 2 * np.cos(al) * np.cos(be) * np.cos(ga)
    )
    a_star, b_star, c_star = (np.sin([al, be, ga]) / np.array([a, b, c])) / root
    cos_beta_star = (np.cos(al) * np.cos(ga) - np.cos(be)) / (np.sin(al) * np.sin(ga))
    cos_gamma_star = (np.cos(al) * np.cos(be) - np.cos(ga)) / (np.sin(al) * np.sin(be))
    expected = [
        [a_star, b_star * cos_gamma_star, c_star * cos_beta_star],
        [
            0.0,
            b_star * np.sqrt(1 - cos_gamma_star**2),
            -c_star * np.sqrt(1 - cos_beta_star**2) * np.cos(al),
        ],
        [0.0, 0.0, 1 / c],
    ]
    np.testing.assert_allclose(busing_levy(CELLS[4]), expected, rtol=1e-12, atol=1e-15)


@settings(deadline=None)
@given(cells, indices, indices)
def test_u_is_along_the_beam_and_v_beside_it(
    cell: tuple[float, ...], u: tuple[int, ...], v: tuple[int, ...]
) -> None:
    b = busing_levy(cell)
    if np.linalg.norm(np.cross(b @ u, b @ v)) < 1e-6:
        with pytest.raises(UserError, match="collinear or zero"):
            orient(b, u, v)
        return
    turn = orient(b, u, v)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(turn), 1.0)
    along, beside = turn @ b @ u, turn @ b @ v
    np.testing.assert_allclose(along, [0, 0, np.linalg.norm(along)], atol=1e-12)
    assert beside[0] > 0
    np.testing.assert_allclose(beside[1], 0.0, atol=1e-12)
    assert np.cross(along, beside)[1] > 0, "u x v points up"


@settings(deadline=None)
@given(cells, st.integers(0, 10**6))
def test_hkl_come_back(cell: tuple[float, ...], seed: int) -> None:
    rng = np.random.default_rng(seed)
    b = busing_levy(cell)
    turn = Rotation.random(random_state=rng).as_matrix()
    hkl = rng.integers(-5, 6, 3)
    q = 2 * np.pi * turn @ b @ hkl
    np.testing.assert_allclose(hkl_matrix(turn, b) @ q, hkl, atol=1e-10)


@settings(deadline=None)
@given(cells, st.integers(0, 10**6), st.floats(0.9, 1.1))
def test_two_reflections_give_the_orientation(
    cell: tuple[float, ...], seed: int, swollen: float
) -> None:
    rng = np.random.default_rng(seed)
    b = busing_levy(cell)
    turn = Rotation.random(random_state=rng).as_matrix()
    one, two = np.array([1, 0, 1]), np.array([0, 2, 1])
    # An error of the lengths must not turn the crystal
    found = orient_by_reflections(b, one, swollen * turn @ b @ one, two, turn @ b @ two)
    np.testing.assert_allclose(found, turn, atol=1e-9)


@given(st.floats(-180, 180), st.floats(-120, 120))
def test_elastic_reflection_on_the_table(a3: float, angle: float) -> None:
    k_f = rotation_matrix((0, 1, 0), angle) @ np.array([0.0, 0.0, 1.0])
    q = np.array([0.0, 0.0, 1.0]) - k_f
    expected = rotation_matrix((0, 1, 0), -a3) @ q
    np.testing.assert_allclose(table_q(a3, angle), expected, atol=1e-13)


def test_u_v_and_reflections_agree() -> None:
    """Where u, v put a reflection, it is found again, and gives the same orientation."""
    b = busing_levy(CELLS[3])
    turn = orient(b, (1, 0, 0), (0, 0, 1))
    places = []
    for hkl in ((1, 0, 0), (1, 0, 1)):
        q = turn @ b @ np.array(hkl)  # in the horizontal plane
        half = np.arcsin(np.linalg.norm(q) * 4.2 / 2)
        # Q_lab of elastic scattering to +x stands at 90 degrees and the Bragg angle to +z
        lab = np.arctan2(*table_q(0.0, np.rad2deg(2 * half))[[0, 2]])
        a3 = np.rad2deg(lab - np.arctan2(q[0], q[2]))
        places.append((a3, np.rad2deg(2 * half)))
    found = orient_by_reflections(
        b, (1, 0, 0), table_q(*places[0]), (1, 0, 1), table_q(*places[1])
    )
    np.testing.assert_allclose(found, turn, atol=1e-10)


def test_no_zero_of_rounding_is_left() -> None:
    b = busing_levy(CELLS[0])
    matrix = hkl_matrix(orient(b, (1, 0, 0), (0, 0, 1)), b)
    assert np.count_nonzero(matrix) == 3


@pytest.mark.parametrize("u", [np.eye(3) * 2, -np.eye(3), np.full((3, 3), np.nan), np.eye(2)])
def test_refuses_what_is_no_rotation(u: np.ndarray) -> None:
    with pytest.raises(UserError, match="is no rotation"):
        hkl_matrix(u, np.eye(3))


def test_refuses_what_is_no_vector() -> None:
    with pytest.raises(UserError, match="no reciprocal-lattice vector"):
        orient(np.eye(3), (1, 0), (0, 1, 0))
