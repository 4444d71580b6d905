from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from ewaldite.errors import UserError
from ewaldite.geometry.rotation import rotation_matrix
from geometry.setups import directions

angles = st.floats(-720.0, 720.0)


def test_turns_actively_and_right_handed() -> None:
    x, y, z = np.eye(3)
    np.testing.assert_allclose(rotation_matrix(z, 90.0) @ x, y, atol=1e-15)
    np.testing.assert_allclose(rotation_matrix(x, 90.0) @ y, z, atol=1e-15)
    np.testing.assert_allclose(rotation_matrix(y, 90.0) @ z, x, atol=1e-15)


@settings(deadline=None)
@given(directions(), angles)
def test_agrees_with_scipy(axis: np.ndarray, degrees: float) -> None:
    expected = Rotation.from_rotvec(axis * degrees, degrees=True).as_matrix()
    np.testing.assert_allclose(rotation_matrix(axis, degrees), expected, atol=1e-13)


@settings(deadline=None)
@given(directions(), angles, angles, st.floats(1e-3, 1e3))
def test_is_a_group_about_an_axis(
    axis: np.ndarray, first: float, second: float, length: float
) -> None:
    product = rotation_matrix(axis, first) @ rotation_matrix(length * axis, second)
    np.testing.assert_allclose(product, rotation_matrix(axis, first + second), atol=1e-12)
    np.testing.assert_allclose(rotation_matrix(axis, first) @ axis, axis, atol=1e-14)


@settings(deadline=None)
@given(directions(), angles)
def test_is_proper_and_orthogonal(axis: np.ndarray, degrees: float) -> None:
    matrix = rotation_matrix(axis, degrees)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-14)
    assert np.linalg.det(matrix) == pytest.approx(1.0, abs=1e-14)


def test_keeps_the_shape_of_the_angles() -> None:
    phi = np.linspace(0.0, 50.0, 6).reshape(2, 3)
    matrices = rotation_matrix([0.0, 1.0, 0.0], phi)
    assert matrices.shape == (2, 3, 3, 3)
    np.testing.assert_array_equal(matrices[1, 2], rotation_matrix([0.0, 1.0, 0.0], phi[1, 2]))


@pytest.mark.parametrize("axis", [[0.0, 0.0, 0.0], [np.nan, 0.0, 1.0], [1.0, 0.0]])
def test_refuses_an_axis_without_direction(axis: list[float]) -> None:
    with pytest.raises(UserError, match="has no direction"):
        rotation_matrix(axis, 10.0)
