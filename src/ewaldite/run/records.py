"""What a workflow remembers of its finished steps."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ewaldite.run.digest import FileStamp, digest
from ewaldite.run.durable import write_whole

_logger = logging.getLogger(__name__)

_FORMAT = 1


@dataclass(frozen=True)
class StepRecord:
    """A finished step.

    Attributes
    ----------
    options:
        Digest of each of its options and inputs, by dotted name.
    needs:
        Fingerprint of each step it built on, by name.
    files:
        What it made; paths relative to the folder of the state file, which may thus be moved.
    """

    options: Mapping[str, str]
    needs: Mapping[str, str]
    files: Sequence[FileStamp]

    @property
    def fingerprint(self) -> str:
        """Differs whenever the step was done again."""
        return digest(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> StepRecord:
        """Invert :func:`dataclasses.asdict`."""
        files = [FileStamp(f["path"], int(f["size"]), int(f["mtime"])) for f in stored["files"]]
        return cls(dict(stored["options"]), dict(stored["needs"]), files)


def made_files(folder: Path, paths: Sequence[Path]) -> list[FileStamp]:
    """Stamps of files, with paths relative to a folder.

    Raises
    ------
    OSError
        If one is not there.
    """
    stamps = [FileStamp.of(path) for path in paths]
    return [FileStamp(os.path.relpath(s.path, folder), s.size, s.mtime) for s in stamps]


def read_records(state_file: Path) -> dict[str, StepRecord]:
    """Read records by step name; none, with a warning, where the file is not readable."""
    try:
        stored = json.loads(state_file.read_text())
        if stored["format"] != _FORMAT:
            raise ValueError(f"it has the format {stored['format']!r}, not {_FORMAT}")
        return {name: StepRecord.from_dict(one) for name, one in stored["steps"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        _logger.warning("%s cannot be used, all steps are redone: %s", state_file, error)
        return {}


def write_records(state_file: Path, records: Mapping[str, StepRecord]) -> None:
    """Write all records, atomically.

    Raises
    ------
    UserError
        For a full disk or a forbidden folder.
    """
    steps = {name: asdict(record) for name, record in records.items()}
    text = json.dumps({"format": _FORMAT, "steps": steps}, indent=1)

    def write(path: Path) -> None:
        path.write_text(text)

    write_whole(state_file.parent, write, lambda _: state_file.name)
