from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ewaldite.run import memory
from ewaldite.run.memory import current_rss, give_back, peak_rss


def test_reads_the_fields_of_the_status_file(tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n")
    assert current_rss(status) == 1024 * 1024
    assert peak_rss(status) == 2048 * 1024


def test_falls_back_on_getrusage(tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    assert peak_rss(absent) > 5_000_000  # an interpreter with numpy
    assert current_rss(absent) == pytest.approx(peak_rss(absent), rel=0.01)


def test_follows_an_allocation() -> None:
    size = 80_000_000
    before = current_rss()
    block = np.ones(size // 8)
    during = current_rss()
    assert during - before > 0.9 * block.nbytes
    assert peak_rss() >= 0.99 * during
    del block
    assert current_rss() < during - 0.9 * size


@pytest.mark.skipif(memory._malloc_trim() is None, reason="needs the C library of GNU")
def test_pieces_that_were_freed_are_given_back() -> None:
    give_back()
    before = current_rss()
    # Pieces that are too small to be mapped one by one; the last one pins the end of the heap
    pieces = [np.ones(8_000) for _ in range(2_000)]
    held = current_rss() - before
    assert held > 100_000_000
    del pieces[:-1]
    kept = current_rss() - before
    give_back()
    assert current_rss() - before < 0.2 * held
    assert kept > current_rss() - before


def test_other_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_malloc_trim", lambda: None)
    give_back()
