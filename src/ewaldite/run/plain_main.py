"""Processes that are started without the user's program."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

_lock = threading.RLock()


@contextmanager
def plain_main() -> Iterator[None]:
    """Hide the main program from processes that are started within.

    ``multiprocessing`` imports it in each of them, which runs a script anew that has no
    ``if __name__ == "__main__"``, and fails where there is no file, as in a notebook. Workers
    need nothing of it.
    """
    with _lock:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main
