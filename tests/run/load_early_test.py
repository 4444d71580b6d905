"""Loops that are loaded beforehand: in order, elsewhere, and without a search for garbage."""

from __future__ import annotations

import gc
import threading
from dataclasses import dataclass
from typing import Any

import pytest

from ewaldite.run import load_early as module
from ewaldite.run.load_early import load_early

Told = list[tuple[int, str, bool]]


@dataclass
class Compiled:
    """As numba's, as far as it is asked."""

    stats: Any


@dataclass
class Loop:
    """Tells where and how it is loaded."""

    told: Told
    number: int
    broken: bool = False

    @property
    def function(self) -> Any:
        return Compiled(type("Stats", (), {"cache_path": "/nowhere"}))

    def compile(self) -> None:
        if self.broken:
            raise ValueError("broken")
        self.told.append((self.number, threading.current_thread().name, gc.isenabled()))


def loaded(*loops: Any) -> None:
    thread = load_early(loops)
    assert thread is not None
    thread.join()


@pytest.mark.parametrize("collecting", [True, False])
def test_loops_are_loaded_in_order_without_collection(collecting: bool) -> None:
    was, told = gc.isenabled(), Told()
    try:
        (gc.enable if collecting else gc.disable)()
        loaded(*(Loop(told, n) for n in range(3)))
        assert gc.isenabled() == collecting
    finally:
        (gc.enable if was else gc.disable)()
    assert told == [(n, "loops", False) for n in range(3)]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_loop_that_cannot_be_loaded_leaves_collection_as_it_was() -> None:
    told = Told()
    loaded(Loop(told, 0, broken=True), Loop(told, 1))
    assert gc.isenabled()
    assert told == []


def test_nothing_is_loaded_where_loops_are_compiled_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A minute without collection would leave what the compiler leaves behind."""
    loops: Any = [Loop(Told(), 0)]
    monkeypatch.setattr(module, "compiler_bytes", lambda: 1)
    assert load_early(loops) is None


def test_nothing_is_loaded_where_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    loops: Any = [Loop(Told(), 0)]
    monkeypatch.setattr(Loop, "function", loaded)
    assert load_early(loops) is None
    assert load_early([]) is None
