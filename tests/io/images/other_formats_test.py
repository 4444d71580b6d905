"""Formats that only fabio knows."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from fabio.edfimage import EdfImage
from fabio.tifimage import TifImage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ewaldite.io.images.other_formats import FabioCodec, as_counts
from ewaldite.io.images.series import FrameError

QUIET = settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
IMAGE = np.random.default_rng(4).integers(0, 500, (40, 30)).astype(np.uint16)


@pytest.mark.parametrize(("kind", "suffix"), [(EdfImage, "edf"), (TifImage, "tif")])
@pytest.mark.parametrize("packed", [False, True])
def test_edf_and_tiff(tmp_path: Path, kind, suffix: str, packed: bool) -> None:
    path = tmp_path / f"a_01.{suffix}"
    kind(data=IMAGE).write(str(path))
    if packed:
        whole = path.with_suffix(path.suffix + ".gz")
        whole.write_bytes(gzip.compress(path.read_bytes()))
        path = whole
    read = FabioCodec().read(path)
    np.testing.assert_array_equal(read, IMAGE)
    assert FabioCodec().header(path).shape == (40, 30)
    assert FabioCodec().header(path).dtype == read.dtype


@QUIET
@given(share=st.floats(0, 0.99))
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("kind", "suffix"), [(EdfImage, "edf"), (TifImage, "tif")])
def test_a_cut_file_is_noticed(tmp_path: Path, kind, suffix, packed, share) -> None:
    path = tmp_path / f"a_01.{suffix}"
    kind(data=IMAGE).write(str(path))
    raw = gzip.compress(path.read_bytes()) if packed else path.read_bytes()
    path = path.with_suffix(path.suffix + ".gz") if packed else path
    path.write_bytes(raw[: int(share * len(raw))])
    with pytest.raises(FrameError, match="a_01"):
        FabioCodec().read(path)


@pytest.mark.parametrize(
    "magic", [b"", b"OD", b"IM", b"No", b"<", b"\x93NUMPY", b"MM\0*", b"{"]
)
def test_garbage_is_noticed(tmp_path: Path, magic: bytes) -> None:
    path = tmp_path / "a.img"
    path.write_bytes(magic + np.random.default_rng(1).bytes(3000))
    with pytest.raises(FrameError, match=r"a\.img"):
        FabioCodec().read(path)


def test_several_images_in_one_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.edf"
    image = EdfImage(data=IMAGE)
    image.append_frame(data=IMAGE)
    image.write(str(path))
    with pytest.raises(FrameError, match="several images"):
        FabioCodec().read(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FrameError, match=r"none\.edf"):
        FabioCodec().read(tmp_path / "none.edf")


def test_whole_numbers_in_floats_are_counts() -> None:
    image = np.array([[0.0, 5.0], [np.nan, -2.0]], dtype=np.float32)
    counts = as_counts(image, Path("a.tif"))
    assert counts.dtype == np.int32
    np.testing.assert_array_equal(counts, [[0, 5], [-1, -2]])


@pytest.mark.parametrize("value", [0.5, np.inf, 1e12])
def test_other_floats_are_refused(value: float) -> None:
    with pytest.raises(FrameError, match="not counts"):
        as_counts(np.array([[1.0, value]]), Path("a.tif"))


def test_byte_order_becomes_native() -> None:
    counts = as_counts(np.array([[1, 2]], dtype=">u2"), Path("a.tif"))
    assert counts.dtype == np.uint16
    assert counts.dtype.isnative
