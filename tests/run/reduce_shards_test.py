from __future__ import annotations

import logging
import pickle
import signal
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.run.checkpoint import CheckpointStore, Key, ShardStore
from ewaldite.run.failure import ShardError
from ewaldite.run.pool import Task
from ewaldite.run.reduce_shards import run_shards
from ewaldite.run.shards import ShardProgress
from ewaldite.run.telling import tell
from run.recorder import Recorder


def texts(folder: Path) -> ShardStore[int, str]:
    return ShardStore(
        CheckpointStore(folder, suffix=".txt"),
        key=lambda shard: Key(f"shard-{shard}", "d"),
        save=lambda result, path: path.write_text(result) and None,
        load=lambda path: path.read_text(),
    )


def noisy(shard: int) -> np.ndarray:
    """A sum whose last bits depend on the order, after a time that disturbs the order."""
    rng = np.random.default_rng(shard)
    time.sleep(rng.uniform(0, 0.004))
    return rng.normal(size=50) * 10.0 ** rng.integers(-9, 9)


def total(workers: int, shards: list[int]) -> bytes:
    out = np.zeros(50)
    for result in run_shards(shards, noisy, workers=workers, name="t"):
        out += result
    return out.tobytes()


def test_the_sum_is_the_same_to_the_bit_for_any_number_of_workers() -> None:
    shards = list(range(40))
    one = total(1, shards)
    assert total(2, shards) == one
    assert total(5, shards) == one
    assert total(1, shards[::-1]) != one  # the order does matter, so the test can fail


@settings(deadline=None, max_examples=25)
@given(st.lists(st.floats(0, 0.003), max_size=12), st.integers(1, 5))
def test_results_come_in_the_order_of_the_shards(times: list[float], workers: int) -> None:
    def reduce(shard: int) -> int:
        time.sleep(times[shard])
        return shard * 7

    shards = range(len(times))
    assert list(run_shards(shards, reduce, workers=workers, name="t")) == [
        7 * s for s in shards
    ]


def test_workers_do_work_at_the_same_time() -> None:
    together = threading.Barrier(3, timeout=20)

    def reduce(shard: int) -> int:
        together.wait()
        return shard

    assert list(run_shards(range(6), reduce, workers=3, name="t")) == list(range(6))


class Result:
    alive: ClassVar[weakref.WeakSet[Result]] = weakref.WeakSet()
    most = 0

    def __init__(self) -> None:
        Result.alive.add(self)
        Result.most = max(Result.most, len(Result.alive))


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_no_more_results_are_alive_than_promised(workers: int) -> None:
    Result.most = 0

    def reduce(shard: int) -> Result:
        result = Result()
        if shard % 5 == 0:
            time.sleep(0.02)  # others run ahead of a slow one
        return result

    results = run_shards(range(20), reduce, workers=workers, name="t")
    count = 0
    for result in results:
        time.sleep(0.004)  # the consumer is slow as well
        del result
        count += 1
    assert count == 20
    assert Result.most == workers + 1
    assert len(Result.alive) == 0


def test_nothing_is_started_before_it_is_asked_for() -> None:
    begun: list[int] = []
    results = run_shards(range(9), lambda s: begun.append(s) or s, workers=2, name="t")
    assert begun == []
    assert next(results) == 0
    time.sleep(0.05)
    assert sorted(begun) == [0, 1, 2]
    results.close()


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_a_mistake_of_the_user_passes_as_it_is_and_stops_the_rest(
    workers: int, tmp_path: Path
) -> None:
    error = UserError("read x", "it is torn", "Mend it.")
    begun: list[int] = []

    def reduce(shard: int) -> str:
        begun.append(shard)
        if shard == 3:
            raise error
        return str(shard)

    store = texts(tmp_path)
    with pytest.raises(UserError) as caught:
        list(run_shards(range(50), reduce, workers=workers, name="t", store=store))
    assert caught.value is error
    assert begun.count(3) == 1
    assert len(begun) <= 4 + workers
    for shard in begun:
        assert store.get(shard) == (None if shard == 3 else str(shard))


def test_a_failure_is_told_before_slow_shards_ahead_of_it_are_done() -> None:
    error = UserError("read x", "it is torn", "Mend it.")
    stop = threading.Event()

    def reduce(shard: int) -> int:
        if shard == 1:
            raise error
        assert stop.wait(20)
        raise RuntimeError("gave up")

    results = run_shards(range(5), reduce, workers=2, name="t", stop=stop)
    with pytest.raises(UserError) as caught:
        next(results)
    assert caught.value is error
    assert stop.is_set()


def test_closing_stops_and_waits_for_what_runs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    store = texts(tmp_path)
    before = threading.active_count()
    begun, ended = [], []

    def reduce(shard: int) -> str:
        begun.append(shard)
        time.sleep(0.03 if shard else 0)
        ended.append(shard)
        return str(shard)

    stop = threading.Event()
    with closing(
        run_shards(range(50), reduce, workers=2, name="t", store=store, stop=stop)
    ) as results:
        assert next(results) == "0"
        while len(begun) < 3:
            time.sleep(0.001)
    assert stop.is_set()
    assert sorted(begun) == sorted(ended) == [0, 1, 2]
    assert all(store.get(shard) == str(shard) for shard in ended)
    assert "2 shards are still being finished" in caplog.text
    assert threading.active_count() == before


def test_a_run_that_ends_well_does_not_set_stop() -> None:
    stop = threading.Event()
    assert list(run_shards(range(3), str, workers=2, name="t", stop=stop)) == ["0", "1", "2"]
    assert not stop.is_set()


