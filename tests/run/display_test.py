from __future__ import annotations

import io
import json
import logging
from pathlib import Path

import pytest
from rich.console import Console

from ewaldite.run.display import BarProgress, JsonProgress, LineProgress, progress_for
from ewaldite.run.progress import Progress, SeveralProgresses


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def memory() -> int:
    return 1_230_000_000


def work(progress: Progress, clock: Clock, name: str = "integrate") -> None:
    """Ten frames of an earlier run and 30 new ones in 60 s, of 100."""
    progress.start(name, 100, "frames")
    progress.skip(10)
    for _ in range(30):
        clock.now += 2
        progress.advance()
    progress.finish()


def test_lines() -> None:
    stream, clock = io.StringIO(), Clock()
    work(LineProgress(stream, clock, every=25, memory=memory), clock)
    assert stream.getvalue().splitlines() == [
        "integrate: 100 frames to do",
        "integrate: 23 of 100 frames (23 %, 10 of them earlier), 0.5 frames/s, "
        "2 min 34 s left, 1.23 GB",
        "integrate: 36 of 100 frames (36 %, 10 of them earlier), 0.5 frames/s, "
        "2 min 08 s left, 1.23 GB",
        "integrate: 40 of 100 frames (40 %, 10 of them earlier), 0.5 frames/s, "
        "2 min 00 s left, 1.23 GB",
    ]


def test_json_lines_can_be_followed(tmp_path: Path) -> None:
    path, clock = tmp_path / "progress.jsonl", Clock()
    work(JsonProgress(path, clock, every=25, memory=memory, now=lambda: 86400.25), clock)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["event"] for line in lines] == ["start", "advance", "advance", "finish"]
    assert lines[-1] == {
        "time": "1970-01-02T00:00:00.250+00:00",
        "event": "finish",
        "step": "integrate",
        "done": 40,
        "total": 100,
        "unit": "frames",
        "skipped": 10,
        "seconds": 60.0,
        "rate": 0.5,
        "seconds_left": 120.0,
        "rss": 1_230_000_000,
    }
    work(JsonProgress(path, clock, every=25, memory=memory), clock)
    assert len(path.read_text().splitlines()) == 2 * len(lines)


def test_a_file_that_cannot_be_written_does_not_stop_the_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    work(JsonProgress(tmp_path / "absent" / "x", clock, every=1e9, memory=memory), clock)
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2


def test_bar_shows_count_rate_time_left_and_memory() -> None:
    stream, clock = Terminal(), Clock()
    console = Console(file=stream, force_terminal=True, width=120, color_system=None)
    work(BarProgress(console, clock, every=0, memory=memory), clock, name="filter [a]")
    text = stream.getvalue()
    assert "filter [a]" in text  # brackets are not markup
    assert "40/100" in text
    assert "frames, 0.5 frames/s, 2 min 00 s left, 1.23 GB" in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1  # the cursor comes back


def test_bar_can_be_used_for_one_stage_after_the_other() -> None:
    stream, clock = Terminal(), Clock()
    bar = BarProgress(
        Console(file=stream, force_terminal=True, width=120), clock, memory=memory
    )
    work(bar, clock, "one")
    work(bar, clock, "two")
    assert stream.getvalue().index("one") < stream.getvalue().index("two")


def test_a_terminal_gets_the_bar_anything_else_lines(tmp_path: Path) -> None:
    assert isinstance(progress_for(Terminal(), Clock()), BarProgress)
    stream, clock, journal = io.StringIO(), Clock(), tmp_path / "x.jsonl"
    assert isinstance(progress_for(stream, clock), LineProgress)
    both = progress_for(stream, clock, journal)
    assert isinstance(both, SeveralProgresses)
    work(both, clock)
    assert "40 of 100" in stream.getvalue()
    assert json.loads(journal.read_text().splitlines()[-1])["done"] == 40
