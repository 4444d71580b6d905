"""Detector counts to intensity in reciprocal space."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ewaldite.errors import MissingExtraError, UserError

if TYPE_CHECKING:
    from ewaldite.io.nexus import load, save

    __version__: str

__all__ = ["MissingExtraError", "UserError", "__version__", "load", "save"]

_LAZY = {"load": "ewaldite.io.nexus", "save": "ewaldite.io.nexus"}


def __getattr__(name: str) -> object:
    """Import what was asked for only now: ``--help`` must not wait for numerical libraries."""
    if name == "__version__":
        return import_module("ewaldite.model.provenance").installed_version()
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'ewaldite' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
