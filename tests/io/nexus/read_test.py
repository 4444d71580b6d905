"""Files that are not what they should be get one clear sentence."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import scipp as sc
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.io.nexus import GroupWriter, Sample, item_names, iterate, load, read_info, save
from ewaldite.io.nexus.layout import FORMAT
from ewaldite.model.grid import Grid
from ewaldite.model.provenance import Provenance


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "map.nxs"
    values = np.random.default_rng(0).random((20, 30, 40))
    coords = {d: sc.arange(d, float(n)) for d, n in zip("hkl", values.shape, strict=True)}
    array = sc.DataArray(sc.array(dims=["h", "k", "l"], values=values), coords=coords)
    sample = Sample((1, 2, 3, 90, 90, 90), "P 1", Grid((3, 3, 3), "split"))
    save(path, array, Provenance(command="x"), sample=sample)
    return path


def test_info_without_reading(path: Path) -> None:
    info = read_info(path)
    assert info.kind == "map"
    assert info.sizes == {"h": 20, "k": 30, "l": 40}
    assert set(info.columns) == {"h", "k", "l"}
    assert info.sample.grid == Grid((3, 3, 3), "split")
    assert info.provenance.command == "x"


def test_a_newer_version_is_refused_with_what_to_do(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["ewaldite_format"] = FORMAT + 1
    with pytest.raises(UserError, match=f"its format is {FORMAT + 1} and this") as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert "pip install --upgrade" in caught.value.remedy


def test_a_missing_file(tmp_path: Path) -> None:
    for function in (load, read_info):
        with pytest.raises(UserError, match=r"nothing\.nxs: there is no such file"):
            function(tmp_path / "nothing.nxs")


def test_another_kind_of_file(tmp_path: Path) -> None:
    (tmp_path / "x.nxs").write_text("a table? no")
    with pytest.raises(UserError, match="not an HDF5 file"):
        load(tmp_path / "x.nxs")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["entry/data"] = 3
    with pytest.raises(UserError, match="ewaldite did not write this file"):
        load(tmp_path / "other.h5")


@settings(deadline=None, max_examples=40)
@given(fraction=st.floats(0, 1, exclude_max=True))
def test_a_truncated_file(fraction: float, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("cut") / "x.nxs"
    save(path, sc.DataArray(sc.arange("voxel", 5000.0), name="intensity"))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(fraction * len(whole))])
    with pytest.raises(UserError, match=r"truncated or damaged|not an HDF5 file"):
        load(path)


def test_a_flipped_bit_in_the_data_is_noticed(path: Path) -> None:
    with h5py.File(path, "r") as file:
        chunk = file["entry/map/signal"].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + chunk.size // 2] ^= 4
    path.write_bytes(content)
    assert read_info(path).kind == "map"
    with pytest.raises(UserError, match="truncated or damaged"):
        load(path)


@pytest.mark.parametrize(
    "node",
    [
        "entry", "entry/map", "entry/map/signal", "entry/sample/grid/n",
        "entry/process/provenance/data",
    ],
)  # fmt: skip
def test_a_missing_part(node: str, path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file[node]

    def read_all() -> None:
        read_info(path)
        load(path)

    with pytest.raises(UserError, match="truncated or damaged"):
        read_all()


@pytest.mark.parametrize(
    ("node", "attribute", "value"),
    [
        ("entry/map", "content", "song"),
        ("entry/map/signal", "dims", "no json"),
        ("entry/map/signal", "dtype", 3),
        ("entry/map/h", "units", 3),
        ("entry", "object", "elsewhere"),
    ],
)
def test_nonsense_in_an_attribute(node: str, attribute: str, value: object, path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file[node].attrs[attribute] = value
    with pytest.raises(UserError, match="truncated or damaged"):
        load(path)


def test_only_tables_have_rows(path: Path) -> None:
    with pytest.raises(UserError, match="it holds a map"):
        next(iterate(path))


def test_a_part_of_a_map_is_that_part(tmp_path: Path) -> None:
    shape = {"h": 9, "k": 5, "l": 4}
    values, spread, chance = np.random.default_rng(8).random((3, 9, 5, 4))
    axes = {x: sc.array(dims=[x], values=np.arange(n) / 3 - 1) for x, n in shape.items()}
    whole = sc.DataArray(
        sc.array(dims=list(shape), values=values, variances=spread),
        coords=axes,
        masks={"absent": sc.array(dims=list(shape), values=chance < 0.5)},
    )
    path = tmp_path / "map.nxs"
    save(path, whole)
    assert sc.identical(load(path, within={"k": (0.0, 0.0)}), whole["k", 3:4])
    # a border belongs to both voxels that meet there
    assert sc.identical(load(path, within={"h": (-0.5, 0.5)}), whole["h", 1:6])
    found = load(path, within={"h": (0.0, 0.3), "l": (-9.0, -0.9)})
    assert sc.identical(found, whole["h", 3:5]["l", :1])
    with pytest.raises(UserError, match=r"the map reaches from -1\.16667 to 0\.5"):
        load(path, within={"k": (2.0, 3.0)})


def test_items_of_a_group_are_written_and_read_one_by_one(tmp_path: Path) -> None:
    items = {
        "b": sc.DataGroup({"x": sc.arange("slow", 3.0)}),
        "a": sc.DataGroup({"x": sc.scalar(2), "note": "text"}),
        "a b.c": sc.arange("slow", 4),
    }
    one, other = tmp_path / "one.nxs", tmp_path / "other.nxs"
    save(one, sc.DataGroup(items))
    with GroupWriter(other) as writer:
        for name, item in items.items():
            writer.put(name, item)
    for path in (one, other):
        assert item_names(path) == ["b", "a", "a b.c"]
        assert sc.identical(load(path), sc.DataGroup(items))
        for name, item in items.items():
            assert sc.identical(load(path, item=name), item)
    with pytest.raises(UserError, match="read 'c' from"):
        load(one, item="c")


def test_a_group_that_fails_leaves_no_file(tmp_path: Path) -> None:
    def write() -> None:
        with GroupWriter(tmp_path / "group.nxs") as writer:
            writer.put("a", sc.scalar(1))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write()
    assert not list(tmp_path.iterdir())
