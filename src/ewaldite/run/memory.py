"""Memory that this process holds."""

from __future__ import annotations

import ctypes
import re
import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

_STATUS = Path("/proc/self/status")


def current_rss(status: Path | None = None) -> int:
    """Resident memory now, in bytes; the peak where the system does not tell."""
    found = _field("VmRSS", status)
    return peak_rss(status) if found is None else found


def peak_rss(status: Path | None = None) -> int:
    """Largest resident memory since the start of the process, in bytes."""
    found = _field("VmHWM", status)
    if found is not None:
        return found
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # getrusage(2) counts in kB on Linux and in bytes on macOS
    return peak if sys.platform == "darwin" else peak * 1024


def give_back() -> None:
    """Give memory that is free back to the system, where its library keeps it.

    glibc keeps what is freed in pieces of less than 32 MB: half a gigabyte after a wedge of a
    large cell. ``malloc_trim`` (malloc_trim(3)) returns the pages; elsewhere nothing is done.
    """
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    with suppress(OSError, AttributeError):
        function: Callable[[int], int] = ctypes.CDLL("libc.so.6").malloc_trim
        return function
    return None


def _field(name: str, status: Path | None) -> int | None:
    """Bytes of a line ``name:   123 kB``."""
    text = ""
    with suppress(OSError):
        text = (status or _STATUS).read_text()
    match = re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE)
    return int(match[1]) * 1024 if match else None
