"""What is loaded beforehand is what a pass over images meets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diffuse.tiny import write_tiny
from ewaldite.diffuse import workflow
from ewaldite.diffuse.config import read_config
from ewaldite.diffuse.context import Context
from ewaldite.diffuse.pass_loops import MET, pass_loops
from ewaldite.run.loop_list import Loop
from ewaldite.run.loop_types import in_words


@pytest.mark.parametrize("counts", ["int32", "uint16"])
def test_all_are_listed_in_the_order_of_the_pass(counts: str) -> None:
    found = [f"{loop.module.rpartition('.')[2]}:{loop.name}" for loop in pass_loops([counts])]
    assert list(dict.fromkeys(found)) == MET


def test_a_pass_meets_what_was_loaded_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[Loop] = []
    monkeypatch.setattr(workflow, "load_early", loaded.extend)
    config = write_tiny(tmp_path)
    workflow.run(Context(read_config(config), tmp_path), ["filter"])
    assert len(loaded) == len(MET)
    for loop in loaded:
        called = [[in_words(one) for one in types] for types in loop.function.signatures]
        assert json.loads(loop.types) in called, loop.name
    loaded.clear()
    workflow.run(Context(read_config(config), tmp_path), ["filter"])
    assert loaded == []
