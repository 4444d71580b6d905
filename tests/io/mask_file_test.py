from __future__ import annotations

import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.errors import MissingExtraError, UserError
from ewaldite.io.mask_file import read_mask_file

MASK = np.random.default_rng(6).random((5, 8)) < 0.3


def fails(path: Path, shape: tuple[int, int] = (5, 8)) -> UserError:
    with pytest.raises(UserError) as raised:
        read_mask_file(path, shape)
    assert str(path) in str(raised.value)
    assert raised.value.remedy
    return raised.value


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int32, np.float64])
def test_npy(tmp_path: Path, dtype: type) -> None:
    values = np.where(MASK, 3, 0).astype(dtype)
    np.save(tmp_path / "mask.npy", values)
    found = read_mask_file(tmp_path / "mask.npy", (5, 8))
    np.testing.assert_array_equal(found, MASK)
    assert found.dtype == bool


def test_negative_values_are_excluded_too(tmp_path: Path) -> None:
    np.save(tmp_path / "mask.npy", np.where(MASK, -1, 0))
    np.testing.assert_array_equal(read_mask_file(tmp_path / "mask.npy", (5, 8)), MASK)


@settings(deadline=None, max_examples=15)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_any_shape_round_trips(
    tmp_path_factory: pytest.TempPathFactory, slow: int, fast: int, seed: int
) -> None:
    path = tmp_path_factory.mktemp("masks") / "mask.h5"
    mask = np.random.default_rng(seed).random((slow, fast)) < 0.5
    with h5py.File(path, "w") as file:
        file["mask"] = mask
    np.testing.assert_array_equal(read_mask_file(path, (slow, fast)), mask)


@pytest.mark.parametrize("name", ["mask", "entry/instrument/detector/pixel_mask", "anything"])
def test_hdf5(tmp_path: Path, name: str) -> None:
    path = tmp_path / "mask.h5"
    with h5py.File(path, "w") as file:
        file[name] = MASK.astype(np.uint32) * 2
        file["x"] = np.arange(4)
        file["cube"] = np.zeros((2, 3, 4))
    np.testing.assert_array_equal(read_mask_file(path, (5, 8)), MASK)


def test_hdf5_with_more_than_one_image(tmp_path: Path) -> None:
    path = tmp_path / "mask.nxs"
    with h5py.File(path, "w") as file:
        file["a/flatfield"] = np.ones((5, 8))
        file["a/pixel_mask"] = MASK
    # the one that is named is meant
    np.testing.assert_array_equal(read_mask_file(path, (5, 8)), MASK)
    with h5py.File(path, "a") as file:
        file["b/mask"] = MASK
    assert fails(path).found.endswith("a/flatfield, a/pixel_mask, b/mask")
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(4)
    assert fails(path).found.endswith("none")


def test_tiff(tmp_path: Path) -> None:
    pytest.importorskip("fabio")
    from fabio.tifimage import TifImage

    path = tmp_path / "mask.tif"
    TifImage(data=MASK.astype(np.uint8)).write(str(path))
    np.testing.assert_array_equal(read_mask_file(path, (5, 8)), MASK)


def test_missing_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mask.tif"
    path.write_bytes(b"II*\0")
    monkeypatch.setitem(sys.modules, "fabio", None)
    with pytest.raises(MissingExtraError, match="ewaldite\\[xray\\]"):
        read_mask_file(path, (5, 8))


@pytest.mark.parametrize("shape", [(8, 5), (5, 9), (1, 5, 8)])
def test_another_shape(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = tmp_path / "mask.npy"
    np.save(path, np.zeros(shape))
    error = fails(path)
    assert " × ".join(str(n) for n in shape[::-1]) in error.found
    assert "8 × 5" in error.found


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "does not exist" in fails(tmp_path / "mask.npy").found
    assert "does not exist" in fails(tmp_path).found


@pytest.mark.parametrize("name", ["mask.npy", "mask.tif", "mask.txt", "mask.h5"])
def test_broken_files(tmp_path: Path, name: str) -> None:
    pytest.importorskip("fabio")
    path = tmp_path / name
    path.write_bytes(b"this is no mask\n" * 40)
    fails(path)
    path.write_bytes(b"")
    fails(path)


def test_a_truncated_array(tmp_path: Path) -> None:
    path = tmp_path / "mask.npy"
    np.save(path, np.zeros((5, 8)))
    path.write_bytes(path.read_bytes()[:-50])
    fails(path)


def test_a_pickled_object_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "mask.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    fails(path)
