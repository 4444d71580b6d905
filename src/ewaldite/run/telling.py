"""How a worker tells that it is on its way through a shard, wherever it works."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class _Listener(threading.local):
    hear: Callable[[int], None] | None = None


_listener = _Listener()


def tell(done: int = 1) -> None:
    """Count units of the shard that this thread reduces; without effect elsewhere.

    A function that reduces a shard calls it, as often as it likes, with numbers that add up to
    the size of the shard; what it does not tell is counted when the shard is done.
    """
    if _listener.hear is not None:
        _listener.hear(done)


def listener() -> Callable[[int], None]:
    """Who hears this thread, for threads of its own that tell in its place."""
    return _listener.hear or _nobody


def _nobody(done: int) -> None:
    """Hear nothing."""


@contextmanager
def heard_by(hear: Callable[[int], None]) -> Iterator[None]:
    """Let a function hear what this thread tells."""
    before, _listener.hear = _listener.hear, hear
    try:
        yield
    finally:
        _listener.hear = before
