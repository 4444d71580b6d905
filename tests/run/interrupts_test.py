"""Ctrl-C is heard at the wait, and nowhere else."""

from __future__ import annotations

import signal
import threading
import time
from queue import SimpleQueue
from typing import Any

import pytest

from ewaldite.run.interrupts import interrupts_to, next_ended


def ctrl_c() -> None:
    """As the terminal does; its handler has been called when this returns."""
    signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def handler_is_given_back() -> Any:
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_it_waits_for_the_wait() -> None:
    ended: SimpleQueue[Any] = SimpleQueue()
    passed = []
    ended.put("first")

    def work() -> None:
        with interrupts_to(ended):
            ctrl_c()
            passed.append(next_ended(ended))
            passed.append("between")
            next_ended(ended)
            passed.append("never")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert passed == ["first", "between"]


def test_it_ends_a_wait() -> None:
    ended: SimpleQueue[Any] = SimpleQueue()

    def later() -> None:
        time.sleep(0.05)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = threading.Thread(target=later)

    def work() -> None:
        with interrupts_to(ended):
            thread.start()
            next_ended(ended)

    with pytest.raises(KeyboardInterrupt):
        work()
    thread.join()


def test_after_the_last_wait_it_comes_at_the_end() -> None:
    done = []

    def work() -> None:
        with interrupts_to(SimpleQueue()):
            ctrl_c()
            done.append("all")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["all"]


def test_an_error_goes_before_it() -> None:
    def work() -> None:
        with interrupts_to(SimpleQueue()):
            ctrl_c()
            raise ValueError("worse")

    with pytest.raises(ValueError, match="worse"):
        work()


def test_without_it_nothing_happens() -> None:
    ended: SimpleQueue[Any] = SimpleQueue()
    ended.put(1)
    with interrupts_to(ended):
        assert next_ended(ended) == 1


def test_the_handler_of_somebody_else_stays() -> None:
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append("theirs"))
    try:
        ended: SimpleQueue[Any] = SimpleQueue()
        with interrupts_to(ended):
            ctrl_c()
        assert heard == ["theirs"]
        assert ended.empty()
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_thread_is_not_interrupted() -> None:
    ended: SimpleQueue[Any] = SimpleQueue()
    found = []

    def work() -> None:
        with interrupts_to(ended):
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]
