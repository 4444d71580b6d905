"""Results of finished shards on disk, from which a killed run goes on."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from ewaldite.errors import UserError
from ewaldite.run.digest import digest, file_checksum
from ewaldite.run.durable import write_whole

_logger = logging.getLogger(__name__)

T = TypeVar("T")
Shard = TypeVar("Shard")
Result = TypeVar("Result")

_UNREADABLE = (OSError, ValueError, KeyError, EOFError, UserError)


@dataclass(frozen=True)
class Key:
    """What a checkpoint holds.

    Attributes
    ----------
    name:
        Which shard, as in ``"integrate/a/wedge 3"``; the same whatever the options.
    digest:
        Of all inputs and options that its content depends on, and of the program's version,
        see :func:`ewaldite.run.digest.digest`.
    """

    name: str
    digest: str


class CheckpointStore:
    """A folder of checkpoints: one folder a name, in it one file named by digest and checksum.

    It has no state but the folder, so that many threads or processes may use it at once. Two
    that save the same name and digest save the same, and one of them wins.

    Parameters
    ----------
    folder:
        Where the checkpoints lie; made at the first save.
    suffix:
        End of the file names, for writers that look at it.
    """

    def __init__(self, folder: Path, suffix: str = ".h5") -> None:
        self.folder = folder
        self.suffix = suffix

    def has(self, key: Key) -> bool:
        """Whether there is a checkpoint of this name and digest; its content is not read."""
        return self._find(key) is not None

    def save(self, key: Key, writer: Callable[[Path], None]) -> None:
        """Write a checkpoint, then remove the stale ones of its name.

        Parameters
        ----------
        key:
            What it holds.
        writer:
            Writes the content to the path that it is given.

        Raises
        ------
        UserError
            For a full disk or a forbidden folder.
        """

        def name(written: Path) -> str:
            return f"{_short(key.digest)}-{file_checksum(written)[:32]}{self.suffix}"

        folder = self._folder(key.name)
        try:
            final = write_whole(folder, writer, name, suffix=self.suffix)
        except FileNotFoundError:
            if self.has(key):  # a worker that was thought dead has finished it meanwhile
                return
            raise
        self._clear(folder, final)

    def size(self, key: Key) -> int:
        """Bytes of a checkpoint on disk; 0 where there is none."""
        path = self._find(key)
        return 0 if path is None else path.stat().st_size

    def load(self, key: Key, reader: Callable[[Path], T], *, in_part: bool = False) -> T | None:
        """Read a checkpoint; None where there is none that is whole.

        A file whose content is not what was written, or that the reader cannot read, is
        removed with a warning in the log.

        Parameters
        ----------
        key:
            What it holds.
        reader:
            Reads the content from the path that it is given.
        in_part:
            Whether the reader reads a small part and sees by itself whether that is what was
            written; the rest is not looked at.
        """
        path = self._find(key)
        if path is None:
            return None
        try:
            if not in_part and file_checksum(path)[:32] != path.stem.partition("-")[2]:
                raise ValueError("its content is not what was written")
            content = reader(path)
        except _UNREADABLE as error:
            _logger.warning("%s: the checkpoint %s is done again: %s", key.name, path, error)
            with suppress(OSError):
                path.unlink()
            return None
        self._clear(path.parent, path)  # what a kill between rename and clearing left
        return content

    def prune(self, names: Iterable[str] = ()) -> None:
        """Remove the checkpoints of all names but these; other files are left alone."""
        kept = {self._folder(name) for name in names}
        for folder in self.folder.glob("*/"):
            if folder not in kept:
                self._clear(folder)
                with suppress(OSError):  # a folder that holds something else stays
                    folder.rmdir()

    def _clear(self, folder: Path, kept: Path | None = None) -> None:
        ours = re.compile(
            rf"([0-9a-f]{{32}}-[0-9a-f]{{32}}|\.[0-9a-f]+\.part){re.escape(self.suffix)}"
        )
        for path in folder.iterdir():
            if path != kept and ours.fullmatch(path.name):
                path.unlink(missing_ok=True)

    def _folder(self, name: str) -> Path:
        plain = re.sub(r"[^\w-]+", "_", name, flags=re.ASCII)[:64]
        if plain != name:  # two names must not meet in one folder
            plain = f"{plain}.{_short(name)[:12]}"
        return self.folder / plain

    def _find(self, key: Key) -> Path | None:
        pattern = f"{_short(key.digest)}-*{self.suffix}"
        return next(iter(sorted(self._folder(key.name).glob(pattern))), None)


class Named(Protocol):
    """A shard that says under which name its checkpoint is kept; plain data."""

    @property
    def key(self) -> str:
        """Its name, unlike that of any other shard of the same work."""


@dataclass(frozen=True)
class ContentKeys:
    """Name and digest of the checkpoints of shards that say their names.

    Attributes
    ----------
    content:
        Digest of all that the results depend on besides the shard.
    """

    content: str

    def __call__(self, shard: Named) -> Key:
        """Key of a shard."""
        return Key(shard.key, digest(self.content, shard))


@dataclass(frozen=True)
class ShardStore(Generic[Shard, Result]):
    """How the results of shards are kept.

    Attributes
    ----------
    store:
        Where.
    key:
        Name and digest of a shard.
    save:
        Writes a result to a path; what is read back must be equal to the bit.
    load:
        Reads it.
    in_part:
        Whether it reads a part, see :meth:`CheckpointStore.load`.
    """

    store: CheckpointStore
    key: Callable[[Shard], Key]
    save: Callable[[Result, Path], None]
    load: Callable[[Path], Result]
    in_part: bool = False

    def put(self, shard: Shard, result: Result) -> None:
        """Keep the result of a shard."""
        self.store.save(self.key(shard), lambda path: self.save(result, path))

    def has(self, shard: Shard) -> bool:
        """Whether the result of a shard was kept; it is not read."""
        return self.store.has(self.key(shard))

    def get(self, shard: Shard) -> Result | None:
        """Load the result of a shard; None where none was kept."""
        return self.store.load(self.key(shard), self.load, in_part=self.in_part)

    def size(self, shard: Shard) -> int:
        """Bytes on disk of the result of a shard; 0 where none was kept."""
        return self.store.size(self.key(shard))


def read_only(result: object, path: Path) -> None:
    """For ``save`` of a :class:`ShardStore` of what another one writes."""
    raise NotImplementedError


def _short(text: str) -> str:
    """32 hexadecimal digits that are fit for a file name, whatever the text."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]
