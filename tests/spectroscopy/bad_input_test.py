"""Bad input: one clear sentence, a non-zero exit, nothing lost."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from ewaldite.cli.app import MISTAKE, main
from ewaldite.io.bifrost.raw_file import open_bifrost
from ewaldite.spectroscopy.config import read_config
from ewaldite.spectroscopy.workflow import reduce_cuts
from spectroscopy.live_writer import writer
from spectroscopy.simulated_files import (
    PARKED,
    SPINNING,
    configuration,
    flat_run,
    part,
    write,
)

Change = Callable[[h5py.Group], None]
A3 = "114_sample_stack/rotation_stage/value"
EVENTS = "channel_2_1_triplet/data"
MONITOR = "normalization_monitor/data"
TRIPLETS = [f"channel_2_{a}_triplet" for a in range(1, 6)]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("good") / "raw.nxs"
    # five triplets are read faster than all
    few = part().select(part().channel == 1)
    turns = np.array([0.0, 11.0, 22.0])
    run = flat_run(instrument=few, a3=turns, pulses=14, monitor_scale=0.05)
    write(path, run, monitor="settings")
    return path


@pytest.fixture
def folder(good: Path, tmp_path: Path) -> Path:
    shutil.copy(good, tmp_path / "raw.nxs")
    configure(tmp_path)
    return tmp_path


def configure(folder: Path, *changes: tuple[str, str], source: object = PARKED) -> None:
    text = configuration(source, '[[run]]\nfile = "raw.nxs"')  # type: ignore[arg-type]
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "c.toml").write_text(text)


def change(folder: Path, how: Change) -> None:
    with h5py.File(folder / "raw.nxs", "r+") as file:
        how(file["entry/instrument"])


def command(folder: Path, name: str) -> int:
    raw, target, config = (str(folder / n) for n in ("raw.nxs", "converted.nxs", "c.toml"))
    words = [config] if name == "run" else [raw, "-o", target, "--config", config]
    with pytest.raises(SystemExit) as left:
        main(["spectroscopy", name, *words])
    code = left.value.code
    assert isinstance(code, int | None)
    return code or 0


def refused(
    folder: Path, capsys: pytest.CaptureFixture[str], words: str, name: str = "run"
) -> None:
    """Check that a command ends with one sentence and leaves earlier results alone."""
    earlier = folder / ("out/cuts/e.nxs" if name == "run" else "converted.nxs")
    earlier.parent.mkdir(parents=True, exist_ok=True)
    earlier.write_text("of an earlier run")
    before = (folder / "raw.nxs").read_bytes()
    assert command(folder, name) == MISTAKE
    said = capsys.readouterr().err.splitlines()
    errors = [line for line in said if line.startswith("ewaldite: Cannot")]
    assert len(errors) == 1
    assert words in errors[0]
    assert not any("Traceback" in line for line in said)
    assert earlier.read_text() == "of an earlier run"
    assert (folder / "raw.nxs").read_bytes() == before
    assert not [p for p in folder.rglob("*") if "tmp" in p.name or "part" in p.name]


def units(place: str, unit: str) -> Change:
    def change_units(instrument: h5py.Group) -> None:
        instrument[place].attrs["units"] = unit

    return change_units


def without(*places: str) -> Change:
    def delete(instrument: h5py.Group) -> None:
        for place in places:
            del instrument[place]

    return delete


def replaced(place: str, value: Callable[[np.ndarray], object]) -> Change:
    def put(instrument: h5py.Group) -> None:
        data = instrument[place]
        attributes, new = dict(data.attrs), np.asarray(value(data[()]), data.dtype)
        del instrument[place]
        instrument[place] = new
        instrument[place].attrs.update(attributes)

    return put


def silent(instrument: h5py.Group, names: list[str]) -> None:
    for name in names:
        for one in ("event_id", "event_time_offset"):
            replaced(f"{name}/data/{one}", lambda v: v[:0])(instrument)
        instrument[f"{name}/data/event_index"][...] = 0


BAD: dict[str, tuple[Change, str]] = {
    "no a3": (without("114_sample_stack"), "there is no log of it. Give [[run]] a3"),
    "no a4": (without("detector_tank_angle/transformations"), "is not in the file"),
    "no source": (without("source"), "no NXmoderator or NXsource says where the source is"),
    "no analyser": (without("channel_2_3_monochromator"), "is not in the file"),
    "no index": (without(f"{EVENTS}/event_index"), "it has no 'event_index'"),
    "no ids": (without(f"{EVENTS}/event_id"), "it has no 'event_id'"),
    "no place": (without("channel_2_1_triplet/depends_on"), "it has no 'depends_on'"),
    "no place of an analyser": (
        without("channel_2_3_monochromator/depends_on"),
        "it has no 'depends_on'",
    ),
    "pulses decrease": (
        replaced(f"{EVENTS}/event_time_zero", lambda t: t[::-1]),
        "event_time_zero decreases after pulse 1 of",
    ),
    "event before its pulse": (
        replaced(f"{EVENTS}/event_time_offset", lambda t: [t[0], -5, *t[2:]]),
        "event 2 has the time -5 after its pulse",
    ),
    "no pixels": (without("channel_2_1_triplet/y_pixel_offset"), "no 'y_pixel_offset'"),
    "a3 in m": (units(f"{A3}/value", "m"), "it is in 'm'"),
    "a3 in nothing": (lambda i: i[f"{A3}/value"].attrs.pop("units"), "no attribute 'units'"),
    "events in deg": (units(f"{EVENTS}/event_time_offset", "deg"), "in s: it is in 'deg'"),
    "pulses in m": (units(f"{EVENTS}/event_time_zero", "m"), "in ns: it is in 'm'"),
    "monitor in m": (units(f"{MONITOR}/frame_time", "m"), "in s: it is in 'm'"),
    "counts in m": (units(f"{MONITOR}/signal", "m"), "in counts: it is in 'm'"),
    "a3 decreases": (replaced(f"{A3}/time", lambda t: t[::-1]), "decreases after entry 1 of 3"),
    "a3 is no number": (
        replaced(f"{A3}/value", lambda v: [0.0, np.nan, 1.0]),
        "1 of its 3 entries are no numbers, as entry 2",
    ),
    "a3 has no entries": (
        lambda i: [replaced(f"{A3}/{n}", lambda v: v[:0])(i) for n in ("time", "value")],
        "it has no entries",
    ),
    "alien events": (
        replaced(f"{EVENTS}/event_id", lambda v: [999_999, *v[1:]]),
        "event 1 is of detector number 999999, which no pixel has",
    ),
    "negative events": (
        replaced(f"{EVENTS}/event_id", lambda v: [*v[:-1], -3]),
        "is of detector number -3",
    ),
    "empty run": (lambda i: silent(i, TRIPLETS), "no triplet has counted anything"),
    "monitor empty": (replaced(f"{MONITOR}/signal", np.zeros_like), "has counted nothing"),
    "monitor is no number": (
        replaced(f"{MONITOR}/signal", lambda v: v * np.nan),
        "are negative or no number, as nan",
    ),
}


@pytest.mark.parametrize("how", BAD)
def test_bad_files(folder: Path, capsys: pytest.CaptureFixture[str], how: str) -> None:
    spoil, words = BAD[how]
    change(folder, spoil)
    for name in ("run", "convert"):
        refused(folder, capsys, words, name)


def test_a_missing_monitor(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(folder, without("normalization_monitor"))
    refused(folder, capsys, "read the monitor 'normalization_monitor'")
    # events can be converted without it, and the user is told
    assert command(folder, "convert") == 0
    assert "there is no monitor 'normalization_monitor'" in capsys.readouterr().out


@pytest.mark.parametrize("left", [0, 20_000, -30_000])
def test_truncated_files(folder: Path, capsys: pytest.CaptureFixture[str], left: int) -> None:
    raw = folder / "raw.nxs"
    raw.write_bytes(raw.read_bytes()[:left])
    words = "is truncated or damaged" if left else "it is not an HDF5 file"
    for name in ("run", "convert"):
        refused(folder, capsys, words, name)


CONFIGURATIONS = {
    "collinear": (("v = [0, 0, 1]", "v = [2, 0, 0]"), "are collinear or zero"),
    "zero": (("u = [1, 0, 0]", "u = [0, 0, 0]"), "are collinear or zero"),
    "collinear reflections": (
        (
            "u = [1, 0, 0]\nv = [0, 0, 1]",
            "reflection = [{hkl = [1, 0, 0], a3 = 0, A4 = 40}, "
            "{hkl = [2, 0, 0], a3 = 0, A4 = 86}]",
        ),
        "the reflections [1.0, 0.0, 0.0] and [2.0, 0.0, 0.0] are collinear",
    ),
    "no rotation": (
        ("u = [1, 0, 0]\nv = [0, 0, 1]", "orientation = [[1,0,0],[1,0,0],[0,0,1]]"),
        "is no rotation",
    ),
    "no cell": (("5, 5, 5, 90, 90, 90", "5, 5, 5, 150, 150, 150"), "belong to no cell"),
}


@pytest.mark.parametrize("how", CONFIGURATIONS)
def test_bad_orientations(folder: Path, capsys: pytest.CaptureFixture[str], how: str) -> None:
    changed, words = CONFIGURATIONS[how]
    configure(folder, changed)
    refused(folder, capsys, words)


def test_spinning_without_logs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure(folder, source=SPINNING)
    refused(folder, capsys, "pulse_shaping_chopper_1 has no log of its speed")
    change(folder, without("pulse_shaping_chopper_1", "pulse_shaping_chopper_2"))
    refused(folder, capsys, "two that turn are needed, and there are none")


def reduced(folder: Path, caplog: pytest.LogCaptureFixture) -> int:
    """Reduce without pictures; number of events that were read."""
    with caplog.at_level(logging.INFO, "bad"):
        made = reduce_cuts(
            read_config(folder / "c.toml"),
            folder / "out",
            base=folder,
            log=logging.getLogger("bad"),
        )
    return int(sum(made[0].data["reasons"].values()))


def test_a_dead_triplet_is_named_and_has_no_coverage(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    change(folder, lambda i: silent(i, TRIPLETS[:1]))
    change(folder, without("channel_2_2_triplet/data"))
    reduced(folder, caplog)
    said = caplog.text
    assert "no events in 2 of 5 triplets: channel_2_1_triplet, channel_2_2_triplet" in said
    assert "channel_2_2_triplet has no events group" in said


def test_what_is_left_out_of_a_file_is_noted(folder: Path) -> None:
    change(folder, replaced(f"{EVENTS}/event_id", lambda v: v[:-3]))
    change(folder, without("channel_2_5_triplet/detector_number"))
    with open_bifrost(folder / "raw.nxs") as raw:
        notes = raw.notes
        assert len(raw.sources) == 4
    assert "channel_2_1_triplet: 3 events at the end are not whole, and are left out" in notes
    assert "channel_2_5_triplet has no detector_number: its events are left out" in notes


def test_a_log_of_another_time_is_noted(folder: Path) -> None:
    change(folder, replaced(f"{A3}/time", lambda t: t + 3_600_000_000_000))
    with open_bifrost(folder / "raw.nxs") as raw:
        assert raw.a3().at(0.0) == 0.0
        (note,) = (n for n in raw.notes if "begins" in n)
    assert "3,597 s after the last event" in note


def test_a_file_that_is_still_being_written(
    good: Path,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    (folder / "raw.nxs").unlink()
    everything = (
        "event_time_zero=99999 event_index=99999 event_id=99999 event_time_offset=99999"
    )
    with writer(good, folder / "raw.nxs") as growing:
        growing.write("event_id=1")
        assert command(folder, "run") == MISTAKE
        assert "no triplet has counted anything" in capsys.readouterr().err
        growing.write(everything)
        live = reduced(folder, caplog)
        assert "raw.nxs: the file is still being written; read up to pulse " in caplog.text
        assert command(folder, "convert") == 0
        assert "the file is still being written" in capsys.readouterr().out
    # the last pulse of each triplet may still grow
    with open_bifrost(folder / "raw.nxs") as raw:
        total = sum(s.size for s in raw.sources)
    assert 0.7 * total < live < total
    caplog.clear()
    assert reduced(folder, caplog) == total
    assert "still being written" not in caplog.text