def test_kept_shards_are_loaded_and_not_reduced(tmp_path: Path) -> None:
    store = texts(tmp_path)
    for shard in (0, 2, 3):
        store.put(shard, f"kept {shard}")
    begun: list[int] = []

    def reduce(shard: int) -> str:
        begun.append(shard)
        return f"new {shard}"

    heard = Recorder()
    progress = ShardProgress(heard, size=lambda shard: 10 + shard, unit="frames")
    results = list(
        run_shards(range(5), reduce, workers=1, name="t", store=store, progress=progress)
    )
    assert results == ["kept 0", "new 1", "kept 2", "kept 3", "new 4"]
    assert begun == [1, 4]
    assert heard.heard == [
        ("start", "t", 60, "frames"),
        ("skip", 10),
        ("advance", 11),
        ("skip", 12),
        ("skip", 13),
        ("advance", 14),
        ("finish",),
    ]


def test_a_corrupt_checkpoint_is_done_again(tmp_path: Path) -> None:
    store = texts(tmp_path)
    list(run_shards(range(3), str, workers=2, name="t", store=store))
    next(iter((tmp_path / "shard-1").iterdir())).write_text("torn")
    begun: list[int] = []

    def reduce(shard: int) -> str:
        begun.append(shard)
        return str(shard)

    assert list(run_shards(range(3), reduce, workers=2, name="t", store=store)) == list("012")
    assert begun == [1]
    assert store.get(1) == "1"


def full_disk(result: str, path: Path) -> None:
    raise OSError(28, "No space left on device", str(path))


def test_a_full_disk_ends_the_run_and_keeps_what_is_finished(tmp_path: Path) -> None:
    good = texts(tmp_path)

    def save(result: str, path: Path) -> None:
        (good.save if int(result) < 3 else full_disk)(result, path)

    store = ShardStore(good.store, good.key, save, good.load)
    with pytest.raises(UserError, match="finished steps are kept"):
        list(run_shards(range(9), str, workers=2, name="t", store=store))
    assert [good.get(shard) is not None for shard in range(5)] == [True] * 3 + [False] * 2
    assert list(run_shards(range(9), str, workers=2, name="t", store=good)) == list("012345678")


def test_the_progress_ends_after_an_exception() -> None:
    heard = Recorder()

    def reduce(shard: int) -> int:
        return 1 // (1 - shard)

    with pytest.raises(ShardError, match=r"reduce 1: it failed 3 times.*ZeroDivisionError"):
        list(run_shards(range(3), reduce, workers=1, name="t", progress=ShardProgress(heard)))
    assert heard.heard[0] == ("start", "t", 3, "shards")
    assert heard.heard.count(("finish",)) == 1
    assert heard.heard[-1] == ("finish",)


def test_what_a_reduce_does_not_tell_is_counted_in_the_end(tmp_path: Path) -> None:
    heard = Recorder()

    def reduce(shard: int) -> str:
        tell(2)
        tell(1)
        return str(shard)

    store = texts(tmp_path)
    store.put(0, "0")
    progress = ShardProgress(heard, size=lambda shard: 4)
    list(run_shards(range(2), reduce, workers=1, name="t", store=store, progress=progress))
    assert sorted(heard.heard[1:-1]) == [*[("advance", 1)] * 2, ("advance", 2), ("skip", 4)]


def test_ctrl_c_in_the_consumer_leaves_finished_shards(tmp_path: Path) -> None:
    store = texts(tmp_path)
    results = run_shards(range(20), str, workers=2, name="t", store=store)

    def consume(done: Callable[[str], None]) -> None:
        with closing(results):
            for result in results:
                done(result)

    def interrupted(result: str) -> None:
        if result == "5":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        consume(interrupted)
    assert all(store.get(shard) == str(shard) for shard in range(6))
    assert store.get(12) is None


def test_ctrl_c_while_it_waits_starts_no_other_shard(tmp_path: Path) -> None:
    begun: list[int] = []
    stop = threading.Event()

    def reduce(shard: int) -> str:
        begun.append(shard)
        time.sleep(0.05)  # until it waits
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        assert stop.wait(20)
        return str(shard)

    store = texts(tmp_path)
    results = run_shards(range(9), reduce, workers=1, name="t", store=store, stop=stop)
    with pytest.raises(KeyboardInterrupt):
        next(results)
    assert store.get(0) == "0"  # what ran was waited for
    assert begun == [0]


def test_ctrl_c_right_after_a_lock_was_taken_leaves_it_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock of a promise that nobody gives back would stop the thread that keeps it."""
    enter, armed = threading.Condition.__enter__, [True]

    def interrupted(condition: threading.Condition) -> bool:
        taken = enter(condition)
        if armed and threading.current_thread() is threading.main_thread():
            armed.clear()
            signal.raise_signal(signal.SIGINT)
        return taken

    def reduce(shard: int) -> str:
        time.sleep(0.02)
        return str(shard)

    store = texts(tmp_path)
    monkeypatch.setattr(threading.Condition, "__enter__", interrupted)
    results = run_shards(range(9), reduce, workers=1, name="t", store=store)
    with pytest.raises(KeyboardInterrupt):
        next(results)
    assert not armed
    assert store.get(0) == "0"


def test_no_workers_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="at least one"):
        run_shards(range(3), str, workers=0, name="t")


def test_no_shards_no_results() -> None:
    assert list(run_shards([], str, workers=2, name="t")) == []


def test_a_task_can_be_sent_to_another_process() -> None:
    task = pickle.loads(pickle.dumps(Task(abs, None)))
    assert task(-3) == 3
