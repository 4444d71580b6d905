"""Files that are on disk whole, or not there at all."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from ewaldite.errors import UserError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_IN_THE_WAY = frozenset({errno.ENOTDIR, errno.EEXIST})
# What a kill leaves of a file that was being written, here or by writers of result files
_UNFINISHED = re.compile(r"\.(.+\.)?[0-9a-f]{8}([0-9a-f]{24})?\.part(\.\w+)?")


class WriteError(UserError):
    """The disk is full, or writing is not allowed or not possible there."""


def write_whole(
    folder: Path, write: Callable[[Path], None], name: Callable[[Path], str], suffix: str = ""
) -> Path:
    """Write under a temporary name, flush to disk, and only then give the file its name.

    Parameters
    ----------
    folder:
        Where the file goes; made if absent.
    write:
        Writes the file at the path that it is given.
    name:
        The final name; it may look into the file that was written.
    suffix:
        End of the temporary name, for writers that look at it.

    Returns
    -------
    :
        Path of the file. Killed at any moment, the program leaves there the whole file or what
        was there before, and at worst a hidden file with ``.part`` in its name.

    Raises
    ------
    WriteError
        For a full disk or a folder that cannot be made or written to.
    """
    temporary = folder / f".{uuid4().hex}.part{suffix}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write(temporary)
        _flush(temporary)
        final = folder / name(temporary)
        os.replace(temporary, final)
        with suppress(OSError):  # not every file system lets a folder be flushed
            _flush(folder)
    except OSError as error:
        mistake = _explained(folder, error)
        if mistake is None:
            raise
        raise mistake from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return final


def clear_unfinished(folder: Path, below: bool = False) -> None:
    """Remove what kills left of files that were being written.

    Parameters
    ----------
    folder:
        Where they lie.
    below:
        Whether the folders in it are looked through as well.
    """
    found = folder.rglob(".*.part*") if below else folder.glob(".*.part*")
    for path in list(found):
        if _UNFINISHED.fullmatch(path.name):
            path.unlink(missing_ok=True)


def _explained(folder: Path, error: OSError) -> WriteError | None:
    """Say what the user can do about it; None where that is nothing."""
    number = error.errno
    if number is None:  # HDF5 has the number in its text only
        inside = re.search(r"errno = (\d+)", str(error))
        number = int(inside[1]) if inside else None
    reason = str(error) if number is None else os.strerror(number)
    if number in _FULL:
        return WriteError(
            f"write to {folder}",
            f"the disk is full ({reason})",
            "Free some space and run the same command again: the finished steps are kept.",
        )
    if number in _FORBIDDEN:
        return WriteError(
            f"write to {folder}",
            f"writing there is not allowed ({reason})",
            "Choose another output folder.",
        )
    if number in _IN_THE_WAY:
        return WriteError(
            f"write to {folder}",
            f"something that is no folder stands there ({reason})",
            "See what is there and move it away.",
        )
    return None


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
