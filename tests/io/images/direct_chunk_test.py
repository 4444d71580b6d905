"""Frames decoded from their chunks are those that HDF5 and its plugin read."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.io.images import hdf5_series
from ewaldite.io.images.direct_chunk import decoded, stored_chunk

BSLZ4 = hdf5plugin.Bitshuffle(cname="lz4")


def frames_of(dtype: str, shape: tuple[int, int]) -> np.ndarray:
    rng = np.random.default_rng(1)
    top = np.iinfo(dtype).max
    ramp = np.arange(np.prod(shape)).reshape(shape) % 100
    wide = rng.integers(0, top, shape, dtype, endpoint=True)
    marked = rng.poisson(2, shape)
    marked[shape[0] // 2] = min(top, 2**62)
    return np.stack([marked, np.zeros(shape), ramp, wide]).astype(dtype)


@pytest.mark.parametrize("dtype", ["u2", "i4", "u8"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (64, 64), (150, 201)])
def test_chunks_are_read_as_the_plugin_reads_them(
    tmp_path: Path, dtype: str, shape: tuple[int, int]
) -> None:
    frames = frames_of(dtype, shape)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("d", data=frames, chunks=(1, *shape), **BSLZ4)
        for i, frame in enumerate(data[()]):
            chunk = stored_chunk(data, i)
            assert chunk is not None
            image = decoded(chunk, shape, data.dtype)
            assert image is not None
            assert image.dtype == frame.dtype
            assert image.flags.writeable
            np.testing.assert_array_equal(image, frame)
            again = decoded(stored_chunk(data, 0), shape, data.dtype, image)
            assert again is image
            np.testing.assert_array_equal(image, frames[0])


@pytest.mark.parametrize(
    ("chunks", "dtype", "options"),
    [
        (None, "<u2", {}),
        ((1, 20, 30), "<u2", {"compression": "gzip"}),
        ((1, 20, 30), "<u2", hdf5plugin.LZ4()),
        ((1, 20, 30), "<u2", hdf5plugin.Bitshuffle(cname="zstd")),
        ((1, 20, 30), "<u2", {**BSLZ4, "fletcher32": True}),
        ((1, 20, 30), ">u2", BSLZ4),
        ((1, 20, 30), "<f4", BSLZ4),
        ((1, 10, 30), "<u2", BSLZ4),
        ((2, 20, 30), "<u2", BSLZ4),
    ],
)
def test_everything_else_is_left_to_hdf5(
    tmp_path: Path,
    chunks: tuple[int, ...] | None,
    dtype: str,
    options: Mapping[str, object],
) -> None:
    frames = np.zeros((4, 20, 30), dtype)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("d", data=frames, chunks=chunks, **options)
        assert stored_chunk(data, 1) is None


def test_a_chunk_that_was_not_filtered_is_left_to_hdf5(tmp_path: Path) -> None:
    frame = np.arange(600, dtype="u2").reshape(20, 30)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("d", (1, 20, 30), "u2", chunks=(1, 20, 30), **BSLZ4)
        data.id.write_direct_chunk((0, 0, 0), frame.tobytes(), filter_mask=1)
        assert stored_chunk(data, 0) is None


@settings(deadline=None, max_examples=100)
@given(seed=st.integers(0, 2**32 - 1), length=st.integers(1, 2000), at=st.floats(0, 1))
def test_damage_does_no_harm(stored: bytes, seed: int, length: int, at: float) -> None:
    chunk = bytearray(stored)
    where = int(at * len(chunk))
    noise = np.random.default_rng(seed).bytes(length)[: len(chunk) - where]
    chunk[where : where + len(noise)] = noise
    image = decoded(bytes(chunk), (100, 90), np.dtype("u2"))
    assert image is None or image.shape == (100, 90)
    assert decoded(stored[:where], (100, 90), np.dtype("u2")) is None or where == len(stored)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    frames = np.random.default_rng(3).poisson(2, (1, 100, 90)).astype("u2")
    with h5py.File(tmp_path_factory.mktemp("chunk") / "a.h5", "w") as file:
        data = file.create_dataset("d", data=frames, chunks=(1, 100, 90), **BSLZ4)
        return bytes(data.id.read_direct_chunk((0, 0, 0))[1])


def test_a_series_reads_by_chunk_in_several_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = np.random.default_rng(4).poisson(3, (12, 80, 70)).astype("u4")
    with h5py.File(tmp_path / "a_master.h5", "w") as file:
        entry = file.create_group("entry")
        entry.attrs["NX_class"] = "NXentry"
        group = entry.create_group("data")
        group.attrs["NX_class"] = "NXdata"
        group.create_dataset("data_000001", data=frames, chunks=(1, 80, 70), **BSLZ4)
    series = hdf5_series.Hdf5Series(tmp_path / "a_master.h5")
    monkeypatch.setattr(
        hdf5_series, "damaged_chunk", lambda *_: pytest.fail("went the long way")
    )
    with ThreadPoolExecutor(4) as pool:
        for read, frame in zip(pool.map(series.read, range(12)), frames, strict=True):
            np.testing.assert_array_equal(read, frame)
