"""What `ewaldite inspect` says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipp as sc

from ewaldite.errors import UserError
from ewaldite.io import inspect
from ewaldite.io.inspect import Description, describe
from ewaldite.io.nexus import Sample, save
from ewaldite.model.grid import Grid
from ewaldite.model.provenance import Provenance

SAMPLE = Sample(
    (27.3, 32.0, 34.3, 88.6, 108.6, 111.8),
    "P 1",
    Grid((3, 3, 2), "split"),
    {"a": np.arange(9.0).reshape(3, 3)},
)
RECORD = Provenance(
    version="9.9",
    command="ewaldite diffuse merge",
    options="\n".join(f"x{n} = {n}" for n in range(100)),
    inputs={"a.cbf": "sha256:00"},
    tables={"attenuation": "NIST"},
    seeds={"half sets": 7},
    notes=("no crystal",),
)


def table(rows: int = 1000) -> sc.DataArray:
    values = np.arange(float(rows))
    values[::10] = np.nan
    array = sc.DataArray(
        sc.array(dims=["voxel"], values=values, variances=values, unit="counts/mrad**2/s"),
        name="intensity",
    )
    for name, scale in zip("hkl", (1, -2, 3), strict=True):
        array.coords[name] = sc.array(dims=["voxel"], values=scale * np.arange(rows) / 3)
    array.coords["ix"] = sc.array(dims=["voxel"], values=np.arange(rows), unit="counts")
    array.coords["sweep"] = sc.array(dims=["voxel"], values=["a"] * rows)
    array.masks["bragg"] = sc.array(dims=["voxel"], values=np.arange(rows) >= rows - 50)
    return array


def as_dict(description: Description) -> dict[str, dict[str, str]]:
    return {title: dict(pairs) for title, pairs in description.parts}


def test_a_table(tmp_path: Path) -> None:
    path = tmp_path / "observations.nxs"
    save(path, table(), RECORD, sample=SAMPLE)
    parts = as_dict(describe(path))
    assert parts["File"] == {"name": str(path), "kind": "table (voxel 1,000)"}
    data = parts["intensity (counts/mrad^2/s)"]
    good = np.array([n for n in range(950) if n % 10])
    assert data["elements"] == "1,000"
    assert data["absent"] == "95 without a value"
    assert data["mean"] == f"{good.mean():.5g} counts/mrad^2/s"
    assert f"50 %: {np.median(good):.4g}" in data["quantiles"]
    assert parts["Coordinates"]["h"] == "0 … 333"
    assert parts["Coordinates"]["k"] == "-666 … 0"
    assert list(parts["Coordinates"]) == ["h", "k", "l", "ix"]
    assert parts["Coordinates"]["ix"] == "0 … 999 counts"
    assert parts["Masked"] == {"bragg": "50 (5.00 %)"}
    assert parts["Crystal"]["cell"] == "27.300  32.000  34.300 Å  88.600  108.600  111.800°"
    assert parts["Crystal"]["space group"] == "P 1"
    assert parts["Crystal"]["grid"] == "3 × 3 × 2 voxels a cell, mode split"
    assert "8.0000" in parts["Crystal"]["axes of a (columns, Å)"]
    record = parts["Provenance"]
    assert record["version"] == "9.9"
    assert record["command"] == "ewaldite diffuse merge"
    assert record["input a.cbf"] == "sha256:00"
    assert record["table attenuation"] == "NIST"
    assert record["seed half sets"] == "7"
    assert record["note"] == "no crystal"
    assert record["options"].endswith("x59 = 59\n… and 40 lines more")


def test_vectors_are_described_by_their_parts(tmp_path: Path) -> None:
    events = sc.DataArray(
        sc.ones(dims=["event"], shape=[3], unit="counts"),
        coords={
            "Q_lab": sc.vectors(
                dims=["event"],
                values=[[1, 0, -3], [np.nan, 0, 2], [4, 0, 5]],
                unit="1/angstrom",
            )
        },
        name="events",
    )
    save(tmp_path / "events.nxs", events, RECORD)
    assert as_dict(describe(tmp_path / "events.nxs"))["Coordinates"] == {
        "Q_lab.x": "1 … 4 1/angstrom",
        "Q_lab.y": "0 … 0 1/angstrom",
        "Q_lab.z": "-3 … 5 1/angstrom",
    }


def test_blocks_give_what_the_whole_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.nxs"
    save(path, table(), RECORD, sample=SAMPLE)
    whole = describe(path)
    iterate = inspect.iterate
    monkeypatch.setattr(inspect, "iterate", lambda path: iterate(path, rows=77))
    assert describe(path) == whole


def test_quantiles_of_long_tables_are_sampled_evenly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.nxs"
    save(path, table(20_000))
    monkeypatch.setattr(inspect, "_MOST_SAMPLES", 500)
    iterate = inspect.iterate
    monkeypatch.setattr(inspect, "iterate", lambda path: iterate(path, rows=3000))
    text = as_dict(describe(path))["intensity (counts/mrad^2/s)"]["quantiles"]
    assert "th value)" in text
    median = float(text.split("50 %: ")[1].split(",")[0])
    assert median == pytest.approx(10_000, rel=0.1)


def test_a_map(tmp_path: Path) -> None:
    values = np.zeros((3, 4, 5))
    values[0] = np.nan
    array = sc.DataArray(
        sc.array(dims=["h", "k", "l"], values=values, unit="counts"),
        coords={d: sc.linspace(d, -1, 1, n) for d, n in zip("hkl", (3, 4, 5), strict=True)},
        name="intensity",
    )
    array.masks["edge"] = array.coords["l"] > sc.scalar(0.9)
    save(tmp_path / "map.nxs", array)
    parts = as_dict(describe(tmp_path / "map.nxs"))
    assert parts["File"]["kind"] == "map (h 3 × k 4 × l 5)"
    assert parts["intensity (counts)"]["absent"] == "16 without a value"
    assert parts["Masked"] == {"edge": "12 (20.00 %)"}
    assert parts["Coordinates"]["l"] == "-1 … 1"
    assert "Crystal" not in parts


def test_a_group_and_a_variable(tmp_path: Path) -> None:
    inner = {"in": sc.DataGroup({"a": 1, "b": 2}), "of": sc.DataGroup({"t": table(2), "b": 2})}
    group = sc.DataGroup({"cc": table(10), "n": 3, **inner})
    save(tmp_path / "g.nxs", group)
    contents = as_dict(describe(tmp_path / "g.nxs"))["Contents"]
    assert contents == {
        "cc": "voxel 10, float64, counts/mrad^2/s",
        "n": "3",
        "in": "a 1, b 2",
        "of": "group of t, b",
    }
    save(tmp_path / "v.nxs", sc.scalar(3.0, unit="angstrom"))
    assert as_dict(describe(tmp_path / "v.nxs"))["Contents"]["value"] == (
        "scalar, float64, angstrom"
    )


def test_an_empty_table_can_be_described(tmp_path: Path) -> None:
    save(tmp_path / "x.nxs", table(0))
    parts = as_dict(describe(tmp_path / "x.nxs"))
    assert parts["intensity (counts/mrad^2/s)"] == {"elements": "0"}
    assert parts["Masked"] == {"bragg": "0 (0.00 %)"}


def test_lines_are_aligned() -> None:
    description = Description((("A", (("one", "1"), ("three", "x\ny"), ("no", ""))),))
    assert description.lines() == ["A", "  one    1", "  three  x", "         y", "  no"]


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such file"):
        describe(tmp_path / "x.nxs")
