from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipp as sc

from ewaldite.errors import UserError
from ewaldite.io.export.cut_csv import write_cut_csv
from ewaldite.model.provenance import Provenance


def cut(shape: tuple[int, int] = (3, 4), seed: int = 0) -> sc.DataGroup:
    rng = np.random.default_rng(seed)
    dims = ["h", "energy_transfer"]
    absent = rng.random(shape) < 0.3
    coords = {
        "h": sc.linspace("h", -1.0, 2.0, shape[0] + 1),
        "energy_transfer": sc.linspace("energy_transfer", 0.0, 2.0, shape[1] + 1, unit="meV"),
    }

    def one(unit: str, spread: bool = False) -> sc.DataArray:
        values = np.where(absent, np.nan, rng.random(shape))
        data = sc.array(
            dims=dims, values=values, variances=values**2 if spread else None, unit=unit
        )
        return sc.DataArray(
            data, coords=coords, masks={"no_coverage": sc.array(dims=dims, values=absent)}
        )

    s = one("barn/meV/sr", spread=True)
    return sc.DataGroup(
        {"S": s, "lower": one("barn/meV/sr"), "upper": one("barn/meV/sr"),
         "coverage": one("dimensionless"), "events": one("counts"),
         "cut": {"name": "he", "integrate": {"k": [-0.1, 0.1]}}}
    )  # fmt: skip


def test_a_row_a_bin_with_units_and_how_it_was_made(tmp_path: Path) -> None:
    data = cut()
    data["folded_by"] = "4/mmm"
    path = tmp_path / "a.csv"
    made = Provenance(
        version="9", command="ewaldite spectroscopy run c.toml", inputs={"raw.nxs": "sha256:0"},
        notes=("two\nlines",),
    )  # fmt: skip
    rows = write_cut_csv(path, data, made)
    lines = path.read_text().splitlines()
    head = [line for line in lines if line.startswith("#")]
    for words in (
        "# cut he", "# h from -1 to 2 in 3 bins; centres are given",
        "# energy_transfer [meV] from 0 to 2 in 4 bins; centres are given",
        "# integrated over k from -0.1 to 0.1", "# folded by the rotations of 4/mmm",
        "# made by ewaldite 9 with: ewaldite spectroscopy run c.toml",
        "# input raw.nxs sha256:0", "# note: two lines",
    ):  # fmt: skip
        assert words in head, words
    assert lines[len(head)] == (
        "h,energy_transfer [meV],S [barn/meV/sr],sigma [barn/meV/sr],lower [barn/meV/sr],"
        "upper [barn/meV/sr],coverage,events [counts]"
    )
    table = np.genfromtxt(path, delimiter=",", comments="#", skip_header=len(head) + 1)
    seen = ~data["S"].masks["no_coverage"].values
    assert table.shape == (seen.sum(), 8) == (rows, 8)
    assert f"# {rows} of 12 bins have coverage; the others are left out" in head
    h, e = np.meshgrid([-0.5, 0.5, 1.5], [0.25, 0.75, 1.25, 1.75], indexing="ij")
    expected = [h, e, data["S"].values, np.sqrt(data["S"].variances)]
    expected += [data[name].values for name in ("lower", "upper", "coverage", "events")]
    for column, values in zip(table.T, expected, strict=True):
        np.testing.assert_allclose(column, values[seen], rtol=1e-9)


def test_long_cuts_are_written_in_parts(tmp_path: Path) -> None:
    data = cut((300, 300))
    rows = write_cut_csv(tmp_path / "a.csv", data)
    table = np.genfromtxt(tmp_path / "a.csv", delimiter=",", comments="#", skip_header=7)
    assert len(table) == rows
    assert np.all(np.isfinite(table))


def test_other_things_are_no_cut(tmp_path: Path) -> None:
    for other in (sc.DataGroup({"x": 1}), sc.scalar(1.0)):
        with pytest.raises(UserError, match="this is no cut"):
            write_cut_csv(tmp_path / "a.csv", other)
    assert not list(tmp_path.iterdir())
