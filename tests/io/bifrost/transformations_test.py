"""Chains of transformations, against products of matrices."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.spatial.transform import Rotation

from ewaldite.errors import UserError
from ewaldite.io.bifrost.transformations import chain_of, placement, position_of, tank_of
from spectroscopy.raw_files import step


@pytest.fixture
def file(tmp_path: Path) -> Iterator[h5py.File]:
    with h5py.File(tmp_path / "a.h5", "w") as opened:
        yield opened


number = st.floats(-90, 90)
steps_of = st.lists(
    st.tuples(
        st.sampled_from(["rotation", "translation"]),
        number,
        st.sampled_from([(1, 0, 0), (0, 1, 0), (0, 0, 2.0), (1, 1, 0)]),
    ),
    max_size=5,
)


def matrix_of(kind: str, value: float, vector: Any) -> np.ndarray:
    out = np.eye(4)
    v = np.array(vector, float)
    if kind == "rotation":
        out[:3, :3] = Rotation.from_rotvec(
            np.deg2rad(value) * v / np.linalg.norm(v)
        ).as_matrix()
    else:
        out[:3, 3] = value * v
    return out


@settings(
    derandomize=True,
    deadline=None,
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps_of)
def test_the_innermost_step_comes_first(
    file: h5py.File, steps: list[tuple[str, float, Any]]
) -> None:
    file.clear()
    part = file.create_group("part")
    node = part.create_group("transformations")
    expected = np.eye(4)
    for n, (kind, value, vector) in enumerate(steps):
        after = f"t{n + 1}" if n + 1 < len(steps) else "."
        step(node, f"t{n}", value, kind, vector, after)
        expected = matrix_of(kind, value, vector) @ expected
    if steps:
        part["depends_on"] = "transformations/t0"
    assert_allclose(placement(chain_of(part)), expected, atol=1e-9)
    assert_allclose(position_of(part), expected[:3, 3], atol=1e-9)


def test_paths_may_be_absolute_or_lead_out_of_the_group(file: h5py.File) -> None:
    other = file.create_group("entry/arm/transformations")
    step(other, "r", 90.0, "rotation", (0, 1, 0), ".")
    part = file.create_group("entry/part")
    inner = part.create_group("transformations")
    part["depends_on"] = "transformations/t"
    for target in ("/entry/arm/transformations/r", "../../arm/transformations/r"):
        inner.clear()
        step(inner, "t", 2.0, "translation", (0, 0, 1), target)
        assert_allclose(position_of(part), [2.0, 0.0, 0.0], atol=1e-12)


def test_offsets_come_after_the_step_and_have_their_unit(file: h5py.File) -> None:
    part = file.create_group("part")
    step(part, "r", 180.0, "rotation", (0, 1, 0), ".")
    part["depends_on"] = "r"
    part["r"].attrs["offset"] = [100.0, 0.0, 20.0]
    part["r"].attrs["offset_units"] = "cm"
    moved = placement(chain_of(part))
    assert_allclose(moved[:3, 3], [1.0, 0.0, 0.2], atol=1e-12)
    assert_allclose(moved[:3, :3], np.diag([-1.0, 1.0, -1.0]), atol=1e-12)
    del part["r"].attrs["offset_units"]  # then it is in m
    assert_allclose(position_of(part), [100.0, 0.0, 20.0], atol=1e-9)


def tank(file: h5py.File, axis: Any, *, after: str = ".", offset: Any = None) -> Any:
    file.clear()
    part = file.create_group("part")
    step(part, "tank", 40.0, "rotation", axis, after)
    step(part, "arm", 20.0, "rotation", (0, 1, 0), "tank")
    step(part, "beyond", 0.5, "translation", (0, 0, 1), ".")
    part["depends_on"] = "arm"
    if offset is not None:
        part["tank"].attrs["offset"] = offset
    return chain_of(part)


def test_the_tank_stands_at_zero(file: h5py.File) -> None:
    chain = tank(file, (0, 1, 0))
    assert_allclose(placement(chain), matrix_of("rotation", 20.0, (0, 1, 0)), atol=1e-12)
    found = tank_of(chain)
    assert found is not None
    assert found[1] == 1.0
    for axis in ((0, -1, 0), (0, -3.0, 0)):
        down = tank_of(tank(file, axis))
        assert down is not None
        assert down[1] == -1.0
    assert tank_of([]) is None


@pytest.mark.parametrize(
    ("axis", "more"),
    [
        ((1, 0, 0), {}),
        ((0, 1, 0.01), {}),
        ((0, 1, 0), {"after": "beyond"}),
        ((0, 1, 0), {"offset": [0.0, 0.1, 0.0]}),
    ],
)
def test_a_tank_that_does_not_turn_about_the_sample(
    file: h5py.File, axis: Any, more: dict[str, Any]
) -> None:
    with pytest.raises(UserError, match="does not turn about the vertical through the sample"):
        tank_of(tank(file, axis, **more))
