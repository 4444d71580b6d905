from __future__ import annotations

import pytest

from ewaldite.cli.computing import Computing
from ewaldite.errors import UserError
from ewaldite.run.options import RunOptions

CONFIGURED = RunOptions(workers=3, memory="1 GB", executor="dask", scheduler="tcp://a:8786")


def test_nothing_given_changes_nothing() -> None:
    assert Computing().over(CONFIGURED) == CONFIGURED


def test_flags_win_over_the_configuration() -> None:
    made = Computing(workers=2, memory="2 GB", executor="processes").over(CONFIGURED)
    assert made == RunOptions(workers=2, memory="2 GB", executor="processes")


def test_a_scheduler_implies_dask() -> None:
    made = Computing(scheduler="scheduler.json").over(RunOptions())
    assert (made.executor, made.scheduler) == ("dask", "scheduler.json")


def test_dask_keeps_the_scheduler_of_the_configuration() -> None:
    assert Computing(executor="dask").over(CONFIGURED).scheduler == "tcp://a:8786"


def test_a_scheduler_of_threads_is_a_mistake() -> None:
    with pytest.raises(UserError, match="--executor dask"):
        Computing(executor="threads", scheduler="x").over(RunOptions())
    with pytest.raises(ValueError, match="executor = 'dask' only"):
        RunOptions(scheduler="x")
