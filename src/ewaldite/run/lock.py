"""One run at a time in a folder."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ewaldite.errors import UserError


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; it goes with the process, however that ends.

    Where the file system knows no locks, nothing is held.

    Parameters
    ----------
    folder:
        What the run writes to; it exists.

    Raises
    ------
    UserError
        If another run holds it.
    """
    with ExitStack() as stack:
        with suppress(OSError):  # who may not write there is told when it matters
            stream = stack.enter_context((folder / "lock").open("a"))
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(
                    f"work in {folder}",
                    "another run is at work there",
                    "Wait until it is done, or choose another [output] directory.",
                ) from None
        yield
