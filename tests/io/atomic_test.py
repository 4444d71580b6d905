"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.io import atomic
from ewaldite.io.atomic import atomic_path, storage_error, write_bytes, write_text


def folder_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@settings(deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_text_comes_back(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("text") / "note.txt"
    write_text(path, text)
    assert path.read_bytes().decode() == text
    assert folder_names(path.parent) == ["note.txt"]


def test_the_old_content_stays_until_the_end(tmp_path: Path) -> None:
    path = tmp_path / "map.txt"
    path.write_text("old")
    with atomic_path(path) as temporary:
        temporary.write_text("new")
        assert temporary.parent == path.parent
        assert path.read_text() == "old"
    assert path.read_text() == "new"


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), OSError(5, "io")])
def test_a_failure_leaves_the_old_file_and_no_other(
    tmp_path: Path, error: BaseException
) -> None:
    path = tmp_path / "map.txt"
    path.write_text("old")

    def fail() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(type(error)) as caught:
        fail()
    assert caught.value is error
    assert path.read_text() == "old"
    assert folder_names(tmp_path) == ["map.txt"]


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with atomic_path(path) as first, atomic_path(path) as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"  # the outer one ended last
    assert folder_names(tmp_path) == ["a"]


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real")
    write_bytes(link, b"new")
    assert link.is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    write_text(tmp_path / "ours", "")
    mode = (tmp_path / "plain").stat().st_mode
    assert (tmp_path / "ours").stat().st_mode == mode


def test_missing_folder_is_named(tmp_path: Path) -> None:
    path = tmp_path / "no" / "map.nxs"
    with pytest.raises(UserError, match=f"Cannot write {path}: there is no folder"):
        write_text(path, "x")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="it is a folder"):
        write_text(tmp_path, "x")
    assert folder_names(tmp_path) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_at_the_flush(
    tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Network file systems report a full disk only then."""
    path = tmp_path / "map.txt"
    path.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(UserError, match="the disk is full") as caught:
        write_text(path, "new")
    assert str(path) in str(caught.value)
    assert "finished steps are kept" in str(caught.value)
    assert path.read_text() == "old"
    assert folder_names(tmp_path) == ["map.txt"]


def test_the_content_is_flushed_before_the_name_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    flush, rename = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        order.append("flush")
        flush(descriptor)

    def replace(source: Path, target: Path) -> None:
        order.append("rename")
        rename(source, target)

    monkeypatch.setattr(atomic.os, "fsync", fsync)
    monkeypatch.setattr(atomic.os, "replace", replace)
    write_text(tmp_path / "a", "x")
    assert order == ["flush", "rename", "flush"]


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (errno.EACCES, "not allowed"),
        (errno.EROFS, "not allowed"),
        (errno.EFBIG, "the disk is full"),
        (errno.EIO, "the system says"),
    ],
)
def test_every_answer_of_the_system_gets_a_sentence(code: int, sentence: str) -> None:
    error = storage_error("/tmp/x.nxs", OSError(code, os.strerror(code)))
    assert sentence in str(error)
    assert error.asked == "write /tmp/x.nxs"
    assert os.strerror(code) in error.found
    assert error.remedy
