from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ewaldite.run.loop_folder import give_loops_a_folder


@pytest.fixture
def at_exit(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], object]]:
    """What will be done when the process ends."""
    kept: list[Callable[[], object]] = []

    def register(function: Callable[..., object], *words: object, **more: object) -> None:
        kept.append(lambda: function(*words, **more))

    monkeypatch.setattr(atexit, "register", register)
    # so that it is as before afterwards
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")
    return kept


def test_without_any_other_place_there_is_one_that_goes_with_the_process(
    tmp_path: Path, at_exit: list[Callable[[], object]]
) -> None:
    file = tmp_path / "file"
    file.touch()
    folder = give_loops_a_folder([file, file / "kernels"])
    assert folder is not None
    assert folder.is_dir()
    assert os.environ["NUMBA_CACHE_DIR"] == str(folder)
    (folder / "loop.nbi").touch()
    (end,) = at_exit
    end()
    assert not folder.exists()


@pytest.mark.parametrize("made", [True, False])
def test_a_place_that_can_be_written_to_is_enough(
    tmp_path: Path, at_exit: list[Callable[[], object]], made: bool
) -> None:
    place = tmp_path / "kernels" / "__pycache__"
    if made:
        place.mkdir(parents=True)
    file = tmp_path / "file"
    file.touch()
    assert give_loops_a_folder([file / "kernels", place]) is None
    assert os.environ["NUMBA_CACHE_DIR"] == ""
    assert at_exit == []


def test_a_folder_that_is_forbidden_is_none(
    tmp_path: Path, at_exit: list[Callable[[], object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    folder = give_loops_a_folder([tmp_path / "numba"])
    assert folder is not None
    at_exit[0]()


def test_the_folder_that_the_user_names_counts(
    tmp_path: Path, at_exit: list[Callable[[], object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/there")
    assert give_loops_a_folder([tmp_path / "file"]) is None
    assert os.environ["NUMBA_CACHE_DIR"] == "/there"
