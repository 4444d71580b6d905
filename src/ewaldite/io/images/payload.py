"""The bytes of an image file, gunzipped or bunzipped where the file is compressed."""

from __future__ import annotations

import bz2
import gzip
import zlib
from pathlib import Path
from typing import BinaryIO, cast

from ewaldite.io.images.series import FrameError

GZIP, BZIP2 = b"\x1f\x8b", b"BZh"
REMEDY = "Restore the file from its source, or leave the frame out with 'exclude'."


def corrupt(path: Path, found: str) -> FrameError:
    """Return the error for an image that cannot be decoded."""
    return FrameError(f"read the image {path}", found, REMEDY)


def read_payload(path: Path) -> bytes:
    """Return the whole uncompressed contents of a file.

    Compression is recognised by the first bytes, not by the name.

    Raises
    ------
    FrameError
        If the file is missing, empty, or its compressed stream is cut or damaged.
    """
    try:
        raw = path.read_bytes()
        if raw.startswith(GZIP):
            raw = gzip.decompress(raw)
        elif raw.startswith(BZIP2):
            raw = bz2.decompress(raw)
    except (EOFError, zlib.error, ValueError, OSError) as error:
        raise _unreadable(path, error) from error
    if not raw:
        raise corrupt(path, "the file is empty")
    return raw


def read_head(path: Path, until: bytes, limit: int = 1 << 20) -> bytes:
    """Return the uncompressed beginning of a file, up to and with a mark.

    Parameters
    ----------
    path:
        The file.
    until:
        Reading stops once this mark was seen.
    limit:
        Number of bytes after which it stops anyway.

    Raises
    ------
    FrameError
        As `read_payload`.
    """
    head = b""
    try:
        with _open(path) as stream:
            while len(head) < limit and until not in head:
                block = stream.read(16384)
                if not block:
                    break
                head += block
    except (EOFError, zlib.error, ValueError, OSError) as error:
        raise _unreadable(path, error) from error
    if not head:
        raise corrupt(path, "the file is empty")
    return head


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as stream:
        magic = stream.read(3)
    if magic.startswith(GZIP):
        return cast(BinaryIO, gzip.open(path, "rb"))
    if magic.startswith(BZIP2):
        return cast(BinaryIO, bz2.open(path, "rb"))
    return path.open("rb")


def _unreadable(path: Path, error: Exception) -> FrameError:
    if isinstance(error, FileNotFoundError):
        return corrupt(path, "the file does not exist")
    if isinstance(error, OSError) and error.strerror:
        return corrupt(path, f"the file cannot be read ({error.strerror})")
    return corrupt(path, f"the compressed file is truncated or damaged ({error})")
