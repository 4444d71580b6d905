"""How a result came about: enough to make it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any


def installed_version() -> str:
    """Version of the installed program, ``"unknown"`` where it runs without installation."""
    try:
        return version("ewaldite")
    except PackageNotFoundError:
        return "unknown"


@dataclass(frozen=True)
class Provenance:
    """Everything that made a result, without a clock: the same run gives the same record.

    Attributes
    ----------
    version:
        Version of the program.
    command:
        The command line, or the call, that was given.
    options:
        All options in full, defaults included, as TOML or JSON text.
    inputs:
        Digest of every input file or series by its name, as in ``"sha256:1f0c…"``.
    tables:
        Source of every table of constants that was used, by its purpose.
    seeds:
        Seed of every random generator by its purpose.
    notes:
        What a reader of the result should know: warnings, assumptions, conflicts.
    """

    version: str = field(default_factory=installed_version)
    command: str = ""
    options: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)
    seeds: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def with_notes(self, *notes: str) -> Provenance:
        """Copy with more notes; one that is there already is not repeated."""
        merged = dict.fromkeys((*self.notes, *notes))
        return replace(self, notes=tuple(merged))

    def to_dict(self) -> dict[str, Any]:
        """Plain dict of strings, numbers, lists and dicts, fit for JSON."""
        return {key: _plain(value) for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Provenance:
        """Invert :meth:`to_dict`; unknown keys are ignored, missing ones take their default.

        Raises
        ------
        ValueError
            If a value has the wrong type.
        """
        text = {key: _text(stored, key) for key in ("version", "command", "options")}
        text["version"] = text["version"] or "unknown"
        notes = stored.get("notes", ())
        if not isinstance(notes, (list, tuple)):
            raise ValueError(f"notes of a provenance must be a list, not {notes!r}")
        return cls(
            **text,
            inputs={str(k): str(v) for k, v in _mapping(stored, "inputs").items()},
            tables={str(k): str(v) for k, v in _mapping(stored, "tables").items()},
            seeds={str(k): int(v) for k, v in _mapping(stored, "seeds").items()},
            notes=tuple(str(note) for note in notes),
        )


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


def _text(stored: Mapping[str, Any], key: str) -> str:
    value = stored.get(key, "")
    if not isinstance(value, str):
        raise ValueError(f"{key} of a provenance must be text, not {value!r}")
    return value


def _mapping(stored: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = stored.get(key, {})
    if not isinstance(value, Mapping):
        raise ValueError(f"{key} of a provenance must be a table, not {value!r}")
    return value
