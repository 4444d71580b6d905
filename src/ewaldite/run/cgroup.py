"""Limits of the control group that this process runs in: containers, batch systems.

Files and their meaning: Linux kernel documentation, ``admin-guide/cgroup-v2.rst`` and
``admin-guide/cgroup-v1/memory.rst``, ``scheduler/sched-bwc.rst``. A limit of any ancestor holds
too, so all folders from the process's own group up to the mount point are looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_UNLIMITED = 1 << 60  # version 1 writes the largest page-aligned int64 for "no limit"
_RECLAIMABLE = ("inactive_file", "active_file")


def memory_room(root: Path, own: int) -> int | None:
    """Memory that the groups leave to this process, bytes.

    The limit less what other processes of the group hold; pages of the file cache count as
    free, for the kernel gives them up first.

    Parameters
    ----------
    root:
        ``/``, or a copy of the files for a test.
    own:
        Resident memory of this process, bytes.

    Returns
    -------
    :
        Bytes for this process in all, ``own`` included; None without a limit.
    """
    rooms = [_room(folder, "memory.max", "memory.current", "", own) for folder in _v2(root)] + [
        _room(folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_", own)
        for folder in _v1(root, "memory")
    ]
    return min((room for room in rooms if room is not None), default=None)


def processor_quota(root: Path) -> float | None:
    """Processors' worth of time that the groups allow; None without a limit."""
    quotas: list[float] = []
    for folder in _v2(root):
        quotas += _ratio(_read(folder / "cpu.max").split())
    for folder in _v1(root, "cpu"):
        names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        quotas += _ratio([_read(folder / name) for name in names])
    return min(quotas, default=None)


def _v2(root: Path) -> Iterator[Path]:
    for _, controllers, path in _groups(root):
        if controllers == "":
            for mount in ("sys/fs/cgroup", "sys/fs/cgroup/unified"):
                yield from _upwards(root / mount, path)


def _v1(root: Path, controller: str) -> Iterator[Path]:
    for _, controllers, path in _groups(root):
        if controller in controllers.split(","):
            for mount in dict.fromkeys((controller, controllers)):
                yield from _upwards(root / "sys/fs/cgroup" / mount, path)


def _groups(root: Path) -> Iterator[list[str]]:
    """Lines ``number:controllers:path`` of the process."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        parts = line.split(":", 2)
        if len(parts) == 3:
            yield parts


def _upwards(mount: Path, path: str) -> Iterator[Path]:
    # inside a container the path may belong to the host and its folders be absent here
    parts = [part for part in path.split("/") if part not in ("", "..")]
    for depth in range(len(parts), -1, -1):
        yield mount.joinpath(*parts[:depth])


def _room(folder: Path, limit: str, usage: str, prefix: str, own: int) -> int | None:
    most = _number(_read(folder / limit))
    if most is None or most >= _UNLIMITED:
        return None
    lines = (line.split() for line in _read(folder / "memory.stat").splitlines())
    wanted = {prefix + name for name in _RECLAIMABLE}
    cache = sum(int(line[1]) for line in lines if len(line) == 2 and line[0] in wanted)
    used = _number(_read(folder / usage)) or 0
    return max(most - max(used - cache - own, 0), 0)


def _ratio(pair: list[str]) -> list[float]:
    numbers = [_number(text) for text in pair]
    match numbers:
        case [int(quota), int(period)] if quota > 0 and period > 0:
            return [quota / period]
    return []


def _number(text: str) -> int | None:
    return int(text) if text.strip().isdecimal() else None


def _read(path: Path) -> str:
    with suppress(OSError):
        return path.read_text()
    return ""
