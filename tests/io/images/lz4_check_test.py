"""Damaged LZ4 chunks are found before the decompressor meets them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.io.images.lz4_check import damaged_chunk, sound_chunk

FILTERS: dict[str, Mapping[str, object]] = {
    "shuffled": hdf5plugin.Bitshuffle(cname="lz4"),
    "plain": hdf5plugin.LZ4(),
}


def dataset(file: h5py.File, kind: str, frames: np.ndarray, chunks: tuple[int, ...]):
    return file.create_dataset("d", data=frames, chunks=chunks, **FILTERS[kind])


@pytest.mark.parametrize("kind", FILTERS)
@pytest.mark.parametrize("dtype", ["u1", "u2", "i4", "u8"])
@pytest.mark.parametrize("shape", [(3, 1), (7, 9), (64, 64), (150, 201)])
def test_sound_chunks_pass(
    tmp_path: Path, kind: str, dtype: str, shape: tuple[int, int]
) -> None:
    rng = np.random.default_rng(1)
    ramp = np.arange(np.prod(shape)).reshape(shape) % 100
    kinds = [rng.poisson(2, shape), np.zeros(shape), rng.integers(0, 120, shape), ramp]
    frames = np.stack(kinds).astype(dtype)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = dataset(file, kind, frames, (1, *shape))
        assert not any(damaged_chunk(data, i) for i in range(4))


def test_other_chunkings_and_filters_pass(tmp_path: Path) -> None:
    frames = np.random.default_rng(2).poisson(2, (5, 20, 30)).astype("u2")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        tiled = dataset(file, "shuffled", frames, (2, 7, 11))
        assert not any(damaged_chunk(tiled, i) for i in range(5))
        zipped = file.create_dataset("z", data=frames, chunks=(1, 20, 30), compression="gzip")
        zstd = file.create_dataset(
            "s", data=frames, chunks=(1, 20, 30), **hdf5plugin.Bitshuffle(cname="zstd")
        )
        whole = file.create_dataset("w", data=frames)
        assert not any(damaged_chunk(data, 0) for data in (zipped, zstd, whole))


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    frames = np.random.default_rng(3).poisson(2, (1, 100, 90)).astype("u2")
    chunks = {}
    for kind in FILTERS:
        path = tmp_path_factory.mktemp("lz4") / "a.h5"
        with h5py.File(path, "w") as file:
            data = dataset(file, kind, frames, (1, 100, 90))
            chunks[kind] = data.id.read_direct_chunk((0, 0, 0))[1]
    return chunks


SIZE = 100 * 90 * 2


@settings(deadline=None, max_examples=60)
@given(share=st.floats(0, 0.9999), kind=st.sampled_from(sorted(FILTERS)))
def test_a_cut_chunk_is_damaged(stored: dict[str, bytes], share: float, kind: str) -> None:
    chunk = stored[kind]
    group = 16 if kind == "shuffled" else 0
    assert sound_chunk(chunk, SIZE, group)
    assert not sound_chunk(chunk[: int(share * len(chunk))], SIZE, group)
    assert not sound_chunk(chunk + b"\0", SIZE, group)
    assert not sound_chunk(chunk, SIZE + 2, group)


@settings(deadline=None, max_examples=150)
@given(
    seed=st.integers(0, 2**32 - 1),
    length=st.integers(1, 2000),
    at=st.floats(0, 1),
    kind=st.sampled_from(sorted(FILTERS)),
)
def test_what_passes_does_no_harm(
    stored: dict[str, bytes],
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    length: int,
    at: float,
    kind: str,
) -> None:
    # Read without the check, 23 of 30 such files (bitshuffle, hdf5plugin 7.1) ended the
    # process by a segmentation fault.
    chunk = bytearray(stored[kind])
    where = int(at * len(chunk))
    noise = np.random.default_rng(seed).bytes(length)[: len(chunk) - where]
    chunk[where : where + len(noise)] = noise
    path = tmp_path_factory.mktemp("bad") / "a.h5"
    with h5py.File(path, "w") as file:
        data = dataset(file, kind, np.zeros((1, 100, 90), "u2"), (1, 100, 90))
        data.id.write_direct_chunk((0, 0, 0), bytes(chunk))
    with h5py.File(path) as file:
        if not damaged_chunk(file["d"], 0):
            assert file["d"][0].shape == (100, 90)
