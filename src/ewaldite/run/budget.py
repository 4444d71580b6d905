"""How much memory and how many processors a run may use."""

from __future__ import annotations

import math
import os
import re
import resource
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ewaldite.errors import UserError
from ewaldite.run import cgroup
from ewaldite.run.memory import current_rss
from ewaldite.run.sizes import format_bytes, parse_bytes

_SHARE = 0.9
_MEMORY_UNITS = {"k": 1, "m": 2, "g": 3, "t": 4}
_PROCESSOR_VARIABLES = (
    "SLURM_CPUS_PER_TASK",
    "PBS_NUM_PPN",
    "PBS_NCPUS",
    "LSB_DJOB_NUMPROC",
)


@dataclass(frozen=True)
class Budget:
    """Memory that the whole process may hold.

    Attributes
    ----------
    bytes:
        Resident memory at its peak.
    source:
        Who set it, for the log, as in ``"[run] memory"`` or ``"90 % of the free RAM (8 GB)"``.
    option:
        What the user sets for another one.
    """

    bytes: int
    source: str
    option: str = "[run] memory"

    def __str__(self) -> str:
        return f"{format_bytes(self.bytes)} ({self.source})"


def memory_budget(
    option: str | None,
    *,
    section: str = "[run]",
    environ: Mapping[str, str] = os.environ,
    root: Path = Path("/"),
    address_space: int | None = None,
) -> Budget:
    """Memory that a run may use.

    The option counts as it stands. Without it, 90 % of the least of: the limits of the control
    groups (both versions), of Slurm, PBS and LSF, of ``ulimit -v``, and the RAM that is free.
    The tenth is for what no plan sees: fragmentation, libraries, the page tables.

    Parameters
    ----------
    option:
        As ``"1.5 GB"`` or ``"800 MiB"``; None finds the limit out.
    section:
        Where the option stands in the configuration.
    environ:
        Environment of the process.
    root:
        Where ``proc`` and ``sys`` lie.
    address_space:
        ``ulimit -v`` in bytes; None asks the system.

    Raises
    ------
    UserError
        If the option is no size, or no limit can be found.
    """
    name = f"{section} memory"
    if option is not None:
        size = parse_bytes(option)
        if not size:
            raise UserError(
                f"read the memory budget ({name})",
                f"{option!r} is not a size of memory",
                "Write a number above zero with its unit, as in '1.5 GB' or '800 MiB'.",
            )
        return Budget(size, name, name)
    own = current_rss()
    found = [*_batch_limits(environ), *_system_limits(root, own, address_space)]
    if not found:
        raise UserError(
            "find out how much memory there is",
            "the system tells neither a limit nor the free RAM",
            f"Set {name}, as in '4 GB'.",
        )
    size, source = min(found)
    return Budget(int(size * _SHARE), f"90 % of {source}, {format_bytes(size)}", name)


def usable_processors(
    *, environ: Mapping[str, str] = os.environ, root: Path = Path("/")
) -> int:
    """Processors that this process may keep busy, at least 1.

    The least of the affinity mask, the quota of the control groups (rounded up: half a
    processor is still of use), and what Slurm, PBS or LSF gave to the task.
    """
    if hasattr(os, "sched_getaffinity"):
        limits = [len(os.sched_getaffinity(0))]
    else:
        limits = [os.cpu_count() or 1]
    quota = cgroup.processor_quota(root)
    if quota is not None:
        limits.append(math.ceil(quota))
    limits += [n for n in (_count(environ, name) for name in _PROCESSOR_VARIABLES) if n]
    return max(min(limits), 1)


def _batch_limits(environ: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    """Limits that a batch system wrote into the environment, with their names."""
    per_node = _batch_bytes(environ.get("SLURM_MEM_PER_NODE"), unit=2)
    if per_node:  # 0 stands for the whole node
        yield per_node, "the limit of Slurm (SLURM_MEM_PER_NODE)"
    per_cpu = _batch_bytes(environ.get("SLURM_MEM_PER_CPU"), unit=2)
    if per_cpu:
        names = ("SLURM_CPUS_ON_NODE", "SLURM_CPUS_PER_TASK")
        counts = [n for n in (_count(environ, name) for name in names) if n]
        yield per_cpu * (counts or [1])[0], "the limit of Slurm (SLURM_MEM_PER_CPU)"
    for name, system in (("PBS_RESC_MEM", "PBS"), ("LSB_CG_MEMLIMIT", "LSF")):
        size = _batch_bytes(environ.get(name), unit=0)
        if size:
            yield size, f"the limit of {system} ({name})"


def _system_limits(
    root: Path, own: int, address_space: int | None
) -> Iterator[tuple[int, str]]:
    room = cgroup.memory_room(root, own)
    if room is not None:
        yield room, "the limit of the control group"
    if address_space is None:
        address_space = resource.getrlimit(resource.RLIMIT_AS)[0]
    if address_space != resource.RLIM_INFINITY:
        yield address_space, "the limit of the shell (ulimit -v)"
    with suppress(OSError):
        text = (root / "proc/meminfo").read_text()
        match = re.search(r"^MemAvailable:\s+(\d+) kB$", text, re.MULTILINE)
        if match:
            yield int(match[1]) * 1024 + own, "the free RAM"


def _batch_bytes(text: str | None, unit: int) -> int | None:
    """Bytes of ``4000``, ``4000M``, ``4gb`` (of 1024s) or ``0x1000``; None for the rest."""
    match = re.fullmatch(r"(0x[0-9a-f]+|\d+)([kmgt]?)b?", (text or "").strip().lower())
    if match is None:
        return None
    number = int(match[1], 16) if match[1].startswith("0x") else int(match[1])
    power = _MEMORY_UNITS[match[2]] if match[2] else unit
    return number << (10 * power)


def _count(environ: Mapping[str, str], name: str) -> int | None:
    text = environ.get(name, "")
    return int(text) if text.isdecimal() else None
