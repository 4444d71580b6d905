"""Threads, processes and dask do the same, and outlive their workers."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ewaldite.errors import UserError
from ewaldite.run.budget import Budget
from ewaldite.run.executor import PROGRAM_BYTES, Executor
from ewaldite.run.failure import ShardError
from ewaldite.run.plan import Need, Plan
from ewaldite.run.reduce_shards import run_shards, sum_shards
from ewaldite.run.shards import ShardProgress
from run import jobs
from run.recorder import Recorder

KINDS = ("threads", "processes", "dask")


@pytest.fixture(scope="module")
def dask() -> Iterator[Executor]:
    with Executor("dask") as executor:
        executor.cluster(2)
        yield executor


@pytest.fixture(params=KINDS)
def executor(request: pytest.FixtureRequest) -> Executor:
    return made(request)


@pytest.fixture(params=KINDS[1:])
def mortal_executor(request: pytest.FixtureRequest) -> Executor:
    return made(request)


def made(request: pytest.FixtureRequest) -> Executor:
    if request.param == "dask":
        kept: Executor = request.getfixturevalue("dask")
        kept.skipped.clear()
        kept.failures = "stop"
        return kept
    return Executor(request.param)


def plain(count: int) -> bytes:
    """The sum as the threads of one worker make it."""
    return sum_shards(range(count), jobs.noisy, jobs.in_place, workers=1, name="t").tobytes()


def test_the_sum_is_the_same_to_the_bit(executor: Executor) -> None:
    count = 16
    total = sum_shards(
        range(count), jobs.noisy, jobs.in_place, workers=2, name="sum", executor=executor
    )
    assert total.tobytes() == plain(count)


def test_results_come_in_order(executor: Executor) -> None:
    results = list(run_shards(range(7), jobs.noisy, workers=2, name="t", executor=executor))
    for shard, result in enumerate(results):
        np.testing.assert_array_equal(result, jobs.noisy(shard))


def test_finished_shards_are_loaded_by_the_workers(executor: Executor, tmp_path: Path) -> None:
    store = jobs.store_in(tmp_path)
    for shard in (0, 3):
        store.put(shard, jobs.noisy(shard))
    job = jobs.Mortal(tmp_path, victim=-1, times=0)
    heard = Recorder()
    total = sum_shards(
        range(5),
        job,
        jobs.in_place,
        workers=2,
        name="t",
        store=store,
        progress=ShardProgress(heard, size=lambda shard: 10),
        executor=executor,
    )
    assert total.tobytes() == plain(5)
    assert [job.attempts(shard) for shard in range(5)] == [0, 1, 1, 0, 1]
    assert all(store.has(shard) for shard in range(5))
    assert sorted(heard.heard[1:-1]) == [("advance", 10)] * 3 + [("skip", 10)] * 2


@pytest.mark.parametrize("times", [1, 2])
def test_a_worker_that_dies_is_replaced(
    mortal_executor: Executor, tmp_path: Path, times: int
) -> None:
    job = jobs.Mortal(tmp_path, victim=2, times=times)
    total = sum_shards(
        range(6), job, jobs.in_place, workers=2, name="t", executor=mortal_executor
    )
    assert total.tobytes() == plain(6)
    assert job.attempts(2) == times + 1
    assert not mortal_executor.skipped


def test_a_shard_that_kills_three_workers_is_named(
    mortal_executor: Executor, tmp_path: Path
) -> None:
    job = jobs.Mortal(tmp_path, victim=1, times=9)
    store = jobs.store_in(tmp_path)
    with pytest.raises(ShardError, match=r"images/a_0001.cbf\): it failed 3 times") as caught:
        sum_shards(
            range(6),
            job,
            jobs.in_place,
            workers=2,
            name="t",
            store=store,
            executor=mortal_executor,
            label=job.name,
        )
    assert job.attempts(1) >= 3
    assert "died" in str(caught.value) or "was killed by signal 9" in str(caught.value)
    assert store.has(0)


def test_a_shard_that_kills_three_workers_is_left_out(
    mortal_executor: Executor, tmp_path: Path
) -> None:
    check_left_out(mortal_executor, tmp_path, kill=True)


def test_a_shard_that_fails_three_times_is_left_out_and_counted(
    executor: Executor, tmp_path: Path
) -> None:
    check_left_out(executor, tmp_path, kill=False)


def check_left_out(executor: Executor, tmp_path: Path, kill: bool) -> None:
    job = jobs.Mortal(tmp_path, victim=1, times=9, kill=kill)
    executor.failures = "skip"
    heard = Recorder()
    results = list(
        run_shards(
            range(4),
            job,
            workers=1,
            name="t",
            executor=executor,
            label=job.name,
            progress=ShardProgress(heard),
        )
    )
    assert results.pop(1) is None
    for shard, result in zip((0, 2, 3), results, strict=True):
        np.testing.assert_array_equal(result, jobs.noisy(shard))
    assert job.attempts(1) == 3 or (kill and executor.kind == "dask")
    assert [s.label for s in executor.skipped] == ["shard 1 (images/a_0001.cbf)"]
    assert ("OSError" in executor.skipped[0].reason) is not kill
    assert sorted(heard.heard[1:-1]) == [("advance", 1)] * 3 + [("skip", 1)]


def test_a_sum_without_a_shard_is_that_of_the_others(
    executor: Executor, tmp_path: Path
) -> None:
    executor.failures = "skip"
    job = jobs.Mortal(tmp_path, victim=1, times=9, kill=False)
    total = sum_shards(range(4), job, jobs.in_place, workers=2, name="t", executor=executor)
    right = jobs.noisy(2) + jobs.noisy(3)
    assert total.tobytes() == (jobs.noisy(0) + right).tobytes()


def test_all_left_out_is_an_error(executor: Executor, tmp_path: Path) -> None:
    executor.failures = "skip"
    job = jobs.Mortal(tmp_path, victim=0, times=9, kill=False)
    with pytest.raises(ShardError, match="reduce 0"):
        sum_shards([0], job, jobs.in_place, workers=1, name="t", executor=executor)


def test_a_mistake_of_the_user_is_not_tried_again(executor: Executor) -> None:
    with pytest.raises(UserError) as caught:
        list(run_shards(range(4), jobs.refused, workers=1, name="t", executor=executor))
    assert type(caught.value) is UserError
    assert caught.value.args == UserError("read x", "it is torn", "Mend it.").args


def test_processes_tell_and_log_as_threads_do(caplog: pytest.LogCaptureFixture) -> None:
    heard = Recorder()
    results = run_shards(
        range(6),
        jobs.process_of,
        workers=2,
        name="t",
        executor=Executor("processes"),
        progress=ShardProgress(heard, size=lambda shard: 5, unit="frames"),
    )
    processes = set(results)
    assert len(processes) == 2
    assert os.getpid() not in processes
    assert heard.heard[0] == ("start", "t", 30, "frames")
    assert sorted(heard.heard[1:-1]) == [("advance", 2)] * 6 + [("advance", 3)] * 6
    said = [r.getMessage() for r in caplog.records if r.name == "ewaldite.test"]
    assert sorted(said) == [f"shard {shard}" for shard in range(6)]
    names = {child.name for child in multiprocessing.active_children()}
    assert "ewaldite worker" not in names


@pytest.mark.parametrize(
    ("job", "said"), [(jobs.unsendable, "no one else knows"), (jobs.lambdas, "pickle")]
)
def test_what_cannot_be_sent_is_told(job: object, said: str) -> None:
    with pytest.raises(ShardError, match=said):
        list(
            run_shards([1], job, workers=1, name="t", executor=Executor("processes"))  # type: ignore[arg-type]
        )


@pytest.mark.parametrize("kind", ["processes", "dask"])
def test_a_task_that_is_no_plain_data_is_refused(kind: str, dask: Executor) -> None:
    where = dask if kind == "dask" else Executor("processes")
    with pytest.raises(TypeError, match="must be plain data"):
        list(run_shards([1], lambda shard: shard, workers=1, name="t", executor=where))


def test_a_scheduler_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ewaldite.run.cluster._PATIENCE", 0.3)
    with pytest.raises(UserError, match=r"find dask's scheduler 'tcp://127.0.0.1:1'"):
        Executor("dask", "tcp://127.0.0.1:1").cluster(1)


def test_a_cluster_that_is_there_is_found_by_address_and_by_file(
    dask: Executor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    client = dask.cluster(2).client
    client.wait_for_workers(2, timeout=60)  # those that died are replaced
    file = tmp_path / "scheduler.json"
    # what dask-scheduler --scheduler-file writes holds this; its client cannot always write it
    file.write_text(json.dumps({"address": client.scheduler.address, "type": "Scheduler"}))
    for place in (client.scheduler.address, str(file)):
        with Executor("dask", place) as other:
            assert other.cluster(9).threads() == 2
            total = sum_shards(
                range(5), jobs.noisy, jobs.in_place, workers=2, name="t", executor=other
            )
            assert total.tobytes() == plain(5)
    assert "dask: 2 workers of tcp://" in caplog.text
    assert "dashboard is at http://" in caplog.text
    assert dask.cluster(2).threads() == 2  # it is still there


def test_plans_have_room_for_what_each_executor_holds(dask: Executor) -> None:
    need, budget = Need(base=10**9, worker=10**8, result=10**7), Budget(10**10, "test")

    def peak(executor: Executor) -> int:
        plan = executor.plan(need, budget, processors=2, shards=100)
        assert plan.workers == 2
        return plan.predicted_peak

    threads = peak(Executor())
    assert threads == need.peak(2)
    # the program, and results at both ends of a pipe
    assert peak(Executor("processes")) == threads + 2 * PROGRAM_BYTES + 3 * 10**7
    assert peak(dask) == peak(Executor("processes"))
    # workers of a cluster of our own stay where there are fewer shards
    assert dask.need(need, idle=3).base == need.base + 3 * PROGRAM_BYTES
    assert Executor("processes").need(need, idle=3).base == need.base
    assert Executor("dask", "tcp://there:8786").idle_bytes(3) == 0


def test_a_cluster_of_our_own_serves_the_next_plan_if_it_fits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Toy:
        def __init__(self, scheduler: str | None, workers: int) -> None:
            self.workers, self.open = workers, True

        def close(self) -> None:
            self.open = False

    monkeypatch.setattr("ewaldite.run.executor.Cluster", Toy)

    def plan(workers: int, asked: int) -> Plan:
        return Plan(workers, 1, 10, Budget(100, "test"), asked)

    with Executor("dask", failures="skip") as executor:
        first = executor.planned(plan(2, 4), failures="stop")
        cluster = first.cluster(2)
        assert (first.failures, executor.planned(plan(2, 4)).failures) == ("stop", "skip")
        assert executor.cluster(2) is cluster  # shared
        # as many as there are shards, as there is memory for, as are asked for
        for workers, asked, same in ((1, 1, True), (2, 4, True), (1, 4, False), (4, 4, False)):
            found = executor.planned(plan(workers, asked)).cluster(workers)
            assert (found is cluster) == same
            assert cluster.open == same
            cluster = found
        assert cluster.workers == 4
    assert not cluster.open


def test_a_cluster_that_is_there_is_planned_by_its_own_workers(dask: Executor) -> None:
    client = dask.cluster(2).client
    client.wait_for_workers(2, timeout=60)
    need, budget = Need(base=10**9, worker=10**8, result=10**7), Budget(10**6, "test")
    with Executor("dask", client.scheduler.address) as other:
        plan = other.plan(need, Budget(10**9, "test"), processors=77, shards=100)
        assert (plan.workers, plan.asked) == (2, 2)
        with pytest.raises(UserError, match="one worker on one shard needs"):
            other.plan(need, budget, processors=77, shards=100)
