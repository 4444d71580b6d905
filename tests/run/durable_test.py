from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ewaldite.errors import UserError
from ewaldite.run.durable import clear_unfinished, write_whole


def put(folder: Path, text: str) -> Path:
    return write_whole(folder, lambda path: path.write_text(text) and None, lambda _: "x.txt")


def test_writes_and_replaces(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    assert put(folder, "one") == folder / "x.txt"
    assert put(folder, "two").read_text() == "two"
    assert os.listdir(folder) == ["x.txt"]


def test_the_name_may_come_from_the_content(tmp_path: Path) -> None:
    path = write_whole(
        tmp_path, lambda path: path.write_text("abc") and None, lambda path: path.read_text()
    )
    assert path == tmp_path / "abc"


def test_flushes_before_it_renames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (calls.append("fsync"), fsync(fd))[1])
    monkeypatch.setattr(os, "replace", lambda a, b: (calls.append("replace"), replace(a, b))[1])
    put(tmp_path, "one")
    assert calls == ["fsync", "replace", "fsync"]


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), ValueError("x"), OSError(errno.EIO, "x")]
)
def test_a_body_that_raises_leaves_the_old_file(tmp_path: Path, error: BaseException) -> None:
    put(tmp_path, "old")

    def write(path: Path) -> None:
        path.write_text("half")
        raise error

    with pytest.raises(type(error)) as caught:
        write_whole(tmp_path, write, lambda _: "x.txt")
    assert caught.value is error
    assert os.listdir(tmp_path) == ["x.txt"]
    assert (tmp_path / "x.txt").read_text() == "old"


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        OSError("Can't write data (file write failed: errno = 28, error message = 'x')"),
    ],
)
def test_a_full_disk_is_said_and_that_finished_steps_are_kept(
    tmp_path: Path, error: OSError
) -> None:
    def write(path: Path) -> None:
        raise error

    with pytest.raises(UserError, match="the disk is full") as caught:
        write_whole(tmp_path, write, lambda _: "x.txt")
    assert "finished steps are kept" in caught.value.remedy
    assert str(tmp_path) in caught.value.asked
    assert caught.value.__cause__ is error


def test_a_forbidden_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def replace(a: Path, b: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(b))

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(UserError, match="not allowed"):
        put(tmp_path, "one")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "write",
    [
        "path.write_bytes(bytes(10**6))",
        "import h5py, numpy\n  with h5py.File(path, 'w') as f: f['x'] = numpy.zeros(10**6)",
    ],
    ids=["plain", "hdf5"],
)
def test_a_disk_that_fills_up_for_real(tmp_path: Path, write: str) -> None:
    """A limit on the size of files makes the system refuse the write, as a full disk does."""
    code = f"""
import resource, sys
from pathlib import Path
from ewaldite.errors import UserError
from ewaldite.run.durable import clear_unfinished, write_whole
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
def write(path):
  {write}
try:
    write_whole(Path({str(tmp_path)!r}), write, lambda _: "x.h5")
except UserError as error:
    sys.stdout.write(str(error))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "the disk is full" in done.stdout, done.stderr
    assert os.listdir(tmp_path) == []


def test_what_a_kill_leaves_is_cleared_and_nothing_else(tmp_path: Path) -> None:
    left = [
        f".{'0a' * 16}.part",
        f".{'0a' * 16}.part.h5",
        ".map.nxs.0123abcd.part",
        "below/.3.npz.0123abcd.part",
    ]
    kept = [".hidden", ".mine.part", "a.0123abcd.part", ".map.nxs.0123abcd.party", "map.nxs"]
    (tmp_path / "below").mkdir()
    for name in left + kept:
        (tmp_path / name).touch()
    clear_unfinished(tmp_path)
    assert not any((tmp_path / name).exists() for name in left[:3])
    assert (tmp_path / left[3]).exists()
    clear_unfinished(tmp_path, below=True)
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == sorted(kept)
    clear_unfinished(tmp_path / "absent")
