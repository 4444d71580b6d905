from __future__ import annotations

import threading

import pytest

from ewaldite.run.pace import Pace
from ewaldite.run.progress import (
    PacedProgress,
    Progress,
    SeveralProgresses,
    SilentProgress,
)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Noted(PacedProgress):
    def __init__(self, clock: Clock, every: float = 10) -> None:
        super().__init__(clock, every, memory=lambda: 7)
        self.notes: list[tuple[str, Pace]] = []

    def _begin(self, pace: Pace) -> None:
        self.notes.append(("begin", pace))

    def _update(self, pace: Pace) -> None:
        self.notes.append(("update", pace))

    def _end(self, pace: Pace) -> None:
        self.notes.append(("end", pace))


def test_updates_at_most_every_so_often() -> None:
    clock = Clock()
    noted = Noted(clock, every=10)
    clock.now = 100.0
    noted.start("x", 50, "frames")
    for second in range(1, 36):
        clock.now = 100.0 + second
        noted.advance()
    noted.finish()
    events = [(event, pace.done, pace.seconds) for event, pace in noted.notes]
    assert events == [
        ("begin", 0, 0),
        ("update", 10, 10),
        ("update", 20, 20),
        ("update", 30, 30),
        ("end", 35, 35),
    ]
    assert noted.notes[0][1] == Pace("x", 50, "frames", 0, 0, 0.0, 7)


def test_skipped_units_are_done_and_skipped() -> None:
    noted = Noted(Clock(), every=0)
    noted.start("x", 5, "frames")
    noted.skip(3)
    noted.advance(2)
    assert (noted.notes[-1][1].done, noted.notes[-1][1].skipped) == (5, 3)


def test_a_new_stage_starts_from_zero_and_ends_the_one_before() -> None:
    noted = Noted(Clock(), every=99)
    noted.start("one", 5, "frames")
    noted.skip(4)
    noted.start("two", 6, "shards")
    noted.finish()
    noted.finish()
    assert [(event, pace.name, pace.done) for event, pace in noted.notes] == [
        ("begin", "one", 0),
        ("end", "one", 4),
        ("begin", "two", 0),
        ("end", "two", 0),
    ]


def test_a_count_outside_a_stage_is_not_shown() -> None:
    noted = Noted(Clock(), every=0)
    noted.advance()
    assert noted.notes == []


def test_counts_from_many_threads_add_up() -> None:
    noted = Noted(Clock(), every=1e9)
    noted.start("x", 4000, "frames")
    threads = [
        threading.Thread(target=lambda: [noted.advance() for _ in range(1000)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    noted.finish()
    assert noted.notes[-1][1].done == 4000


@pytest.mark.parametrize("count", [0, 1, 3])
def test_several_are_told_the_same(count: int) -> None:
    told = [Noted(Clock(), every=0) for _ in range(count)]
    several: Progress = SeveralProgresses(SilentProgress(), *told)
    several.start("x", 9, "frames")
    several.advance(4)
    several.skip(5)
    several.finish()
    for one in told:
        assert [(e, p.done, p.skipped) for e, p in one.notes] == [
            ("begin", 0, 0),
            ("update", 4, 0),
            ("update", 9, 5),
            ("end", 9, 5),
        ]
