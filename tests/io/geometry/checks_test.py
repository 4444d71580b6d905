from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.io.geometry.checks import check_axes, check_wavelength, read_text, unit_vector

PATH = Path("some/file")
vectors = st.tuples(*[st.floats(-100.0, 100.0)] * 3).map(np.array)


@given(vectors, st.floats(0.01, 100.0))
@settings(deadline=None)
def test_unit_vectors_keep_their_direction(vector: np.ndarray, scale: float) -> None:
    assume(np.linalg.norm(vector) > 1e-3)
    unit = unit_vector(scale * vector, "axis", PATH)
    np.testing.assert_allclose(np.linalg.norm(unit), 1.0)
    np.testing.assert_allclose(unit * np.linalg.norm(vector), vector, atol=1e-12)


@pytest.mark.parametrize("value", [[0, 0, 0], [1, 2], [np.nan, 0, 1], [np.inf, 0, 1]])
def test_vectors_without_direction_name_file_and_value(value: list[float]) -> None:
    with pytest.raises(UserError, match=r"some/file: the spindle is .* no direction"):
        unit_vector(value, "the spindle", PATH)


@given(vectors, vectors, vectors)
@settings(deadline=None)
def test_axes_pass_in_one_hand_only(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
    axes = np.stack([a, b, c], axis=1)
    edges = np.prod(np.linalg.norm(axes, axis=0))
    assume(edges > 1.0)
    # not numpy.linalg.det, which warns of denormal numbers
    relative = float(a @ np.cross(b, c)) / edges
    assume(abs(abs(relative) - 1e-3) > 1e-6)
    if relative > 1e-3:
        np.testing.assert_array_equal(check_axes(axes, PATH), axes)
        with pytest.raises(UserError, match="left-handed"):
            check_axes(axes[:, [1, 0, 2]], PATH)
        with pytest.raises(UserError, match="left-handed"):
            check_axes(np.stack([axes, -axes]), PATH)
    elif abs(relative) < 1e-3:
        with pytest.raises(UserError, match="lie in a plane"):
            check_axes(axes, PATH)
    else:
        with pytest.raises(UserError, match="left-handed"):
            check_axes(axes, PATH)


def test_axes_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(UserError, match="lie in a plane"):
        check_axes(np.full((3, 3), np.nan), PATH)
    with pytest.raises(UserError, match="lie in a plane"):
        check_axes(np.zeros((2, 3, 3)), PATH)


@pytest.mark.parametrize("value", [None, 0.0, -1.0, float("nan"), float("inf")])
def test_senseless_wavelengths_are_refused(value: float | None) -> None:
    with pytest.raises(UserError, match="wavelength"):
        check_wavelength(value, PATH)


def test_good_wavelength_passes() -> None:
    assert check_wavelength(0.977, PATH) == 0.977


def test_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing: the file cannot be opened \(No such file"):
        read_text(tmp_path / "nothing")
