"""What all steps of a neutron run share: options, places of files, how results came about."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from pathlib import Path

from ewaldite.io.atomic import write_text
from ewaldite.model.provenance import Provenance
from ewaldite.run.digest import FileStamp, file_checksum
from ewaldite.run.executor import Executor
from ewaldite.run.progress import Progress, SilentProgress
from ewaldite.spectroscopy.config import config_text
from ewaldite.spectroscopy.options import SpectroscopyOptions

_DIGESTS = "digests.json"


@dataclass(frozen=True)
class Context:
    """A neutron run.

    Attributes
    ----------
    options:
        The configuration.
    base:
        Folder to which its paths refer.
    folder:
        For results; that of the options if None.
    command:
        Command line, for the provenance.
    log:
        Where the run says what it does.
    progress:
        Who is told how far it is.
    executor:
        Where shards are reduced.
    """

    options: SpectroscopyOptions
    base: Path
    folder: Path | None = None
    command: str = ""
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("ewaldite"))
    progress: Progress = field(default_factory=SilentProgress)
    executor: Executor = field(default_factory=Executor)
    _noted: set[str] = field(default_factory=set, repr=False)

    def note(self, *notes: str) -> None:
        """Tell the log what a user should know, each once."""
        for note in notes:
            if note not in self._noted:
                self._noted.add(note)
                self.log.warning("note: %s", note)

    @property
    def out(self) -> Path:
        """Folder of the results."""
        return self.folder or self.base / self.options.output.directory

    @property
    def work(self) -> Path:
        """Folder of what steps hand to one another."""
        return self.out / "work"

    def stamps(self, *files: Path | None) -> list[str]:
        """Name, size and time of the files of the options that are there."""
        paths = [self.base / file for file in files if file is not None]
        found = [FileStamp.of(path) for path in paths if path.is_file()]
        return [f"{Path(s.path).name} {s.size} {s.mtime}" for s in found]

    def provenance(self, *files: Path | None, notes: tuple[str, ...] = ()) -> Provenance:
        """How a result came about.

        Parameters
        ----------
        files:
            Files of the options that it was made from.
        notes:
            What a user should know.
        """
        named = [file for file in files if file is not None]
        return Provenance(
            command=self.command,
            options=config_text(self.options),
            inputs={str(file): self._digest(self.base / file) for file in named},
            notes=tuple(dict.fromkeys(notes)),
        )

    def _digest(self, path: Path) -> str:
        """Digest of the content of a file; it is read anew only where size or time changed."""
        memory = self.work / _DIGESTS
        known = json.loads(memory.read_text("utf-8")) if memory.is_file() else {}
        stamp = FileStamp.of(path)
        key = f"{path.resolve()} {stamp.size} {stamp.mtime}"
        if key not in known:
            known[key] = f"sha256:{file_checksum(path)}"
            write_text(memory, json.dumps(known, indent=1))
        return str(known[key])
