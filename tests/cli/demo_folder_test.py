"""A demonstration never replaces files of an experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ewaldite.cli.demo_folder import MARK, claim_folder
from ewaldite.errors import UserError


@pytest.mark.parametrize("name", ["absent/below", "empty"])
def test_new_and_empty_folders_and_those_of_earlier_ones(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    claim_folder(tmp_path / name)
    assert (tmp_path / name / MARK).is_file()
    (tmp_path / name / "a_0001.cbf").touch()
    claim_folder(tmp_path / name)


@pytest.mark.parametrize("chain", ["diffuse", "spectroscopy"])
def test_files_of_an_experiment_stay(chain: str, fresh: Path, command: Any) -> None:
    before = {path: path.read_bytes() for path in fresh.rglob("*") if path.is_file()}
    answer = command(chain, "demo", fresh)
    assert answer.code == 2
    assert f"make a demonstration in {fresh}: it holds files that are not" in answer.mistake
    assert {p: p.read_bytes() for p in fresh.rglob("*") if p.is_file()} == before


def test_what_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "x", Path("/proc/x")):
        with pytest.raises(UserError, match="Name a folder that does not exist yet"):
            claim_folder(path)


@pytest.mark.parametrize("chain", ["diffuse", "spectroscopy"])
def test_seeds_are_not_negative(chain: str, tmp_path: Path, command: Any) -> None:
    answer = command(chain, "demo", tmp_path / "x", "--seed", "-1")
    assert answer.code != 0
    assert "Must be >= 0" in answer.out + answer.err
    assert not (tmp_path / "x").exists()
