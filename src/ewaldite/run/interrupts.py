"""Ctrl-C while shards are on their way: it is heard where their end is waited for."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

# Stands in the queue for a Ctrl-C
_INTERRUPT = object()


@contextmanager
def interrupts_to(ended: SimpleQueue[Any]) -> Iterator[None]:
    """Put Ctrl-C into the queue of what has ended, for :func:`next_ended`.

    Python raises ``KeyboardInterrupt`` between any two instructions, also right after a lock
    was taken and before there is anybody who would give it back (``Condition.__enter__``): the
    thread that wants it next, and who waits for that thread, would wait for ever.

    What was not heard inside is raised at the end. Nothing is changed where another handler is
    set, or outside of the main thread, which alone is interrupted.

    Parameters
    ----------
    ended:
        The queue; a handler may put into it (:meth:`queue.SimpleQueue.put` is reentrant).

    Raises
    ------
    KeyboardInterrupt
        At the end, if it came after the last wait.
    """
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield
        return
    came = False

    def note(*_: object) -> None:
        nonlocal came
        came = True
        ended.put(_INTERRUPT)

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if came:
        raise KeyboardInterrupt


def next_ended(ended: SimpleQueue[Any]) -> Any:
    """Wait for what ends next.

    Raises
    ------
    KeyboardInterrupt
        If Ctrl-C comes first.
    """
    found = ended.get()
    if found is _INTERRUPT:
        raise KeyboardInterrupt
    return found
