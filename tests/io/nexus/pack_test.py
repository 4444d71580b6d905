"""Chunks that are packed in threads are to the byte those that HDF5 packs."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipp as sc
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ewaldite.io.nexus import GroupWriter, TableWriter, load, packing, save
from ewaldite.io.nexus.layout import new_dataset
from ewaldite.io.nexus.pack import Packer, fletcher32

RNG = np.random.default_rng(3)
# Less than a chunk, several, none at the edge of a chunk, and of every kind of element
ARRAYS: dict[str, NDArray[Any]] = {
    "rows": RNG.normal(size=150_000),
    "just": RNG.poisson(3.0, 65_536).astype(np.int32),
    "flags": RNG.random(70_000) > 0.5,
    "image": RNG.normal(size=(300, 517)).astype(np.float32),
    "map": RNG.normal(size=(40, 33, 20)),
    "strided": RNG.normal(size=(300, 400))[::2, ::3],
    "zero": np.zeros(9_000),
}


def chunks(dataset: h5py.Dataset) -> list[tuple[int, bytes]]:
    steps = [range(0, n, c) for n, c in zip(dataset.shape, dataset.chunks, strict=True)]
    return [dataset.id.read_direct_chunk(place) for place in product(*steps)]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("name", ARRAYS)
def test_the_bytes_are_those_of_hdf5(name: str, threads: int, tmp_path: Path) -> None:
    values = ARRAYS[name]
    with h5py.File(tmp_path / "x.h5", "w") as file:
        expected = new_dataset(file, "hdf5", values)
        with packing(threads):
            pack = Packer()
            given = values.copy()
            made = new_dataset(file, "ours", given, pack=pack)
            given[:] = 1  # what was handed over may be used again
            pack.finish()
        assert made.dtype == expected.dtype
        np.testing.assert_array_equal(made[()], values)
        assert chunks(made) == chunks(expected)


@example(b"")
@example(b"\x00\x00\x00")
@example(b"\xff\xff")
@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=400))
def test_the_checksum_is_fletchers(content: bytes) -> None:
    low = high = 0
    for i in range(0, len(content), 2):
        word = content[i : i + 2].ljust(2, b"\0")
        low += word[0] << 8 | word[1]
        high += low
    # ones' complement: carries are added at the lower end, and what is not 0 stays so
    for _ in range(4):
        low, high = ((x & 0xFFFF) + (x >> 16) for x in (low, high))
    assert fletcher32(content) == high << 16 | low


def table(start: int, stop: int) -> sc.DataArray:
    rows = np.arange(start, stop)
    return sc.DataArray(
        sc.array(dims=["voxel"], values=np.sqrt(rows), variances=rows * 1.5, unit="counts"),
        coords={
            "h": sc.array(dims=["voxel"], values=rows % 7.0),
            "name": sc.array(dims=["voxel"], values=[f"v{n % 3}" for n in rows]),
            "cell": sc.scalar(3.5, unit="angstrom"),
        },
        masks={"odd": sc.array(dims=["voxel"], values=rows % 2 == 1)},
    )


@pytest.mark.parametrize("threads", [1, 3])
def test_blocks_of_any_length_make_the_same_table(threads: int, tmp_path: Path) -> None:
    whole = table(0, 140_000)
    save(tmp_path / "whole.nxs", whole)
    with packing(threads), TableWriter(tmp_path / "blocks.nxs") as writer:
        for start, stop in ((0, 3), (3, 10), (10, 65_536), (65_536, 140_000)):
            writer.append(table(start, stop))
    assert sc.identical(load(tmp_path / "blocks.nxs"), whole)
    with h5py.File(tmp_path / "whole.nxs") as one, h5py.File(tmp_path / "blocks.nxs") as two:
        for name in ("counts", "h", "masks/odd"):
            if f"entry/table/{name}" in one:
                first, second = (f[f"entry/table/{name}"] for f in (one, two))
                assert chunks(first)[:2] == chunks(second)[:2]


def test_files_that_are_open_together_do_not_mix(tmp_path: Path) -> None:
    items = {name: sc.array(dims=["x"], values=RNG.normal(size=90_000)) for name in "abc"}
    with (
        packing(2),
        GroupWriter(tmp_path / "one.nxs") as one,
        GroupWriter(tmp_path / "two.nxs") as two,
    ):
        for name, item in items.items():
            one.put(name, item)
            two.put(name, -item)
    for path, sign in (("one.nxs", 1.0), ("two.nxs", -1.0)):
        found = load(tmp_path / path)
        for name, item in items.items():
            assert sc.identical(found[name], sign * item)


def test_a_file_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    def half() -> None:
        with packing(2), TableWriter(tmp_path / "x.nxs") as writer:
            writer.append(table(0, 200_000))
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        half()
    assert not list(tmp_path.iterdir())
    save(tmp_path / "x.nxs", table(0, 5))
    assert sc.identical(load(tmp_path / "x.nxs"), table(0, 5))
