"""What is refused before any work is done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipp as sc

from ewaldite.errors import UserError
from ewaldite.io.nexus import save
from ewaldite.model.provenance import Provenance
from ewaldite.spectroscopy.checks import check, check_target
from ewaldite.spectroscopy.cut_setup import group_of
from ewaldite.spectroscopy.options import SpectroscopyOptions

GOOD: dict[str, Any] = {
    "run": [{"file": "a.nxs"}, {"file": "b.nxs"}],
    "sample": {"cell": [5, 5, 6, 90, 90, 90], "u": [1, 0, 0], "v": [0, 0, 1]},
    "cut": [{"name": "e", "axes": ["h"], "bins": {"h": [0, 1, 0.1]}, "fold": "4/mmm"}],
}


def given(**sections: Any) -> SpectroscopyOptions:
    return SpectroscopyOptions.model_validate({**GOOD, **sections})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.nxs", "b.nxs", "v.nxs"):
        (tmp_path / name).write_text("raw")
    return tmp_path


def test_nothing_is_wrong(folder: Path) -> None:
    check(given(), folder)
    vanadium = {"file": "v.nxs", "mass": "2 g"}
    check(given(vanadium=vanadium, normalise={"amount": "1 mol"}), folder)


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"run": []}, r"has no \[\[run\]\]"),
        ({"cut": []}, r"has no \[\[cut\]\]"),
        ({"cut": [*GOOD["cut"], *GOOD["cut"]]}, "two cuts are called 'e'"),
        ({"sample": {}}, "there is no crystal"),
        (
            {"run": [{"file": "a.nxs"}, {"file": "x/../a.nxs"}]},
            r"x/\.\./a\.nxs is given twice, and its events would count twice",
        ),
        ({"run": [{"file": "c.nxs"}]}, r"c\.nxs \(\[\[run\]\] file\): there is no such file"),
        ({"vanadium": {"file": "c.nxs"}}, r"c\.nxs \(\[vanadium\] file\)"),
        ({"vanadium": {"file": "v.nxs", "empty": "c.nxs"}}, r"\(\[vanadium\] empty\)"),
        ({"background": {"file": "c.nxs"}}, r"\(\[background\] file\)"),
        ({"mask": {"file": "c.txt"}}, r"\(\[mask\] file\)"),
        ({"primary": {"table": "c.nxs"}}, r"\(\[primary\] table\)"),
        (
            {"cut": [{**GOOD["cut"][0], "fold": "P m -3 m"}]},
            "fold the cut 'e' by the group 'P m -3 m': it does not allow the cell 5.000 5.000",
        ),
        (
            {"cut": [{**GOOD["cut"][0], "fold": None}], "normalise": {"point_group": "6/mmm"}},
            "fold the cut 'e' by the group '6/mmm': it does not allow the cell",
        ),
        ({"cut": [{**GOOD["cut"][0], "fold": "P 4/m m q"}]}, "'P 4/m m q' is not known. Did"),
        ({"normalise": {"amount": "1 mol"}}, "no vanadium of known mass"),
        (
            {"vanadium": {"file": "v.nxs"}, "normalise": {"amount": "1 mol"}},
            "no vanadium of known mass",
        ),
    ],
)
def test_says_what_is_wrong(folder: Path, sections: dict[str, Any], words: str) -> None:
    (folder / "x").mkdir()
    with pytest.raises(UserError, match=words):
        check(given(**sections), folder)


def test_no_file_that_is_read_is_written(folder: Path) -> None:
    options = given(vanadium={"file": "v.nxs"})
    config = folder / "c.toml"
    config.write_text("")
    link = folder / "link.nxs"
    link.symlink_to(folder / "b.nxs")
    for target in (folder / "a.nxs", folder / "x/../v.nxs", config, link):
        (folder / "x").mkdir(exist_ok=True)
        with pytest.raises(UserError, match="it is read for this, and would be lost"):
            check_target(target, options, folder, config, None)
    check_target(folder / "new.nxs", options, folder, config)
    (folder / "old.nxs").write_text("")
    check_target(folder / "old.nxs", options, folder, config)


@pytest.mark.parametrize("name", ["vanadium.nxs", "runs.nxs", "time_background.nxs"])
def test_no_raw_file_lies_where_a_result_goes(folder: Path, name: str) -> None:
    (folder / name).write_text("raw")
    options = given(run=[{"file": name}], output={"directory": "."})
    with pytest.raises(UserError, match=r"it is read as \[\[run\]\] file, and would be lost"):
        check(options, folder)
    check(given(run=[{"file": name}]), folder)


@pytest.mark.parametrize("unit", ["meV*sr", "dimensionless"])
def test_a_finished_efficiency_knows_whether_it_is_absolute(folder: Path, unit: str) -> None:
    pixel = {"final_energy": "meV", "A4": "deg", "detector_number": None}
    coords = {
        name: sc.array(dims=["pixel"], values=np.arange(1, 4), unit=of, dtype="float64")
        for name, of in pixel.items()
    }
    n_b = sc.DataArray(sc.ones(dims=["pixel"], shape=[3], unit=unit), coords=coords)
    zero = sc.zeros(dims=["pixel"], shape=[3])
    made = sc.DataGroup(
        {
            "kind": "efficiency of pixels from vanadium",
            "N_b": n_b,
            "independent": zero,
            "group": sc.array(dims=["pixel"], values=[0, 0, 0], unit=None),
            "common": sc.zeros(dims=["group", "mode"], shape=[1, 1]),
        }
    )
    save(folder / "made.nxs", made, Provenance())
    options = given(vanadium={"file": "made.nxs"}, normalise={"amount": "1 mol"})
    if unit == "dimensionless":
        with pytest.raises(UserError, match="no vanadium of known mass"):
            check(options, folder)
    else:
        check(options, folder)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("mmm", 8),
        ("4/mmm", 16),
        ("m-3m", 48),
        ("-1", 2),
        ("2/m", 4),
        ("P 4/m m m", 16),
        ("1", 1),
    ],
)
def test_point_groups_by_their_own_name(name: str, number: int) -> None:
    assert len(group_of(name).point_operations) == number


@pytest.mark.parametrize("name", ["4/mmn", "mmn", "Q 1", ""])
def test_an_unknown_group(name: str) -> None:
    with pytest.raises(UserError, match=f"'{name}' is not known"):
        group_of(name)
