"""Tables written block by block are the tables written at once."""

from __future__ import annotations

import errno
import os
from itertools import pairwise
from pathlib import Path

import h5py
import nexusformat.nexus as nx
import numpy as np
import pytest
import scipp as sc
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.io.nexus import MapWriter, Sample, TableWriter, iterate, load, read_info, save
from ewaldite.io.nexus import sink as sink_module
from ewaldite.model.provenance import Provenance

CELL = (27.4, 32.2, 34.5, 88.0, 108.0, 112.0)
ROWS = 300


def table(rows: int = ROWS) -> sc.DataArray:
    rng = np.random.default_rng(4)

    def column(values: np.ndarray, unit: str = "one") -> sc.Variable:
        return sc.array(dims=["voxel"], values=values, unit=unit)

    array = sc.DataArray(
        sc.array(
            dims=["voxel"],
            values=rng.normal(3, 1, rows),
            variances=rng.random(rows),
            unit="counts/mrad**2/s",
        ),
        coords={name: column(rng.integers(-9, 9, rows) / 3) for name in "hkl"},
        masks={"bragg": sc.array(dims=["voxel"], values=rng.random(rows) < 0.2)},
        name="intensity",
    )
    array.coords["panel"] = column(rng.integers(0, 60, rows).astype(np.int32))
    array.coords["sweep"] = sc.array(dims=["voxel"], values=["a", "b", "ü"] * (rows // 3))
    array.coords["background"] = sc.array(
        dims=["voxel"], values=rng.random(rows), variances=rng.random(rows)
    )
    array.coords["wavelength"] = sc.scalar(0.977, unit="angstrom")
    return array


WHOLE = table()


@settings(deadline=None, max_examples=20)
@given(cuts=st.lists(st.integers(0, ROWS), max_size=5), size=st.integers(60, 400))
def test_any_cutting_gives_the_same_table(
    cuts: list[int], size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("table") / "observations.nxs"
    edges = [0, *sorted(cuts), ROWS]
    with TableWriter(path, sample=Sample(cell=CELL)) as writer:
        for start, stop in pairwise(edges):
            writer.append(WHOLE["voxel", start:stop])
    assert writer.rows == ROWS
    assert sc.identical(load(path), WHOLE)
    blocks = list(iterate(path, rows=size))
    assert max(block.sizes["voxel"] for block in blocks) <= size
    assert sc.identical(sc.concat(blocks, "voxel"), WHOLE)


def test_the_file_is_that_of_save(tmp_path: Path) -> None:
    record, sample = Provenance(command="merge"), Sample(cell=CELL, space_group="P 1")
    save(tmp_path / "once.nxs", WHOLE, record, sample=sample)
    with TableWriter(tmp_path / "blocks.nxs", record, sample=sample) as writer:
        for start in range(0, ROWS, 70):
            writer.append(WHOLE["voxel", start : start + 70])
    once, blocks = nx.nxload(tmp_path / "once.nxs"), nx.nxload(tmp_path / "blocks.nxs")
    assert blocks.plottable_data.nxpath == once.plottable_data.nxpath == "/entry/shells"
    for name in ("s", "intensity", "intensity_errors", "number"):
        np.testing.assert_allclose(
            blocks[f"entry/shells/{name}"].nxdata, once[f"entry/shells/{name}"].nxdata
        )
    assert read_info(tmp_path / "once.nxs") == read_info(tmp_path / "blocks.nxs")


def test_an_empty_table_keeps_its_columns(tmp_path: Path) -> None:
    with TableWriter(tmp_path / "x.nxs", sample=Sample(cell=CELL)) as writer:
        writer.append(WHOLE["voxel", :0])
    assert sc.identical(load(tmp_path / "x.nxs"), WHOLE["voxel", :0])
    (block,) = iterate(tmp_path / "x.nxs")
    assert block.sizes == {"voxel": 0}


def test_columns_can_be_chosen(tmp_path: Path) -> None:
    save(tmp_path / "x.nxs", WHOLE)
    part = load(tmp_path / "x.nxs", rows=(10, 20), columns=["h", "panel"])
    assert set(part.coords) == {"h", "panel"}
    assert set(part.masks) == {"bragg"}
    assert sc.identical(part.coords["h"], WHOLE.coords["h"]["voxel", 10:20])
    assert sc.identical(part.data, WHOLE.data["voxel", 10:20])
    with pytest.raises(UserError, match=r"has no \['moon'\]"):
        load(tmp_path / "x.nxs", columns=["h", "moon"])


def test_a_failure_of_the_body_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.nxs"
    path.write_text("old")

    def write() -> None:
        with TableWriter(path) as writer:
            writer.append(WHOLE)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_no_block_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no block"), TableWriter(tmp_path / "x.nxs"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.nxs"
    path.write_text("old")
    pwrite, left = os.pwrite, [20_000]

    def limited(descriptor: int, block: bytes, offset: int) -> int:
        left[0] -= len(block)
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return pwrite(descriptor, block, offset)

    monkeypatch.setattr(sink_module.os, "pwrite", limited)

    def write() -> None:
        with TableWriter(path) as writer:
            for _ in range(10):
                writer.append(WHOLE)

    with pytest.raises(UserError, match="the disk is full"):
        write()
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("change", ["unit", "dtype", "missing", "extra", "mask", "variances"])
def test_blocks_of_other_columns_are_refused(change: str, tmp_path: Path) -> None:
    other = WHOLE.copy()
    if change == "unit":
        other.unit = "counts"
    elif change == "dtype":
        other.coords["panel"] = other.coords["panel"].to(dtype="int64")
    elif change == "missing":
        del other.coords["h"]
    elif change == "extra":
        other.coords["x"] = other.coords["h"]
    elif change == "mask":
        other.masks["ice"] = other.masks["bragg"]
    else:
        other.variances = None
    with TableWriter(tmp_path / "x.nxs") as writer:
        writer.append(WHOLE)
        with pytest.raises(ValueError, match="not those of the first"):
            writer.append(other)


def test_a_table_of_events_is_a_table(tmp_path: Path) -> None:
    events = WHOLE.rename_dims(voxel="event")
    save(tmp_path / "whole.nxs", events)
    with TableWriter(tmp_path / "x.nxs") as writer:
        writer.append(events["event", :7])
        writer.append(events["event", 7:])
    for name in ("whole.nxs", "x.nxs"):
        assert read_info(tmp_path / name).kind == "table"
        assert sc.identical(load(tmp_path / name), events)
        part = load(tmp_path / name, rows=(3, 9))
        assert sc.identical(part, events["event", 3:9])


def test_a_block_is_a_table(tmp_path: Path) -> None:
    with TableWriter(tmp_path / "x.nxs") as writer:
        writer.append(WHOLE)
        with pytest.raises(ValueError, match="one dim 'voxel'"):
            writer.append(WHOLE.rename_dims(voxel="pixel"))
        with pytest.raises(ValueError, match="not those of the first"):
            writer.append(WHOLE.rename_dims(voxel="event"))
    with pytest.raises(ValueError, match="with statement"):
        TableWriter(tmp_path / "y.nxs").append(WHOLE)


def volume(nh: int = 21) -> sc.DataArray:
    rng = np.random.default_rng(5)
    shape = (nh, 40, 7)
    sizes = dict(zip("hkl", shape, strict=True))
    axes = {x: sc.array(dims=[x], values=np.arange(n) / 3) for x, n in sizes.items()}
    return sc.DataArray(
        sc.array(
            dims=list(sizes),
            values=np.where(rng.random(shape) < 0.3, np.nan, rng.normal(3, 1, shape)),
            variances=rng.random(shape),
            unit="counts/mrad**2/s",
        ),
        coords={
            **axes,
            "n_h": sc.scalar(3, unit=None),
            "grid_mode": sc.scalar("node"),
        },
        masks={
            "absent": sc.array(dims=list(sizes), values=rng.random(shape) < 0.3),
            "plane": sc.array(dims=["k", "l"], values=rng.random(shape[1:]) < 0.1),
        },
        name="intensity",
    )


@pytest.mark.parametrize("thickness", [1, 4, 21, 50])
def test_a_map_in_layers_is_the_map(thickness: int, tmp_path: Path) -> None:
    whole, sample = volume(), Sample(cell=CELL, space_group="P 1")
    save(tmp_path / "whole.nxs", whole, sample=sample)
    with MapWriter(tmp_path / "map.nxs", sample=sample) as writer:
        for start in range(0, 21, thickness):
            writer.append(whole["h", start : start + thickness])
    assert writer.rows == 21
    assert sc.identical(load(tmp_path / "map.nxs"), whole, equal_nan=True)
    one, other = (read_info(tmp_path / f"{name}.nxs") for name in ("whole", "map"))
    assert (one.kind, one.sizes, one.sample) == (other.kind, other.sizes, other.sample)
    assert sorted(one.columns) == sorted(other.columns)
    tree = nx.nxload(str(tmp_path / "map.nxs"))
    assert tree.plottable_data.nxsignal.shape == (21, 40, 7)
    with h5py.File(tmp_path / "map.nxs") as file:
        # as thick as a block, so that each chunk is compressed once
        assert file["entry/map/intensity"].chunks == (min(thickness, 21), 32, 7)


@pytest.mark.parametrize(
    "wrong", [volume()["k", :5], volume().drop_masks("plane"), volume()["h", 0], table()]
)
def test_what_is_no_layer_of_the_map_is_refused(wrong: sc.DataArray, tmp_path: Path) -> None:
    path = tmp_path / "map.nxs"

    def write() -> None:
        with MapWriter(path) as writer:
            writer.append(volume())
            writer.append(wrong.copy())

    with pytest.raises(ValueError, match="block"):
        write()
    assert not path.exists()
    with pytest.raises(UserError, match="no block of the map"), MapWriter(path):
        pass
