"""Runs that stay open in a process, so that its shards find them open."""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import ExitStack
from pathlib import Path

from ewaldite.run.digest import FileStamp, digest
from ewaldite.spectroscopy.options import SpectroscopyOptions
from ewaldite.spectroscopy.run_input import RunInput, open_run

#: Runs open at once: some 20 MB each.
MOST = 8


class OpenRuns:
    """Runs by their options and file; the one that was not used for longest is closed first."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._open: OrderedDict[str, tuple[ExitStack, RunInput]] = OrderedDict()

    def get(self, options: SpectroscopyOptions, number: int, base: Path) -> RunInput:
        """Open a run, or find it open.

        Parameters
        ----------
        options:
            The configuration.
        number:
            Of its [[run]], from 0.
        base:
            Folder to which paths refer.

        Raises
        ------
        UserError
            As :func:`~ewaldite.spectroscopy.run_input.open_run`.
        """
        run = options.run[number]
        path = base / run.file
        stamp = FileStamp.of(path) if path.is_file() else None
        key = digest(str(base), run, stamp, options.model_dump(exclude={"run", "cut"}))
        with self._lock:
            if key in self._open:
                self._open.move_to_end(key)
                return self._open[key][1]
            with ExitStack() as stack:
                opened = stack.enter_context(open_run(options, run, base))
                self._open[key] = stack.pop_all(), opened
            while len(self._open) > self._most:
                self._open.popitem(last=False)[1][0].close()
            return opened

    def close(self) -> None:
        """Close all."""
        with self._lock:
            while self._open:
                self._open.popitem()[1][0].close()


#: Those of this process.
RUNS = OpenRuns()
