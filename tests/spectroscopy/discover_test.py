from __future__ import annotations

from pathlib import Path

import pytest

from ewaldite.errors import UserError
from ewaldite.spectroscopy.config import read_config
from ewaldite.spectroscopy.discover import discover, write_template
from ewaldite.spectroscopy.options import SpectroscopyOptions
from spectroscopy.raw_files import Raw, write

EVENTS = {(4, 0): [(401, 10_000_000, 5), (500, 50_000_000, 7)]}


def log(value: float) -> list[tuple[float, float]]:
    return [(0.0, value), (1.0, value)]


CHOPPERS = [
    {"name": f"pulse_shaping_chopper_{n}", "distance": 6.3, "speed": log(14), "delay": log(0.1)}
    for n in (1, 2)
] + [{"name": "bandwidth_chopper_1", "distance": 78.0, "speed": log(14), "delay": log(0.1)}]


def test_a_template_reads_back_as_what_was_found(tmp_path: Path) -> None:
    write(tmp_path / "b.nxs", Raw(EVENTS, a3=((0.0, 0.0), (1.0, 30.0))))
    write(tmp_path / "a.hdf", Raw(EVENTS, layout="ess"))
    (tmp_path / "c.nxs").write_text("no")
    found = discover(tmp_path)
    lines = found.lines()
    assert (
        lines[0] == ("run: a.hdf, 2 events, a3 0°, a4 50°, pulse-shaping choppers parked")
        or "not logged" in lines[0]
    )
    assert "a3 0° to 30°" in lines[1]
    assert lines[2] == "not used: c.nxs: it is not an HDF5 file"
    path = write_template(found)
    options = read_config(path)
    assert [run.file for run in options.run] == [Path("a.hdf"), Path("b.nxs")]
    assert options.model_copy(update={"run": []}) == SpectroscopyOptions()
    assert "MISSING: no chopper says it" in path.read_text()
    with pytest.raises(UserError, match="it is there already"):
        write_template(found)


def test_every_option_is_in_the_template(tmp_path: Path) -> None:
    write(tmp_path / "a.nxs", Raw(EVENTS))
    text = write_template(discover(tmp_path)).read_text()
    for name, field in SpectroscopyOptions.model_fields.items():
        model = field.annotation
        for option in getattr(model, "model_fields", {}):
            assert f"{option} = " in text, f"[{name}] {option}"


def test_spinning_choppers_are_seen(tmp_path: Path) -> None:
    write(tmp_path / "a.nxs", Raw(EVENTS, choppers=CHOPPERS))
    found = discover(tmp_path)
    assert found.runs[0].spinning
    assert found.runs[0].band
    path = write_template(found, tmp_path / "other.toml")
    assert read_config(path).primary.mode == "spinning"
    assert "MISSING" not in path.read_text()


def test_a_folder_without_raw_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="none of its 0 HDF5 files"):
        discover(tmp_path)
    (tmp_path / "x.nxs").write_text("no")
    with pytest.raises(UserError, match=r"none of its 1 .*it is not an HDF5 file"):
        discover(tmp_path)
    with pytest.raises(UserError, match="No such file"):
        discover(tmp_path / "nowhere")
