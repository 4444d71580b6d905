"""The first run lets another process compile, and loads what that has made."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ewaldite.run import first_use
from ewaldite.run.compile_loops import compile_loops
from ewaldite.run.first_use import compile_first, compiler_bytes, first_lines
from ewaldite.run.kept_loops import KeptLoops
from ewaldite.run.loop_list import Loop
from ewaldite.run.progress import SilentProgress

SOURCE = """
import numba

@numba.njit(nogil=True, cache=True)
def twice(x):
    return 2 * x

@numba.njit(nogil=True, cache=True)
def total(values):
    found = 0.0
    for value in values:
        found += twice(value)
    return found
"""
# What a run does: it calls the loops, and says which of them it had to compile
CALL = """
import numpy as np
import tiny_loops
assert tiny_loops.total(np.ones(3)) == 6.0 and tiny_loops.twice(2) == 4
loops = (tiny_loops.total, tiny_loops.twice)
print(sum(len(loop.stats.cache_misses) for loop in loops))
"""
LOOPS = tuple(
    Loop("tiny_loops", name, types)
    for name, types in (("total", '["float64[1C]"]'), ("twice", '["int64"]'))
)
LOG = logging.getLogger("first use")


class Counter(SilentProgress):
    """Counts what it is told."""

    total, done, ended = 0, 0, False

    def start(self, name: str, total: int, unit: str) -> None:
        self.total = total

    def advance(self, done: int = 1) -> None:
        self.done += done

    def finish(self) -> None:
        self.ended = True


class Interrupted(Counter):
    """Ctrl-C while loops are compiled."""

    def advance(self, done: int = 1) -> None:
        raise KeyboardInterrupt


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Two loops in a folder of their own, as after an installation."""
    (tmp_path / "tiny_loops.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(first_use, "loops_of", lambda chains, counts: LOOPS)
    kept = KeptLoops(tmp_path / "__pycache__", tmp_path)
    monkeypatch.setattr(KeptLoops, "of", lambda loop: kept)
    monkeypatch.setattr(first_use, "_compiles_here", False)
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    yield tmp_path
    sys.modules.pop("tiny_loops", None)


def compiled_by_a_run(package: Path) -> int:
    answer = subprocess.run(
        [sys.executable, "-c", CALL], cwd=package, capture_output=True, text=True, check=True
    )
    return int(answer.stdout)


def test_a_run_after_the_first_use_compiles_nothing(
    package: Path, caplog: pytest.LogCaptureFixture
) -> None:
    counter = Counter()
    first = "first use on this machine: 2 loops are compiled in another process"
    assert [line.startswith(first) for line in first_lines(("diffuse",))] == [True]
    with caplog.at_level(logging.INFO, LOG.name):
        compile_first(("diffuse",), LOG, progress=counter)
    assert [line.startswith(first) for line in caplog.messages] == [True]
    assert (counter.total, counter.done, counter.ended) == (2, 2, True)
    assert "tiny_loops" not in sys.modules
    assert compiler_bytes() == 0
    assert compiled_by_a_run(package) == 0
    # and the next one does not even ask
    caplog.clear()
    with caplog.at_level(logging.INFO, LOG.name):
        compile_first(("diffuse",), LOG)
    assert caplog.messages == []
    assert first_lines(("diffuse",)) == []


def test_loops_that_cannot_be_compiled_elsewhere_are_planned_for(
    package: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = "raise RuntimeError('no compiler\\nafter all')"
    (package / "tiny_loops.py").write_text(source)
    counter = Counter()
    with caplog.at_level(logging.WARNING, LOG.name):
        compile_first(("diffuse",), LOG, progress=counter)
    (warning,) = caplog.messages
    assert "could not be compiled in another process" in warning
    assert "RuntimeError: no compiler" in warning
    assert (counter.done, counter.ended) == (0, True)
    assert compiler_bytes() > 1e8


@pytest.mark.parametrize("code", ["import os; os.kill(os.getpid(), 9)", "pass"])
def test_a_process_that_dies_is_told(
    package: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    code: str,
) -> None:
    (package / "dies.py").write_text(code)
    monkeypatch.setattr(first_use, "_WORK", "dies")
    with caplog.at_level(logging.WARNING, LOG.name):
        compile_first(("diffuse",), LOG)
    assert f"it ended with code {-9 if 'kill' in code else 0}" in caplog.text
    assert compiler_bytes() > 1e8


def test_ctrl_c_ends_the_process_that_compiles(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (package / "slow.py").write_text("import time; print(1, flush=True); time.sleep(600)")
    monkeypatch.setattr(first_use, "_WORK", "slow")
    started = []
    popen = subprocess.Popen

    def noted(*words: object, **more: object) -> object:
        started.append(popen(*words, **more))  # type: ignore[call-overload]
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", noted)
    interrupted = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        compile_first(("diffuse",), LOG, progress=interrupted)
    (process,) = started
    assert process.returncode == -9
    assert interrupted.ended
    assert KeptLoops.of(LOOPS[0]).missing(LOOPS) == LOOPS  # type: ignore[union-attr]


def test_a_process_that_holds_enough_hands_over(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def one_process(loops: tuple[Loop, ...], progress: object) -> tuple[int, str | None]:
        asked.append(loops)
        return 1, None

    monkeypatch.setattr(first_use, "_one_process", one_process)
    compile_first(("diffuse",), LOG)
    assert asked == [LOOPS, LOOPS[1:]]
    assert first_lines(("diffuse",)) == []


@pytest.mark.parametrize(("enough", "done"), [(0, ["1\n"]), (10**12, ["1\n", "2\n"])])
def test_no_loop_is_begun_with_enough_in_memory(enough: int, done: list[str]) -> None:
    class Compiled:
        def compile(self) -> None:
            pass

    class Said(list[str]):
        def write(self, text: str) -> None:
            self.append(text)

        def flush(self) -> None:
            pass

    said = Said()
    compile_loops([Compiled(), Compiled()], said, enough)  # type: ignore[list-item,arg-type]
    assert said == done
