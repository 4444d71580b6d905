"""Commands of the neutron chain on a run of a second."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import ewaldite
from ewaldite.cli.app import main
from ewaldite.spectroscopy.cut_record import read_cut, write_cut
from spectroscopy.tiny import STEPS, copy_tiny, write_tiny

Command = Callable[..., "Answer"]  # type: ignore[name-defined] # noqa: F821


@pytest.fixture(scope="module")
def neutrons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a reduced run."""
    folder = tmp_path_factory.mktemp("neutrons")
    config = write_tiny(folder)
    with pytest.raises(SystemExit) as end:
        main(["spectroscopy", "run", str(config)])
    assert not end.value.code
    return folder


@pytest.fixture
def config(neutrons: Path, tmp_path: Path) -> Path:
    return copy_tiny(neutrons, tmp_path / "t")


def test_a_run_leaves_all_that_is_promised(config: Path, command: Command) -> None:
    out = config.parent / "out"
    for name in (
        *("cuts/he.nxs", "cuts/he.png", "cuts/l.nxs", "cuts/l.png", "vanadium.nxs", "runs.nxs"),
        *("report.html", "log.txt", "options.toml", "progress.jsonl"),
    ):
        assert (out / name).stat().st_size > 0, name
    data = ewaldite.load(out / "cuts/he.nxs")
    assert data["S"].dims == ("h", "energy_transfer")
    assert data["S"].variances is not None
    log = (out / "log.txt").read_text()
    assert "INFO ewaldite " in log.splitlines()[0]
    assert "plan: events he" in log
    assert re.search(r"runs: sample\.nxs: [\d,]+ events, [\d,]+ without a mask", log)
    assert "predicted peak" in log
    report = (out / "report.html").read_text()
    assert "Cut he" in report
    assert "Run sample.nxs" in report
    answer = command("spectroscopy", "run", config)
    assert answer.code == 0
    assert "cut he: unchanged, kept" in answer.err


def test_what_files_are(config: Path, command: Command) -> None:
    out = config.parent / "out"
    told = command("inspect", out / "cuts/he.nxs").out
    assert "cut of S(Q, ω)" in told
    assert "axes ['h', 'energy_transfer']" in told
    assert "no_coverage" in told
    told = command("inspect", out / "vanadium.nxs").out
    assert "efficiency of pixels from vanadium" in told
    assert "N_b (meV*sr)" in told
    raw, target = config.parent / "sample.nxs", config.parent / "converted.nxs"
    command("spectroscopy", "convert", raw, "-o", target, "--config", config)
    assert "events converted to energy" in command("inspect", target).out


def test_a_dry_run_says_the_plan(config: Path, command: Command) -> None:
    assert "0 steps to do" in command("spectroscopy", "run", config, "--dry-run").out
    (config.parent / "out/work/state.json").unlink()
    before = sorted(config.parent.rglob("*"))
    told = command("spectroscopy", "run", config, "--dry-run").out.splitlines()
    assert told[: len(STEPS)] == [f"{step}: not done yet" for step in STEPS]
    assert told[len(STEPS)] == f"{len(STEPS)} steps to do"
    assert any(line.startswith("coverage he ") and "2 workers" in line for line in told) or any(
        line.startswith("coverage he ") for line in told
    )
    assert told[-1].startswith("predicted peak ")
    assert sorted(config.parent.rglob("*")) == before
    answer = command("spectroscopy", "run", config, "--dry-run", "--memory", "100 MB")
    assert answer.code == 2
    assert "[computing] memory" in answer.mistake


