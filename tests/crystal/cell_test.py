from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from ewaldite.crystal.cell import (
    cell_from_axes,
    nearest_rotation,
    orientation,
    orthogonalization,
    volume,
)
from ewaldite.errors import UserError

ORACLE = json.loads((Path(__file__).parents[1] / "oracles" / "geometry_xds.json").read_text())

lengths = st.tuples(*[st.floats(5.0, 400.0)] * 3)
# these angles always close a cell
angles = st.tuples(*[st.floats(65.0, 115.0)] * 3)
cells = st.builds(lambda a, b: np.array([*a, *b]), lengths, angles)
rotations = st.builds(
    lambda v: Rotation.from_rotvec(v).as_matrix(), st.tuples(*[st.floats(-3.0, 3.0)] * 3)
)


@pytest.mark.parametrize("wedge", ORACLE["wedges"], ids=lambda w: str(w["wedge_1based"]))
def test_matrix_volume_and_orientation_agree_with_mdx_lib(wedge: dict) -> None:
    cell = wedge["cell"]
    axes = np.array([wedge["a_axis"], wedge["b_axis"], wedge["c_axis"]]).T
    matrix = orthogonalization(cell)
    rotation = orientation(cell, axes)
    np.testing.assert_allclose(
        matrix, wedge["orthogonalizationMatrix_O"], rtol=1e-9, atol=1e-12
    )
    np.testing.assert_allclose(volume(cell), wedge["vCell"], rtol=1e-9)
    np.testing.assert_allclose(rotation, wedge["crystal_rotationMatrix_Rc"], rtol=1e-9)
    np.testing.assert_allclose(rotation @ matrix - axes, wedge["alignmentError"], atol=1e-12)


def test_orientation_of_the_input_axes_agrees_with_mdx_lib() -> None:
    given_ = ORACLE["input"]
    axes = np.array([given_["a_axis"], given_["b_axis"], given_["c_axis"]]).T
    rotation = orientation(given_["cell"], axes)
    np.testing.assert_allclose(rotation, given_["crystal_rotationMatrix_from_inp"], rtol=1e-9)
    misfit = rotation @ orthogonalization(given_["cell"]) - axes
    np.testing.assert_allclose(misfit, given_["crystal_alignmentError_from_inp"], rtol=1e-9)


def test_reciprocal_cell_agrees_with_mdx_lib() -> None:
    wedge = ORACLE["wedges"][0]
    reciprocal = np.linalg.inv(orthogonalization(wedge["cell"])).T
    np.testing.assert_allclose(cell_from_axes(reciprocal), wedge["reciprocal_cell"], rtol=1e-9)


@given(cells)
@settings(deadline=None)
def test_cell_of_the_matrix_is_the_cell(cell: np.ndarray) -> None:
    matrix = orthogonalization(cell)
    np.testing.assert_allclose(cell_from_axes(matrix), cell, rtol=1e-9)
    np.testing.assert_allclose(np.linalg.det(matrix), volume(cell), rtol=1e-9)
    assert matrix[1, 0] == matrix[2, 0] == matrix[2, 1] == 0.0


@given(cells, rotations)
@settings(deadline=None)
def test_orientation_finds_the_rotation_of_exact_axes(
    cell: np.ndarray, rotation: np.ndarray
) -> None:
    found = orientation(cell, rotation @ orthogonalization(cell))
    np.testing.assert_allclose(found, rotation, atol=1e-8)


@given(cells, rotations, rotations)
@settings(deadline=None)
def test_no_other_rotation_is_nearer(
    cell: np.ndarray, r: np.ndarray, other: np.ndarray
) -> None:
    axes = r @ orthogonalization(cell) + 0.1
    matrix = orthogonalization(cell)
    best = np.linalg.norm(orientation(cell, axes) @ matrix - axes)
    assert best <= np.linalg.norm(other @ matrix - axes) + 1e-9


def test_nearest_rotation_of_a_reflection_is_proper() -> None:
    found = nearest_rotation(np.diag([1.0, 1.0, -0.5]))
    np.testing.assert_allclose(np.linalg.det(found), 1.0)


@pytest.mark.parametrize(
    "cell",
    [
        [10, 10, 10, 90, 90],
        [10, 0, 10, 90, 90, 90],
        [10, 10, 10, 90, 90, 200],
        [10, 10, 10, 60, 60, 120],
        [10, 10, 10, 120, 120, 120],
        [10, 10, float("nan"), 90, 90, 90],
    ],
)
def test_impossible_cells_are_refused(cell: list[float]) -> None:
    with pytest.raises(UserError, match="belong to no cell"):
        orthogonalization(cell)
    with pytest.raises(UserError, match="belong to no cell"):
        volume(cell)
