"""Progress as a bar, as lines of text, and as lines of JSON."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn
from rich.progress import Progress as RichProgress

from ewaldite.run.memory import current_rss
from ewaldite.run.pace import Pace
from ewaldite.run.progress import PacedProgress, Progress, SeveralProgresses

_logger = logging.getLogger(__name__)


class BarProgress(PacedProgress):
    """A bar in the terminal, with rate, time left and memory.

    Parameters
    ----------
    console:
        The terminal.
    clock:
        Seconds since any moment.
    every:
        Shortest time between two updates, s.
    memory:
        Resident memory in bytes.
    """

    def __init__(
        self,
        console: Console,
        clock: Callable[[], float],
        every: float = 0.2,
        memory: Callable[[], int] = current_rss,
    ) -> None:
        super().__init__(clock, every, memory)
        self._console = console
        self._bar: tuple[RichProgress, TaskID] | None = None

    def _begin(self, pace: Pace) -> None:
        # names may hold brackets, which rich would take for its markup
        bar = RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[status]}", markup=False),
            console=self._console,
            get_time=self._clock,
        )
        self._bar = bar, bar.add_task(pace.name, total=pace.total, status="")
        bar.start()

    def _update(self, pace: Pace) -> None:
        if self._bar is not None:
            bar, task = self._bar
            status = f"{pace.unit}, {pace.status}"
            bar.update(task, completed=pace.done, status=status)

    def _end(self, pace: Pace) -> None:
        self._update(pace)
        if self._bar is not None:
            self._bar[0].stop()
        self._bar = None


class LineProgress(PacedProgress):
    """Plain lines, for a log file or a batch system's output.

    Parameters
    ----------
    stream:
        Where they go.
    clock:
        Seconds since any moment.
    every:
        Shortest time between two lines of a stage, s.
    memory:
        Resident memory in bytes.
    """

    def __init__(
        self,
        stream: TextIO,
        clock: Callable[[], float],
        every: float = 30.0,
        memory: Callable[[], int] = current_rss,
    ) -> None:
        super().__init__(clock, every, memory)
        self._stream = stream

    def _begin(self, pace: Pace) -> None:
        self._say(f"{pace.name}: {pace.amount} to do")

    def _update(self, pace: Pace) -> None:
        self._say(str(pace))

    def _end(self, pace: Pace) -> None:
        self._say(str(pace))

    def _say(self, line: str) -> None:
        self._stream.write(f"{line}\n")
        self._stream.flush()


class JsonProgress(PacedProgress):
    """Lines of JSON in a file that other programs can follow; see :meth:`Pace.to_dict`.

    Each line has the ``time`` (ISO 8601, UTC) and the ``event`` besides: ``start``, ``advance``
    or ``finish``. A disk that takes no more lines is noted in the log; the run goes on.

    Parameters
    ----------
    path:
        The file; lines are appended.
    clock:
        Seconds since any moment.
    every:
        Shortest time between two ``advance`` lines, s.
    memory:
        Resident memory in bytes.
    now:
        Seconds since 1970, as :func:`time.time`.
    """

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float],
        every: float = 1.0,
        memory: Callable[[], int] = current_rss,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(clock, every, memory)
        self._path = path
        self._now = now

    def _begin(self, pace: Pace) -> None:
        self._append("start", pace)

    def _update(self, pace: Pace) -> None:
        self._append("advance", pace)

    def _end(self, pace: Pace) -> None:
        self._append("finish", pace)

    def _append(self, event: str, pace: Pace) -> None:
        moment = datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": moment, "event": event} | pace.to_dict())
        try:
            with self._path.open("a", encoding="utf-8") as stream:
                stream.write(f"{line}\n")
        except OSError as error:
            _logger.warning("the progress file lacks a line: %s", error)


def progress_for(
    stream: TextIO, clock: Callable[[], float], journal: Path | None = None
) -> Progress:
    """Bar where the stream is a terminal, lines elsewhere; and a file of JSON lines if wanted.

    Parameters
    ----------
    stream:
        Usually ``sys.stderr``.
    clock:
        Usually :func:`time.monotonic`.
    journal:
        File for the lines of JSON.
    """
    shown: Progress
    if stream.isatty():
        shown = BarProgress(Console(file=stream), clock)
    else:
        shown = LineProgress(stream, clock)
    return shown if journal is None else SeveralProgresses(shown, JsonProgress(journal, clock))
