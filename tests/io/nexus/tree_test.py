"""Objects in groups: kinds, names, roles."""

from __future__ import annotations

from collections.abc import Iterator

import h5py
import numpy as np
import pytest
import scipp as sc

from ewaldite.errors import UserError
from ewaldite.io.nexus.layout import text
from ewaldite.io.nexus.tree import datasets, kind_of, read_names, read_node, write_node


@pytest.fixture
def file() -> Iterator[h5py.File]:
    with h5py.File("x", "w", driver="core", backing_store=False) as file:
        yield file


def test_a_unit_in_words_is_the_label_of_the_signal(file: h5py.File) -> None:
    table = array("voxel").assign_coords(intensity_unit=sc.scalar("electrons² per unit cell"))
    node = write_node(file, "table", table)
    assert node["intensity"].attrs["long_name"] == "intensity (electrons² per unit cell)"
    assert sc.identical(read_node(node), table)
    assert "long_name" not in write_node(file, "plain", array("voxel"))["intensity"].attrs


def array(*dims: str) -> sc.DataArray:
    return sc.DataArray(sc.ones(dims=list(dims), shape=[2] * len(dims)), name="intensity")


@pytest.mark.parametrize(
    ("obj", "kind"),
    [
        (array("voxel"), "table"),
        (array("h", "k", "l"), "map"),
        (array("l", "h", "k"), "map"),
        (array("h", "k"), "array"),
        (array("voxel", "h"), "array"),
        (array("voxel").data, "array"),
        (sc.DataGroup({"a": array("voxel")}), "group"),
    ],
)
def test_kinds(obj: object, kind: str) -> None:
    assert kind_of(obj) == kind


def test_attributes_follow_the_rules_of_nxdata(file: h5py.File) -> None:
    """NeXus class definition NXdata: signal, axes (a dot where there is none), indices."""
    obj = array("h", "k", "l")
    obj.coords["h"] = sc.arange("h", 2.0)
    obj.coords["l"] = sc.arange("l", 3.0)  # edges
    obj.coords["s"] = sc.ones(dims=["k", "l"], shape=[2, 2])
    node = write_node(file, "map", obj)
    assert node.attrs["signal"] == "intensity"
    assert list(node.attrs["axes"]) == ["h", ".", "l"]
    assert node.attrs["h_indices"] == 0
    assert node.attrs["l_indices"] == 2
    assert list(node.attrs["s_indices"]) == [1, 2]
    assert node["h"].attrs["long_name"] == "h (r.l.u.)"
    assert sorted(read_names(node)) == ["h", "l", "s"]


@pytest.mark.parametrize("name", ["masks", "intensity", "intensity_errors", "signal", ""])
@pytest.mark.parametrize("masked", [False, True])
def test_a_coordinate_may_have_any_name(file: h5py.File, name: str, masked: bool) -> None:
    obj = array("voxel")
    obj.data = sc.array(dims=["voxel"], values=[1.0, 2.0], variances=[3.0, 4.0])
    obj.coords[name] = sc.array(dims=["voxel"], values=[5, 6])
    if masked:
        obj.masks[name] = sc.array(dims=["voxel"], values=[True, False])
    node = write_node(file, "table", obj)
    assert sc.identical(read_node(node), obj)
    roles = [text(item.attrs["role"]) for item in datasets(node)]
    assert roles.count("coord") == 1
    assert roles.count("mask") == int(masked)


def test_one_row_and_one_column_can_be_read(file: h5py.File) -> None:
    obj = array("voxel")
    obj.data.values = [1.0, 2.0]
    obj.coords["h"] = sc.array(dims=["voxel"], values=[5, 6])
    obj.coords["k"] = sc.array(dims=["voxel"], values=[7, 8])
    part = read_node(write_node(file, "table", obj), {"voxel": slice(1, 2)}, ["k"])
    assert part.values.tolist() == [2.0]
    assert part.coords["k"].values.tolist() == [8]
    assert "h" not in part.coords


def test_plain_values_in_a_group(file: h5py.File) -> None:
    group = sc.DataGroup(
        {"z": 1, "a": [1.5, None], "flag": True, "np": np.float64(2.5), "text": "ß"}
    )
    again = read_node(write_node(file, "group", group))
    assert dict(again) == {"z": 1, "a": [1.5, None], "flag": True, "np": 2.5, "text": "ß"}
    assert list(again) == list(group)


def test_what_cannot_be_stored_is_named(file: h5py.File) -> None:
    with pytest.raises(UserError, match="store 'odd': an object of type set"):
        write_node(file, "group", sc.DataGroup({"odd": {1, 2}}))


def test_unknown_content_is_an_error(file: h5py.File) -> None:
    node = write_node(file, "x", sc.scalar(1))
    node.attrs["content"] = "song"
    with pytest.raises(ValueError, match="song"):
        read_node(node)
