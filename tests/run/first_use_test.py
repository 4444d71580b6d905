from __future__ import annotations

import logging
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from ewaldite.run import first_use
from ewaldite.run.first_use import loops_are_kept, say_first_use


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package in a folder of its own, as after an installation."""
    spec = ModuleSpec("ewaldite.kernels", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path / "kernels")]
    monkeypatch.setattr(first_use, "find_spec", lambda name: spec)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    return tmp_path


def keep(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "walk.rows-12.py311.nbi").touch()


def test_the_first_run_is_told_what_takes_long(
    package: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = logging.getLogger("first use")
    with caplog.at_level(logging.INFO):
        say_first_use(log)
    assert "compiled" in caplog.text
    caplog.clear()
    keep(package / "kernels" / "__pycache__")
    with caplog.at_level(logging.INFO):
        say_first_use(log)
    assert caplog.text == ""


@pytest.mark.parametrize("place", ["kernels/__pycache__", "home/.cache/numba/kernels_1"])
def test_loops_are_found_where_numba_keeps_them(package: Path, place: str) -> None:
    assert not loops_are_kept()
    keep(package / place)
    assert loops_are_kept()


def test_the_folder_of_the_variable_counts(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(package / "else"))
    assert not loops_are_kept()
    keep(package / "else" / "kernels_2")
    assert loops_are_kept()
