"""A table as text comes back with names, units and ten digits."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import scipp as sc

from diffuse.maps.worlds import CELL, sphere
from ewaldite.errors import UserError
from ewaldite.io.export import write_csv
from ewaldite.model.grid import Grid


def table() -> sc.DataArray:
    made = sphere("P 1", Grid((2, 2, 2)), lambda hkl, s: np.cos(hkl[:, 0]) * 1e5)
    made.coords["s"] = sc.array(
        dims=["voxel"], values=np.arange(len(made)) / 7, unit="1/angstrom"
    )
    made.coords["multiplicity"] = sc.array(
        dims=["voxel"], values=np.arange(len(made)), unit=None
    )
    return made


def read(path: Path) -> tuple[list[str], list[str], np.ndarray]:
    lines = path.read_text(encoding="utf-8").splitlines()
    head = [line for line in lines if line.startswith("#")]
    names, *rows = list(csv.reader(lines[len(head) :]))
    return head, names, np.array(rows, dtype=np.float64)


def test_rows_come_back(tmp_path: Path) -> None:
    merged = table()
    write_csv(tmp_path / "a.csv", merged, CELL["P 1"], space_group="P 1", notes=["a note"])
    head, names, rows = read(tmp_path / "a.csv")
    assert names == [
        "h",
        "k",
        "l",
        "intensity [counts/mrad^2/s]",
        "sigma [counts/mrad^2/s]",
        "s [1/angstrom]",
        "multiplicity",
    ]
    assert head[0] == "# ewaldite"
    assert "# a note" in head
    assert "# cell 8.1 9.3 10.7 82 103 97 (angstrom, degrees)" in head
    assert "# space group P 1" in head
    assert "# n_h 2" in head
    expected = np.column_stack(
        [merged.coords[x].values for x in "hkl"]
        + [merged.values, np.sqrt(merged.variances)]
        + [merged.coords[x].values for x in ("s", "multiplicity")]
    )
    np.testing.assert_allclose(rows, expected, rtol=1e-9)
    plain = np.genfromtxt(tmp_path / "a.csv", delimiter=",", skip_header=len(head) + 1)
    np.testing.assert_array_equal(plain, rows)


def test_wanted_columns_alone(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", table(), columns=["multiplicity"])
    assert read(tmp_path / "a.csv")[1][5:] == ["multiplicity"]
    write_csv(tmp_path / "a.csv", table(), columns=[])
    assert len(read(tmp_path / "a.csv")[1]) == 5


def test_masked_rows_are_left_out_and_blocks_join(tmp_path: Path) -> None:
    merged = table()
    merged.values[5] = np.nan
    merged.masks["bad"] = sc.array(dims=["voxel"], values=np.arange(len(merged)) < 3)
    write_csv(tmp_path / "a.csv", merged)
    blocks = [merged["voxel", i : i + 50] for i in range(0, len(merged), 50)]
    write_csv(tmp_path / "b.csv", blocks)
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()
    assert len(read(tmp_path / "a.csv")[2]) == len(merged) - 4


def test_without_variances_there_is_no_sigma(tmp_path: Path) -> None:
    bare = table()
    bare.variances = None
    write_csv(tmp_path / "a.csv", bare, columns=[])
    assert [n.split(" ")[0] for n in read(tmp_path / "a.csv")[1]] == [
        "h",
        "k",
        "l",
        "intensity",
    ]


def test_mistakes_are_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no column nothing"):
        write_csv(tmp_path / "a.csv", table(), columns=["nothing"])
    with pytest.raises(UserError, match="dims"):
        write_csv(tmp_path / "a.csv", sc.DataArray(sc.arange("voxel", 3.0)))
    assert not list(tmp_path.iterdir())
