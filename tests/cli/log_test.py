"""The log file tells what was asked, what was done and how it ended."""

from __future__ import annotations

import logging
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from ewaldite.cli.log import NAME, close_log, log_ending, run_log
from ewaldite.model.provenance import installed_version


def lines_of(path: Path) -> list[str]:
    """Lines without the time."""
    text = path.read_text(encoding="utf-8")
    return [re.sub(r"^[\d-]+ [\d:,]+ ", "", line) for line in text.splitlines()]


def test_command_steps_and_mistake_are_in_the_file(
    fresh: Path, command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, frame = fresh / "tiny.toml", fresh / "images" / "a_0003.cbf"
    monkeypatch.setattr(sys, "argv", ["ewaldite", "diffuse", "run", str(config)])
    assert command("diffuse", "mask", config).code == 0
    found = lines_of(fresh / "out" / "log.txt")
    assert found[0] == f"INFO ewaldite {installed_version()}: ewaldite diffuse run {config}"
    assert re.fullmatch(r"INFO mask: done in \d+ s", found[-1])
    frame.unlink()
    answer = command("diffuse", "mask", config)
    assert answer.code == 2
    assert lines_of(fresh / "out" / "log.txt")[-1] == answer.mistake.replace(
        "ewaldite: ", "ERROR "
    )


def test_what_comes_after_a_run_is_not_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = run_log(tmp_path / "log.txt")
    log.info("a line")
    log_ending("interrupted")
    assert capsys.readouterr().err == "a line\n"
    close_log()
    log_ending("another command")
    assert lines_of(tmp_path / "log.txt")[1:] == ["INFO a line", "ERROR interrupted"]
    assert logging.getLogger(NAME).handlers == []


def test_what_did_not_happen_is_not_told(done: Path) -> None:
    found = lines_of(done / "out" / "log.txt")
    assert any(re.match(r"INFO filter: \d workers?, predicted peak", line) for line in found)
    assert any(
        re.match(r"INFO Bragg table: [1-9]\d* of \d+ reflections", line) for line in found
    )
    assert not any("table: 0 of" in line or "reindex a" in line for line in found)
