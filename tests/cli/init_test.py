"""The command that writes a configuration says what is left to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


def test_what_is_missing_is_counted(fresh: Path, command: Any) -> None:
    answer = command("diffuse", "init", fresh)
    assert answer.code == 0
    path = fresh / "ewaldite.toml"
    assert f"Wrote {path}; mend the 3 places marked MISSING or PROBLEM, then: " in answer.out
    assert path.read_text().count("MISSING:") == 3  # the sensor, of which no file tells


def test_a_complete_folder_runs_as_it_is(
    fresh: Path, command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    inp = fresh / "xds" / "XDS.INP"
    inp.write_text(f"{inp.read_text()}\nSENSOR_THICKNESS= 1.0\nSILICON= 3.97\n")
    here = fresh.rename(fresh.with_name("un día"))
    monkeypatch.chdir(here.parent)
    answer = command("diffuse", "init", "un día")
    ending = "; read it, then: ewaldite diffuse run 'un día/ewaldite.toml'\n"
    assert answer.out.endswith(ending)
    assert command("diffuse", "mask", "un día/ewaldite.toml").code == 0
    assert (here / "out" / "masks.nxs").is_file()
    again = command("diffuse", "init", "un día")
    assert again.code == 2
    assert "it exists already" in again.mistake