def test_cuts_alone(config: Path, command: Command) -> None:
    folder = config.parent
    record = read_cut(folder / "out/cuts/he.nxs").widened("h", 2)
    write_cut(folder / "wide.toml", record.model_copy(update={"name": "wide"}))
    kept = (folder / "out/options.toml").read_text()
    answer = command("spectroscopy", "cut", config, "l", folder / "wide.toml")
    assert answer.code == 0
    assert "cut l: unchanged, kept" in answer.err
    assert "vanadium: unchanged, kept" in answer.err
    assert " he: " not in answer.err
    wide = folder / "out/cuts/wide.nxs"
    assert f"{wide}\n" in answer.out
    narrow = ewaldite.load(folder / "out/cuts/he.nxs")["events"].values
    found = ewaldite.load(wide)["events"].values
    counts = np.nan_to_num(narrow).reshape(found.shape[0], 2, -1).sum(axis=1)
    np.testing.assert_array_equal(np.nan_to_num(found), counts)
    assert (folder / "out/options.toml").read_text() == kept
    # the same cut from its own file, after it is gone
    content = ewaldite.load(wide)["S"]
    copy = folder / "out/cuts/copy.nxs"
    copy.write_bytes(wide.read_bytes())
    wide.unlink()
    assert command("spectroscopy", "cut", copy).code == 0
    np.testing.assert_array_equal(ewaldite.load(wide)["S"].values, content.values)
    assert "no [[cut]] of this name" in command("spectroscopy", "cut", config, "x").mistake


def test_other_colours_redo_the_picture_alone(config: Path, command: Command) -> None:
    config.write_text(config.read_text().replace('name = "he"', 'name = "he"\nscale = "log"'))
    before = (config.parent / "out/cuts/he.png").read_bytes()
    said = command("spectroscopy", "run", str(config), "--dry-run").out
    assert "cut he: cut.scale changed" in said
    assert "1 step to do" in said
    command("spectroscopy", "run", str(config))
    assert (config.parent / "out/cuts/he.png").read_bytes() != before


def test_a_folded_cut_says_so(config: Path, command: Command) -> None:
    record = config.parent / "folded.toml"
    record.write_text(
        'name = "folded"\naxes = ["l"]\nbins = { l = [-2, 2, 0.25] }\nfold = "mmm"\n'
    )
    assert command("spectroscopy", "cut", config, record).code == 0
    path = config.parent / "out/cuts/folded.nxs"
    data = ewaldite.load(path)
    assert data["folded_by"] == "mmm"
    events = data["events"].values
    assert events.sum() > 100
    np.testing.assert_array_equal(events, events[::-1])
    target = config.parent / "folded.csv"
    command("spectroscopy", "export", path, "-f", "csv", "-o", target)
    assert "# folded by the rotations of mmm\n" in target.read_text()
    assert "folded_by" not in ewaldite.load(config.parent / "out/cuts/l.nxs")


def test_vanadium_alone_and_as_a_file(config: Path, command: Command) -> None:
    folder = config.parent
    first = ewaldite.load(folder / "out/cuts/he.nxs")
    made = folder / "out/vanadium.nxs"
    made.unlink()
    answer = command("spectroscopy", "vanadium", config)
    assert answer.code == 0
    assert made.is_file()
    assert made.with_suffix(".png").is_file()
    assert "exposure" not in answer.err
    made.rename(folder / "efficiency.nxs")
    text = config.read_text().replace('file = "v.nxs"\nmass = "50.9415 g"\ntemperature = 0',
                                      'file = "efficiency.nxs"')  # fmt: skip
    config.write_text(text)
    (folder / "v.nxs").unlink()
    assert command("spectroscopy", "run", config).code == 0
    again = ewaldite.load(folder / "out/cuts/he.nxs")
    np.testing.assert_array_equal(again["S"].values, first["S"].values)
    np.testing.assert_array_equal(again["S"].variances, first["S"].variances)
    config.write_text(text.replace("efficiency.nxs", "out/vanadium.nxs"))
    mistake = command("spectroscopy", "run", config).mistake
    assert "Copy it to another folder" in mistake
    config.write_text(text.replace('[vanadium]\nfile = "efficiency.nxs"', ""))
    assert "it has no [vanadium]" in command("spectroscopy", "vanadium", config).mistake


def test_skipping_shards_is_refused(config: Path, command: Command) -> None:
    config.write_text(config.read_text() + 'failures = "skip"\n')
    assert "S would be too low" in command("spectroscopy", "run", config).mistake
