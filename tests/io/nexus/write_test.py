"""Whole results: round trips, and what other NeXus programs see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import nexusformat.nexus as nx
import numpy as np
import pytest
import scipp as sc
from hypothesis import given, settings
from hypothesis import strategies as st

import ewaldite
from ewaldite.errors import UserError
from ewaldite.io.nexus import Sample, load, save
from ewaldite.io.nexus import sink as sink_module
from ewaldite.model.provenance import Provenance

CELL = (27.4, 32.2, 34.5, 88.0, 108.0, 112.0)
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "result.nxs"


def table(rows: int = 500, seed: int = 0) -> sc.DataArray:
    rng = np.random.default_rng(seed)
    array = sc.DataArray(
        sc.array(
            dims=["voxel"],
            values=rng.normal(3, 1, rows),
            variances=rng.random(rows),
            unit="counts/mrad**2/s",
        ),
        name="intensity",
    )
    for name in "hkl":
        array.coords[name] = sc.array(dims=["voxel"], values=rng.integers(-20, 20, rows) / 3)
    array.coords["counts"] = sc.array(
        dims=["voxel"], values=rng.poisson(3, rows), unit="counts"
    )
    array.coords["temperature"] = sc.scalar(100.0, unit="K")
    array.coords.set_aligned("temperature", False)
    array.masks["bragg"] = sc.array(dims=["voxel"], values=rng.random(rows) < 0.1)
    return array


def volume() -> sc.DataArray:
    rng = np.random.default_rng(1)
    values = rng.normal(3, 1, (5, 7, 9))
    values[0, 0, :] = np.nan
    array = sc.DataArray(
        sc.array(
            dims=["h", "k", "l"], values=values, variances=values**2, unit="counts/mrad**2/s"
        ),
        coords={
            name: sc.linspace(name, -1, 1, size)
            for name, size in zip("hkl", values.shape, strict=True)
        },
        name="intensity",
    )
    array.masks["few"] = array.coords["h"] > sc.scalar(0.5)
    return array


@st.composite
def arrays(draw: st.DrawFn) -> sc.DataArray:
    shape = draw(st.lists(st.integers(0, 4), max_size=3))
    dims = draw(st.permutations(["voxel", "h", "k", "l"]))[: len(shape)]
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    make = {
        "float64": lambda n: rng.normal(size=n),
        "float32": lambda n: rng.normal(size=n).astype(np.float32),
        "int64": lambda n: rng.integers(-(2**60), 2**60, n),
        "int32": lambda n: rng.integers(-(2**30), 2**30, n).astype(np.int32),
        "bool": lambda n: rng.random(n) < 0.5,
    }
    units = st.sampled_from(["one", "counts/mrad**2/s", "1/angstrom", "deg", None])

    def variable(kinds: list[str], bins: bool = False) -> sc.Variable:
        kind = draw(st.sampled_from(kinds))
        count = draw(st.integers(0, len(dims)))
        chosen = draw(st.permutations(dims))[:count]
        size = [shape[dims.index(dim)] for dim in chosen]
        if bins and size:
            size[0] += 1
        out = sc.zeros(dims=chosen, shape=size, dtype=kind, unit=draw(units))
        if out.ndim:
            out.values = make[kind](size)
        return out

    data = sc.zeros(dims=dims, shape=shape, unit=draw(units))
    if shape:
        data.values = make["float64"](shape)
        if draw(st.booleans()):
            data.variances = make["float64"](shape) ** 2
    array = sc.DataArray(data, name=draw(NAMES))
    for name in draw(st.lists(NAMES, max_size=3, unique=True)):
        array.coords[name] = variable(list(make), bins=draw(st.booleans()))
        array.coords.set_aligned(name, draw(st.booleans()))
    for name in draw(st.lists(NAMES, max_size=2, unique=True)):
        array.masks[name] = variable(["bool"])
    return array


def same(a: Any, b: Any) -> bool:
    """Identical, down to names, alignment and what scipp's own comparison passes over."""
    if isinstance(a, sc.DataGroup):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if not isinstance(a, (sc.DataArray, sc.Variable)):
        return type(a) is type(b) and bool(a == b)
    if not sc.identical(a, b, equal_nan=True):
        return False
    if isinstance(a, sc.DataArray):
        aligned = all(a.coords[n].aligned == b.coords[n].aligned for n in a.coords)
        return a.name == b.name and aligned and a.dtype == b.dtype
    return True


