from __future__ import annotations

from pathlib import Path

import pytest

import ewaldite
from ewaldite.cli.app import main
from spectroscopy.raw_files import Raw, write

EVENTS = {(4, 0): [(401, 10_000_000, 5), (500, 50_000_000, 7)]}


def test_init_and_convert(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = write(tmp_path / "raw.nxs", Raw(EVENTS))
    with pytest.raises(SystemExit) as left:
        main(["spectroscopy", "init", str(tmp_path)])
    assert left.value.code in (0, None)
    config = tmp_path / "spectroscopy.toml"
    target = tmp_path / "converted.nxs"
    words = ["spectroscopy", "convert", str(raw), "-o", str(target), "--config", str(config)]
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == 2
    assert "earliest_at_sample" in capsys.readouterr().err
    assert not target.exists()
    text = config.read_text().replace(
        "# earliest_at_sample = <text>", 'earliest_at_sample = "143 ms"'
    )
    config.write_text(text)
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code in (0, None)
    said = capsys.readouterr().out
    assert "2 events, 2 without a mask" in said
    assert "no_incident_speed: 0 (0.00 %)" in said
    assert ewaldite.load(target).sizes == {"event": 2}


def test_without_a_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = write(tmp_path / "raw.nxs", Raw(EVENTS))
    with pytest.raises(SystemExit) as left:
        main(["spectroscopy", "convert", str(raw), "-o", str(tmp_path / "c.nxs")])
    assert left.value.code == 2
    assert "Give [primary] earliest_at_sample" in capsys.readouterr().err


def test_the_raw_file_is_never_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = write(tmp_path / "raw.nxs", Raw(EVENTS))
    config = tmp_path / "c.toml"
    config.write_text('[[run]]\nfile = "raw.nxs"\n[primary]\nearliest_at_sample = "143 ms"')
    before = raw.read_bytes()
    kept = config.read_bytes()
    for words in (
        ["convert", str(raw), "-o", str(raw), "--config", str(config)],
        ["convert", str(raw), "-o", str(config), "--config", str(config)],
        ["lookup-table", str(config), "-o", str(raw)],
        ["calibrate", str(config), "-o", str(raw)],
        ["calibrate", str(config), "-o", str(config)],
        ["export", str(config), "-f", "sqw", "-o", str(raw)],
    ):
        with pytest.raises(SystemExit) as left:
            main(["spectroscopy", *words])
        assert left.value.code == 2, words
        assert "it is read for this, and would be lost" in capsys.readouterr().err, words
        assert raw.read_bytes() == before
        assert config.read_bytes() == kept
