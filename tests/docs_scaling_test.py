"""The tables of the page on scaling out are those of its script."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "how-to" / "scaling-out.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = ROOT / "benchmarks" / "scaling_out.py"
    spec = importlib.util.spec_from_file_location("scaling_out", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["scaling_out"] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


def test_the_page_has_the_tables_of_the_script(script: ModuleType) -> None:
    for job in (script.CRYSTALS, script.EVENTS):
        assert "\n".join(script.table(job, script.Machine())) in PAGE


def test_the_model_by_hand(script: ModuleType) -> None:
    machine = script.Machine(read=10.0, network=2.0, memory=4.0, task=0.0, program=5.0)
    job = script.Job(size=80, shards=8, seconds=3.25, sums=1.0, worker=2.0, serial=7.0)
    assert job.addition(machine) == 0.75
    shards, tree, total = job.time(2, machine)
    assert (shards, tree, total) == (16.0, 0.75, 23.75)
    assert job.time(256, machine)[:2] == (8.0, 6.0)  # as fast as 80 are read
    # 8 shards on 2 workers: sums of three levels, one of them above a worker's own
    assert job.held(2, machine) == (5 + 2 + 5, 24)
