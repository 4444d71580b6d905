"""Telling how far the run is: the seam, and what all who tell have in common."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol

from ewaldite.run.memory import current_rss
from ewaldite.run.pace import Pace


class Progress(Protocol):
    """Who is told how far the run is. All may be called from any thread."""

    def start(self, name: str, total: int, unit: str) -> None:
        """Begin a stage of ``total`` units."""
        ...

    def advance(self, done: int = 1) -> None:
        """Count units that were done."""
        ...

    def skip(self, done: int = 1) -> None:
        """Count units that an earlier run had done."""
        ...

    def finish(self) -> None:
        """End the stage, whole or not."""
        ...


class SilentProgress:
    """Tells nobody."""

    def start(self, name: str, total: int, unit: str) -> None:
        """Do nothing."""

    def advance(self, done: int = 1) -> None:
        """Do nothing."""

    def skip(self, done: int = 1) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""


class SeveralProgresses:
    """Tells several, one after the other."""

    def __init__(self, *told: Progress) -> None:
        self._told = told

    def start(self, name: str, total: int, unit: str) -> None:
        """Begin a stage."""
        for one in self._told:
            one.start(name, total, unit)

    def advance(self, done: int = 1) -> None:
        """Count units."""
        for one in self._told:
            one.advance(done)

    def skip(self, done: int = 1) -> None:
        """Count units of an earlier run."""
        for one in self._told:
            one.skip(done)

    def finish(self) -> None:
        """End the stage."""
        for one in self._told:
            one.finish()


class PacedProgress(ABC):
    """Counts, and shows the pace at the start, at most every so often, and at the end.

    Parameters
    ----------
    clock:
        Seconds since any moment, as :func:`time.monotonic`.
    every:
        Shortest time between two updates, s.
    memory:
        Resident memory in bytes.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        every: float,
        memory: Callable[[], int] = current_rss,
    ) -> None:
        self._clock = clock
        self._every = every
        self._memory = memory
        self._lock = threading.Lock()
        self._stage: tuple[str, int, str] | None = None
        self._done = self._skipped = 0
        self._began = self._shown = 0.0

    def start(self, name: str, total: int, unit: str) -> None:
        """Begin a stage; one that was not finished ends."""
        self.finish()
        with self._lock:
            self._stage = (name, total, unit)
            self._done = self._skipped = 0
            self._began = self._shown = self._clock()
            self._begin(self._pace(self._stage))

    def advance(self, done: int = 1) -> None:
        """Count units that were done."""
        self._count(done, 0)

    def skip(self, done: int = 1) -> None:
        """Count units that an earlier run had done."""
        self._count(done, done)

    def finish(self) -> None:
        """End the stage."""
        with self._lock:
            if self._stage is not None:
                self._end(self._pace(self._stage))
            self._stage = None

    def _count(self, done: int, skipped: int) -> None:
        with self._lock:
            self._done += done
            self._skipped += skipped
            if self._stage is not None and self._clock() - self._shown >= self._every:
                self._shown = self._clock()
                self._update(self._pace(self._stage))

    def _pace(self, stage: tuple[str, int, str]) -> Pace:
        name, total, unit = stage
        seconds = self._clock() - self._began
        return Pace(name, total, unit, self._done, self._skipped, seconds, self._memory())

    @abstractmethod
    def _begin(self, pace: Pace) -> None: ...

    @abstractmethod
    def _update(self, pace: Pace) -> None: ...

    @abstractmethod
    def _end(self, pace: Pace) -> None: ...
