"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from ewaldite.errors import UserError

PathLike = str | os.PathLike[str]

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_NO_FOLDER = frozenset({errno.ENOENT, errno.ENOTDIR})


def storage_error(path: PathLike, error: OSError) -> UserError:
    """Say in one sentence why a file could not be written.

    Parameters
    ----------
    path:
        The file that the user asked for (not the temporary one).
    error:
        What the operating system answered.
    """
    asked = f"write {os.fspath(path)}"
    reason = error.strerror or str(error)
    if error.errno in DISK_FULL:
        return UserError(
            asked,
            f"the disk is full ({reason})",
            "Free some space or choose another folder and run again: the finished steps are "
            "kept, and an older file of this name is untouched.",
        )
    folder = Path(os.path.realpath(path)).parent
    if error.errno in _FORBIDDEN:
        return UserError(
            asked, f"writing there is not allowed ({reason})", "Choose a folder of your own."
        )
    if error.errno in _NO_FOLDER and not folder.is_dir():
        return UserError(asked, f"there is no folder {folder}", "Make it or correct its name.")
    if error.errno == errno.EISDIR:
        return UserError(asked, "it is a folder", "Give the name of a file.")
    return UserError(asked, f"the system says: {reason}", "See whether the disk is healthy.")


@contextmanager
def atomic_path(path: PathLike) -> Iterator[Path]:
    """Give a temporary path beside ``path`` that takes its name once the body has succeeded.

    The file is flushed to disk before it is renamed, so that after a crash ``path`` holds
    either the old content or the whole new one. If the body raises, the temporary file goes
    away and the old file stays. A link is followed, not replaced.

    Parameters
    ----------
    path:
        The file to write.

    Yields
    ------
    :
        Path to write to; the body creates the file.

    Raises
    ------
    UserError
        For a full disk, a missing folder, a forbidden one. Errors of the body that concern
        other files pass unchanged.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{uuid4().hex[:8]}.part")
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
        yield temporary
        _flush(temporary)
        os.replace(temporary, target)
        with suppress(OSError):  # not every file system lets a folder be flushed
            _flush(target.parent)
    except OSError as error:
        about_us = str(error.filename) in {str(target), str(temporary)}
        if about_us or error.errno in DISK_FULL:
            raise storage_error(path, error) from error
        raise
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_bytes(path: PathLike, content: bytes) -> None:
    """Write a whole file atomically; see :func:`atomic_path`."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: PathLike, content: str) -> None:
    """Write a whole UTF-8 text file atomically; see :func:`atomic_path`."""
    write_bytes(path, content.encode())


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
