"""The log of a run: on the terminal and in a file."""

from __future__ import annotations

import logging
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console

from ewaldite.errors import UserError
from ewaldite.model.provenance import installed_version

NAME = "ewaldite"


class _LogFile(logging.FileHandler):
    """A log file that is given up silently where it cannot be written: on a full disk."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Say nothing: what cannot be kept is still on the terminal."""


def terminal_log() -> logging.Logger:
    """Make the same logger without a file, for what comes before a run."""
    return _logger(_terminal())


def say_notes(lines: Iterable[str]) -> None:
    """Say on standard error what is beside the answer of a command."""
    console = Console(stderr=True)
    for line in lines:
        console.print(f"note: {line}", markup=False, highlight=False, soft_wrap=True)


def _logger(*handlers: logging.Handler) -> logging.Logger:
    """The logger with these handlers and no others."""
    close_log()
    log = logging.getLogger(NAME)
    for handler in handlers:
        log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    return log


def _terminal() -> logging.Handler:
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(logging.Formatter("%(message)s"))
    return terminal


def run_log(path: Path) -> logging.Logger:
    """Make the logger of a run; the file begins with the version and the command.

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
    close_log()
    try:
        file = _LogFile(path, encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"write the log {path}",
            error.strerror or str(error),
            "Remove what is there, or choose another [output] directory.",
        ) from error
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log = _logger(file, _terminal())
    command = shlex.join([NAME, *sys.argv[1:]])
    _in_file(logging.INFO, f"{NAME} {installed_version()}: {command}")
    return log


def log_ending(text: str) -> None:
    """Write to the log file of the run, if there is one, why it ended.

    Parameters
    ----------
    text:
        A sentence.
    """
    _in_file(logging.ERROR, text)


def close_log() -> None:
    """Close the log of the run; what comes later belongs to none."""
    log = logging.getLogger(NAME)
    for handler in list(log.handlers):
        log.removeHandler(handler)
        handler.close()


def _in_file(level: int, text: str) -> None:
    for handler in logging.getLogger(NAME).handlers:
        if isinstance(handler, _LogFile):
            handler.handle(logging.LogRecord(NAME, level, "", 0, text, None, None))
