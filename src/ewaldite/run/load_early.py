"""Compiled loops are loaded while a run is still being planned."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Thread

from ewaldite.run.first_use import compiler_bytes
from ewaldite.run.kept_loops import KeptLoops
from ewaldite.run.loop_list import Loop

# Between two loops who waits for one has the lock of the compiler
_PAUSE = 5e-4


def load_early(loops: Sequence[Loop]) -> Thread | None:
    """Load loops in a thread of their own, one after the other.

    Else they are loaded where they are met first: workers that begin together wait for one
    another's, and numba makes tables of its own before the first one. Much of it can go on
    while images are read.

    Parameters
    ----------
    loops:
        In the order in which they will be met.

    Returns
    -------
    :
        The thread; nobody need wait for it, for who meets a loop before it is loaded loads it.
        None where loops are compiled in this process, or not at all (``NUMBA_DISABLE_JIT``).
    """
    if not loops or compiler_bytes() or KeptLoops.of(loops[0]) is None:
        return None
    thread = Thread(target=_load, args=(tuple(loops),), name="loops")
    thread.start()
    return thread


def _load(loops: Sequence[Loop]) -> None:
    with _without_collection():
        for loop in loops:
            loop.compile()
            time.sleep(_PAUSE)


@contextmanager
def _without_collection() -> Iterator[None]:
    """Let no garbage be looked for: numba's tables are many small objects, all of which stay.

    They would cause one search through all that was ever imported, a third of the time that
    it takes to make them.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
