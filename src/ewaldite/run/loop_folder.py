"""A folder for compiled loops where there is none to write to."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

_VARIABLE = "NUMBA_CACHE_DIR"
_PACKAGE = Path(__file__).parents[1]


def give_loops_a_folder(places: Iterable[Path] | None = None) -> Path | None:
    """Keep compiled loops for this process alone, if numba could keep them nowhere else.

    numba refuses to import a loop that it cannot keep, as in a container whose user has no
    home. To be called before it is imported.

    Parameters
    ----------
    places:
        Where numba would keep them: beside the source, or in the user's cache.

    Returns
    -------
    :
        A folder that goes with this process, for it and its children; None where there is
        another.
    """
    if places is None:
        cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        places = (_PACKAGE / "kernels" / "__pycache__", Path(cache) / "numba")
    if os.environ.get(_VARIABLE) or any(_can_be_made(place) for place in places):
        return None
    folder = Path(tempfile.mkdtemp(prefix="ewaldite-loops-"))
    os.environ[_VARIABLE] = str(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _can_be_made(place: Path) -> bool:
    """Whether files can be written to a folder, which may have to be made."""
    there = next((p for p in (place, *place.parents) if p.exists()), place)
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)
