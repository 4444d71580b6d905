"""Memory that this process holds."""

from __future__ import annotations

import re
import resource
import sys
from contextlib import suppress
from pathlib import Path

_STATUS = Path("/proc/self/status")


def current_rss(status: Path = _STATUS) -> int:
    """Resident memory now, in bytes; the peak where the system does not tell."""
    found = _field("VmRSS", status)
    return peak_rss(status) if found is None else found


def peak_rss(status: Path = _STATUS) -> int:
    """Largest resident memory since the start of the process, in bytes."""
    found = _field("VmHWM", status)
    if found is not None:
        return found
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # getrusage(2) counts in kB on Linux and in bytes on macOS
    return peak if sys.platform == "darwin" else peak * 1024


def _field(name: str, status: Path) -> int | None:
    """Bytes of a line ``name:   123 kB``."""
    text = ""
    with suppress(OSError):
        text = status.read_text()
    match = re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE)
    return int(match[1]) * 1024 if match else None
