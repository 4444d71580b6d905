from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from ewaldite.errors import UserError
from ewaldite.io.geometry.nxmx_axes import angle_of, chain, compose, length_of, text_of

vectors = st.tuples(*[st.floats(0.1, 1.0)] * 3).map(lambda v: np.array(v) / np.linalg.norm(v))
link = st.tuples(st.booleans(), vectors, st.floats(-180.0, 180.0), vectors)


@given(st.lists(link, min_size=1, max_size=5))
@settings(deadline=None, max_examples=40)
def test_a_chain_acts_link_after_link(links: list) -> None:
    """x → R x + o, or x → x + value·vector + o, the nearest link first."""
    with h5py.File("chain.h5", "w", driver="core", backing_store=False) as file:
        group = file.create_group("moves")
        point = expected = np.array([1.0, -2.0, 3.0])
        for i, (rotates, vector, value, offset) in enumerate(links):
            dataset = group.create_dataset(f"t{i}", data=[value])
            dataset.attrs["vector"] = vector
            dataset.attrs["offset"] = offset
            dataset.attrs["offset_units"] = "cm"
            dataset.attrs["units"] = "deg" if rotates else "mm"
            dataset.attrs["transformation_type"] = "rotation" if rotates else "translation"
            dataset.attrs["depends_on"] = f"t{i + 1}" if i + 1 < len(links) else "."
            if rotates:
                expected = Rotation.from_rotvec(np.deg2rad(value) * vector).apply(expected)
            else:
                expected = expected + value * vector
            expected = expected + 10.0 * offset
        found = chain(file, "t0", "/moves")
    assert [one.path for one in found] == [f"/moves/t{i}" for i in range(len(links))]
    moved = compose(found) @ np.array([*point, 1.0])
    np.testing.assert_allclose(moved[:3], expected, atol=1e-9)


def test_a_link_has_a_value_for_every_frame(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["omega"] = np.array([0.0, 90.0, 180.0])
        file["omega"].attrs["vector"] = [0.0, 0.0, 1.0]
        file["omega"].attrs["transformation_type"] = b"rotation"
        file["omega"].attrs["units"] = b"deg"
        links = chain(file, "/omega", "/")
    for i, end in enumerate(([1, 0], [0, 1], [-1, 0], [-1, 0])):
        np.testing.assert_allclose(compose(links, i)[:2, 0], end, atol=1e-12)


@pytest.mark.parametrize(
    ("unit", "length"), [("m", 1000.0), ("mm", 1.0), ("cm", 10.0), ("um", 1e-3), (None, 1000.0)]
)
def test_lengths_become_millimetres(tmp_path: Path, unit: str | None, length: float) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = 1.0
        if unit is not None:
            file["x"].attrs["units"] = unit
        np.testing.assert_allclose(length_of(file["x"]), [length])


@pytest.mark.parametrize(("unit", "angle"), [("deg", 1.0), ("rad", 57.29577951308232)])
def test_angles_become_degrees(tmp_path: Path, unit: str, angle: float) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = [1.0, 2.0]
        file["x"].attrs["units"] = unit
        np.testing.assert_allclose(angle_of(file["x"]), [angle, 2 * angle])
        file["x"].attrs["units"] = "furlong"
        with pytest.raises(UserError, match="unit 'furlong'"):
            angle_of(file["x"])


@pytest.mark.parametrize("value", ["a", b"a", np.bytes_(b"a"), np.array([b"a"]), np.array("a")])
def test_text_is_read_however_it_was_written(value: object) -> None:
    assert text_of(value) == "a"


def test_chain_of_the_laboratory_is_empty(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        assert chain(file, ".", "/") == []
    np.testing.assert_array_equal(compose([]), np.eye(4))