@settings(deadline=None, max_examples=100)
@given(array=arrays())
def test_any_data_array_comes_back(
    array: sc.DataArray, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("array") / "x.nxs"
    save(path, array)
    assert same(load(path), array)


@settings(deadline=None, max_examples=30)
@given(
    items=st.dictionaries(
        NAMES, st.one_of(arrays(), st.integers(), st.floats(allow_nan=False), NAMES), max_size=3
    )
)
def test_any_group_comes_back(
    items: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("group") / "x.nxs"
    group = sc.DataGroup(
        {**items, "inner": sc.DataGroup({"list": [1, "a", None], **items}), "v": sc.scalar(2)}
    )
    save(path, group)
    assert same(load(path), group)


@pytest.mark.parametrize("obj", [table(), table(0), volume(), table().data, sc.scalar(3.0)])
def test_results_come_back(obj: Any, path: Path) -> None:
    ewaldite.save(path, obj)
    assert same(ewaldite.load(path), obj)


def test_the_default_plot_of_a_map_is_the_volume(path: Path) -> None:
    array = volume()
    save(path, array)
    plot = nx.nxload(path).plottable_data
    assert plot.nxpath == "/entry/map"
    assert plot.nxsignal.nxname == "intensity"
    assert plot.nxsignal.units == "counts/mrad^2/s"
    assert [axis.nxname for axis in plot.nxaxes] == ["h", "k", "l"]
    np.testing.assert_array_equal(plot.nxsignal.nxdata, array.values)
    np.testing.assert_array_equal(plot.nxaxes[2].nxdata, array.coords["l"].values)
    np.testing.assert_allclose(plot.nxerrors.nxdata, np.sqrt(array.variances), rtol=1e-7)


def test_the_default_plot_of_a_table_is_a_curve_over_s(path: Path) -> None:
    save(path, table(), sample=Sample(cell=CELL))
    plot = nx.nxload(path).plottable_data
    assert plot.nxpath == "/entry/shells"
    assert [axis.nxname for axis in plot.nxaxes] == ["s"]
    assert plot.nxaxes[0].units == "1/angstrom"
    assert plot.nxerrors.shape == plot.nxsignal.shape
    assert len(plot.nxsignal) > 20
    root = nx.nxload(path)
    # the coordinates of a row are found by the rules of NXdata too
    assert root["entry/table"].attrs["h_indices"] == 0
    assert root["entry/table"].nxsignal.shape == (500,)
    assert root["entry/table"].nxerrors.shape == (500,)


def test_without_cell_or_s_the_table_itself_is_plotted(path: Path) -> None:
    save(path, table())
    assert nx.nxload(path).plottable_data.nxpath == "/entry/table"


def test_the_default_plot_of_a_group_is_its_first_array(path: Path) -> None:
    group = sc.DataGroup({"n": 3, "in": sc.DataGroup({"a": volume(), "b": volume()})})
    save(path, group)
    assert nx.nxload(path).plottable_data.nxpath == "/entry/group/in/a"


def test_bin_edges_are_axes_too(path: Path) -> None:
    array = sc.DataArray(
        sc.arange("s", 4.0), coords={"s": sc.arange("s", 5.0, unit="1/angstrom")}, name="cc"
    )
    save(path, array)
    plot = nx.nxload(path).plottable_data
    assert plot.nxaxes[0].shape == (5,)
    assert same(load(path), array)


def test_every_group_has_a_nexus_class(path: Path) -> None:
    save(path, sc.DataGroup({"a": volume(), "b": table()}), sample=Sample(cell=CELL))
    classes = set()

    def visit(name: str, node: Any) -> None:
        if isinstance(node, h5py.Group):
            classes.add(node.attrs["NX_class"])

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    assert classes == {
        "NXcollection", "NXdata", "NXentry", "NXnote", "NXprocess", "NXsample",
    }  # fmt: skip


def test_provenance_is_readable_without_this_program(path: Path) -> None:
    record = Provenance(
        command="ewaldite diffuse run a.toml", options="[map]\nx = 1", notes=("no f″",)
    )
    save(path, volume(), record)
    process = nx.nxload(path)["entry/process"]
    assert process["command"].nxvalue == record.command
    assert process["options/data"].nxvalue == record.options
    assert process["notes/data"].nxvalue == "no f″"
    assert process["version"].nxvalue == record.version


def test_same_input_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save(tmp_path / name, table(), sample=Sample(cell=CELL))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    "obj",
    [3, "text", {"a": 1}, sc.Dataset({"a": sc.scalar(1)}), sc.DataGroup({"a": object()})],
)
def test_what_has_no_place_is_refused(obj: Any, path: Path) -> None:
    path.write_text("old")
    with pytest.raises(UserError, match="Cannot"):
        save(path, obj)
    assert path.read_text() == "old"
    assert len(list(path.parent.iterdir())) == 1


def test_a_full_disk_is_one_sentence(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> int:
        raise OSError(28, "No space left on device")

    save(path, volume())
    old = path.read_bytes()
    monkeypatch.setattr(sink_module.os, "pwrite", full)
    with pytest.raises(UserError, match=f"write {path}: the disk is full"):
        save(path, table())
    assert path.read_bytes() == old
    assert len(list(path.parent.iterdir())) == 1


def test_images_of_a_group_are_drawn_as_they_are(path: Path) -> None:
    mask = sc.array(dims=["slow", "fast"], values=[[True, False, False], [False, True, True]])
    gain = sc.array(dims=["slow", "fast"], values=np.ones((2, 3)), unit="mm")
    group = sc.DataGroup({"z": sc.DataGroup({"one": mask, "alone": sc.scalar(1)}), "b": gain})
    save(path, group)
    plot = nx.nxload(path).plottable_data  # the first in the order of the group
    assert plot.nxname == "one"
    assert plot.nxsignal.nxdata.tolist() == [[1, 0, 0], [0, 1, 1]]
    assert plot.nxsignal.dtype == np.uint8  # viewers draw no logical values
    assert load(path)["z"]["one"].dtype == sc.DType.bool
    assert same(load(path), group)


@pytest.mark.parametrize(
    ("way", "shown"),
    [
        ((), "a"),
        (("c",), "d"),
        (("c", "e"), "e"),
        (("c", "gone"), "d"),
        (("gone", "e"), "a"),
        (("bare",), "a"),  # what has coordinates goes before bare numbers
    ],
)
def test_what_is_shown_first_can_be_wished(
    path: Path, way: tuple[str, ...], shown: str
) -> None:
    array = sc.DataArray(sc.arange("x", 3.0), coords={"x": sc.arange("x", 3)})
    inner = sc.DataGroup({"d": array, "e": array})
    bare = sc.arange("x", 3.0)
    save(path, sc.DataGroup({"bare": bare, "a": array, "c": inner}), plot=way)
    assert nx.nxload(path).plottable_data.nxname == shown
