"""Which compiled loops are kept on disk."""

from __future__ import annotations

import fcntl
import json
import platform
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from ewaldite.run.durable import write_whole
from ewaldite.run.loop_list import Loop

_SOURCE = Path(__file__).parents[2]


@dataclass(frozen=True)
class KeptLoops:
    """Record of the loops that were compiled for this machine, beside them.

    numba takes kept loops as stale when their source file has another time or size, for other
    processors, and for other versions of itself and of Python; so does the record.

    Attributes
    ----------
    folder:
        Where numba keeps them.
    source:
        Folder that the package lies in.
    """

    folder: Path
    source: Path = _SOURCE

    @classmethod
    def of(cls, loop: Loop) -> KeptLoops | None:
        """Record beside a loop; None where nothing is compiled (``NUMBA_DISABLE_JIT``)."""
        stats = getattr(loop.function, "stats", None)
        return None if stats is None else cls(Path(stats.cache_path))

    @property
    def path(self) -> Path:
        """The record."""
        return self.folder / f"ewaldite-loops-{_machine()}.json"

    def missing(self, loops: Sequence[Loop]) -> tuple[Loop, ...]:
        """Those that are not kept, or are stale."""
        kept = self._read()
        return tuple(loop for loop in loops if kept.get(_key(loop)) != self._stamp(loop))

    def add(self, loops: Iterable[Loop]) -> None:
        """Note that loops are kept."""
        kept = self._read() | {_key(loop): self._stamp(loop) for loop in loops}
        text = json.dumps(kept, indent=0)

        def write(path: Path) -> None:
            path.write_text(text, encoding="utf-8")

        write_whole(self.folder, write, lambda _: self.path.name)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let no other process that does likewise compile meanwhile; wait for one that does."""
        with ExitStack() as stack:
            with suppress(OSError):  # a file system may know no locks
                self.folder.mkdir(parents=True, exist_ok=True)
                stream = stack.enter_context((self.folder / "ewaldite-loops.lock").open("a"))
                fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def _read(self) -> dict[str, list[int]]:
        found: Any = None
        with suppress(OSError, ValueError):
            found = json.loads(self.path.read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}

    def _stamp(self, loop: Loop) -> list[int]:
        """Time and size of the source file."""
        file = self.source.joinpath(*loop.module.split(".")).with_suffix(".py")
        status = file.stat()
        return [status.st_mtime_ns, status.st_size]


def _key(loop: Loop) -> str:
    return f"{loop.module}:{loop.name} {loop.types}"


def _machine() -> str:
    """Digest of what compiled code depends on besides its source."""
    import numba
    from llvmlite import binding

    features = binding.get_host_cpu_features().flatten()
    config: Any = numba.config
    words = (
        numba.__version__,
        sys.implementation.cache_tag,
        platform.machine(),
        config.CPU_NAME or binding.get_host_cpu_name(),
        config.CPU_FEATURES or features,
        str(config.OPT),
    )
    return sha256("\n".join(words).encode()).hexdigest()[:12]
