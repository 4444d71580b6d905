from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipp as sc

from ewaldite.cli.app import main
from ewaldite.errors import UserError
from ewaldite.io.nexus import load
from ewaldite.spectroscopy.calibration_file import (
    CalibrationFile,
    read_calibration,
    with_calibration,
    write_calibration,
)
from ewaldite.spectroscopy.calibration_options import ModuleOptions, TubeOptions
from ewaldite.spectroscopy.config import read_config
from ewaldite.spectroscopy.options import SpectroscopyOptions
from spectroscopy.calibrate.misaligned import VANADIUM, configuration, write

FILE = CalibrationFile(
    time_zero="12.5 us",
    tube=[TubeOptions(arc=1, channel=2, tube=3, gain=1.01, offset="0.2 mm", gain_error=0.001)],
    module=[ModuleOptions(arc=5, module=3, angle=0.1, along="1 mm", across="-0.5 mm")],
)


def options(folder: Path, text: str) -> SpectroscopyOptions:
    path = folder / "c.toml"
    path.write_text("[calibration]\nfile = 'cal.toml'\n" + text)
    return read_config(path)


def test_a_file_survives(tmp_path: Path) -> None:
    write_calibration(tmp_path / "cal.toml", FILE, "made\nby hand")
    assert read_calibration(tmp_path / "cal.toml") == FILE
    text = (tmp_path / "cal.toml").read_text()
    assert text.startswith("# made\n# by hand\n")
    write_calibration(tmp_path / "none.toml", CalibrationFile())
    assert read_calibration(tmp_path / "none.toml") == CalibrationFile()


def test_what_a_configuration_says_itself_goes_first(tmp_path: Path) -> None:
    write_calibration(tmp_path / "cal.toml", FILE)
    taken = options(tmp_path, "")
    assert taken.calibration.file is None
    assert taken.calibration.calibration().tubes[0, 1, 2].gain == 1.01
    assert taken.primary.time_zero == "12.5 us"
    own = options(
        tmp_path,
        "[[calibration.tube]]\narc = 1\nchannel = 2\ntube = 3\ngain = 0.99\n"
        "[[calibration.module]]\narc = 5\nmodule = 2\n[primary]\ntime_zero = '3 us'",
    )
    both = own.calibration.calibration()
    assert both.tubes[0, 1, 2].gain == 0.99
    assert sorted(both.modules) == [(4, 1), (4, 2)]
    assert own.primary.time_zero == "3 us"
    # Once taken there is nothing more to take
    assert with_calibration(own, tmp_path / "elsewhere") == own


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"\(\[calibration\] file\): there is no such file"):
        options(tmp_path, "")
    (tmp_path / "cal.toml").write_text("[[tube]]\narc = 9\nchannel = 1\ntube = 1\n")
    with pytest.raises(
        UserError, match=r"use the calibration .*'arc' in \[\[tube\]\] number 1"
    ):
        options(tmp_path, "")
    (tmp_path / "cal.toml").write_text("[[tubes]]\narc = 1\n")
    with pytest.raises(UserError, match="did you mean 'tube'"):
        options(tmp_path, "")


def run(*words: str) -> None:
    with pytest.raises(SystemExit) as left:
        main(["spectroscopy", *words])
    assert left.value.code in (0, None)


def test_a_table_of_the_choppers_is_as_good_as_the_choppers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "v.nxs", VANADIUM, arcs=(2,), pulses=300)
    path = configuration(tmp_path, ["v.nxs"])
    table, late = tmp_path / "table.nxs", "time_zero = '25 us'"
    run("lookup-table", str(path), "-o", str(table))
    assert "bandwidth_chopper_1" in capsys.readouterr().out
    found = load(table)
    assert isinstance(found, sc.DataArray)
    assert found.dims == ("distance", "time")
    # A time zero is added where the table is used, not where it is made
    path.write_text(f"{path.read_text()}\n{late}")
    run("lookup-table", str(path), "-o", str(tmp_path / "same.nxs"))
    assert sc.identical(load(tmp_path / "same.nxs"), found, equal_nan=True)
    text = path.read_text()
    converted = []
    for mode in ('"spinning"', '"table"\ntable = "table.nxs"'):
        path.write_text(text.replace("'spinning'", mode))
        target = tmp_path / "converted.nxs"
        run("convert", str(tmp_path / "v.nxs"), "-o", str(target), "--config", str(path))
        converted.append(load(target))
    direct, by_table = (c.coords["incident_energy"].values for c in converted)
    known = np.isfinite(by_table)
    assert np.mean(known) > 0.97
    # The formula knows no ramps of the pulse, which matter at the ends of the band
    inner = known & (direct > 2.65) & (direct < 5.2)
    np.testing.assert_allclose(by_table[inner], direct[inner], atol=0.001)
    assert abs(np.median(by_table[known] - direct[known])) < 2e-4


def test_tables_need_choppers(tmp_path: Path) -> None:
    write(tmp_path / "v.nxs", VANADIUM, arcs=(2,), pulses=50)
    path = configuration(tmp_path, [])
    with pytest.raises(SystemExit) as left:
        main(["spectroscopy", "lookup-table", str(path), "-o", str(tmp_path / "t.nxs")])
    assert left.value.code not in (0, None)
    run(
        "lookup-table",
        str(path),
        "-o",
        str(tmp_path / "t.nxs"),
        "--run",
        str(tmp_path / "v.nxs"),
    )
