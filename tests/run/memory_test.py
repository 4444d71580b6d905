from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ewaldite.run.memory import current_rss, peak_rss


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
