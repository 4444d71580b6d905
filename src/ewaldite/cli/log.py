"""The log of a run: on the terminal and in a file."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from ewaldite.errors import UserError

NAME = "ewaldite"


class _LogFile(logging.FileHandler):
    """A log file that is given up silently where it cannot be written: on a full disk."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Say nothing: what cannot be kept is still on the terminal."""


def run_log(path: Path) -> logging.Logger:
    """Make the logger of a run.

    Parameters
    ----------
    path:
        File that lines are appended to, with the time.

    Returns
    -------
    :
        The logger; on standard error it says the same without the time.

    Raises
    ------
    UserError
        If the file cannot be written.
    """
    log = logging.getLogger(NAME)
    for handler in list(log.handlers):
        log.removeHandler(handler)
        handler.close()
    try:
        file = _LogFile(path, encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"write the log {path}",
            error.strerror or str(error),
            "Remove what is there, or choose another [output] directory.",
        ) from error
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(logging.Formatter("%(message)s"))
    for handler in (file, terminal):
        log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    return log
