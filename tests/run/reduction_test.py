from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from ewaldite.run.budget import Budget
from ewaldite.run.checkpoint import CheckpointStore, Key, ShardStore
from ewaldite.run.plan import Need, plan_workers
from ewaldite.run.progress import SilentProgress
from ewaldite.run.protocol import Reduction, Work
from ewaldite.run.reduction import run_reduction
from ewaldite.run.shards import ShardProgress

BUDGET = Budget(10**9, "test")


class Histogram:
    """Counts of the digits of numbers: what a chain would be, in small."""

    def __init__(self, numbers: list[int]) -> None:
        self.numbers = numbers

    def plan(self, budget: Budget, processors: int) -> Work[tuple[int, int]]:
        edges = list(range(0, len(self.numbers), 7))
        shards = [(edge, edge + 7) for edge in edges]
        need = Need(base=1000, worker=100)
        if not shards:
            return Work(plan_workers(need, budget, processors=1, shards=1), [])
        plan = plan_workers(need, budget, processors=processors, shards=len(shards))
        return Work(plan, shards)

    def reduce_shard(self, shard: tuple[int, int]) -> np.ndarray:
        digits = [int(d) for n in self.numbers[slice(*shard)] for d in str(n)]
        return np.bincount(digits, minlength=10)

    def add(self, total: np.ndarray, more: np.ndarray) -> np.ndarray:
        total += more
        return total

    def finish(self, total: np.ndarray) -> list[int]:
        return total.tolist()


def expected(numbers: list[int]) -> list[int]:
    text = "".join(map(str, numbers))
    return [text.count(str(digit)) for digit in range(10)]


@pytest.mark.parametrize("processors", [1, 3])
@pytest.mark.parametrize("count", [1, 7, 100])
def test_the_four_verbs_give_what_a_plain_loop_gives(processors: int, count: int) -> None:
    numbers = list(range(1000, 1000 + count))
    histogram: Reduction[tuple[int, int], np.ndarray, list[int]] = Histogram(numbers)
    work = histogram.plan(BUDGET, processors)
    assert run_reduction(histogram, work, name="digits") == expected(numbers)


def test_says_the_plan_before_and_the_peak_after(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    histogram = Histogram(list(range(70)))
    run_reduction(histogram, histogram.plan(BUDGET, 2), name="digits")
    first, last = caplog.messages
    assert first == (
        "digits: 10 shards, 2 workers, predicted peak 1.2 kB of a budget of 1 GB (test)"
    )
    assert last.startswith("digits: the peak of memory was")


def test_checkpoints_are_not_spoilt_by_adding_in_place(tmp_path: Path) -> None:
    histogram = Histogram(list(range(50)))
    store: ShardStore[tuple[int, int], np.ndarray] = ShardStore(
        CheckpointStore(tmp_path, suffix=".npy"),
        key=lambda shard: Key(f"{shard[0]}", "d"),
        save=lambda result, path: np.save(path, result),
        load=np.load,
    )
    work = histogram.plan(BUDGET, 2)
    progress: ShardProgress[tuple[int, int]] = ShardProgress(SilentProgress())
    first = run_reduction(histogram, work, name="d", store=store, progress=progress)
    histogram.numbers = []  # nothing is left to reduce: all must come from the store
    assert run_reduction(histogram, work, name="d", store=store) == first
    assert first == expected(list(range(50)))


def test_no_shards_is_a_mistake_of_the_caller() -> None:
    histogram = Histogram([])
    with pytest.raises(ValueError, match="at least one shard"):
        run_reduction(histogram, histogram.plan(BUDGET, 1), name="digits")
