"""A word to the user when loops have to be compiled first."""

from __future__ import annotations

import logging
import os
from importlib.util import find_spec
from pathlib import Path

_SAID = (
    "first use on this machine: loops are compiled where they are met, about a minute in all; "
    "later runs load them"
)


def loops_are_kept() -> bool:
    """Whether an earlier run has left compiled loops where numba keeps them.

    That is beside the modules, or in the folder that ``NUMBA_CACHE_DIR`` names, or where the
    package cannot be written to, in the user's cache.
    """
    places = [
        Path(folder)
        for folder in (os.environ.get("NUMBA_CACHE_DIR"), Path.home() / ".cache" / "numba")
        if folder
    ]
    package = find_spec("ewaldite.kernels")
    if package is not None and package.submodule_search_locations:
        places += [Path(p) / "__pycache__" for p in package.submodule_search_locations]
    return any(next(place.rglob("*.nbi"), None) is not None for place in places)


def say_first_use(log: logging.Logger) -> None:
    """Say once that loops will be compiled, if none are kept."""
    if not loops_are_kept():
        log.info("%s", _SAID)
