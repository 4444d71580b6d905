from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.run.budget import Budget
from ewaldite.spectroscopy import background_shards as shards_module
from ewaldite.spectroscopy import workflow
from ewaldite.spectroscopy.background_shards import (
    TurnBackground,
    background_shards,
    load_background,
    save_background,
)
from ewaldite.spectroscopy.config import read_config
from ewaldite.spectroscopy.context import Context
from ewaldite.spectroscopy.design import design_triplets
from ewaldite.spectroscopy.empty_run import load_empty
from ewaldite.spectroscopy.instrument import Instrument
from spectroscopy.tiny import write_tiny


@given(st.lists(st.integers(0, 20), max_size=60), st.integers(1, 30))
def test_shards_hold_whole_readings_and_all_events(wave: list[int], most: int) -> None:
    k = np.sort(np.array(wave, dtype=float))
    edges = np.array([2.0, 5.0, 5.5, 9.0, 14.0])
    found = background_shards(k, edges, most)
    assert [s.first for s in found] == [0, *(s.stop for s in found[:-1])]
    assert found[-1].stop == k.size
    reading = np.searchsorted(edges, k, side="right")
    for shard in found:
        inside = reading[shard.first : shard.stop]
        outside = np.delete(reading, np.s_[shard.first : shard.stop])
        assert not set(inside) & set(outside)
        assert shard.size <= most or len(set(inside)) == 1


@pytest.fixture(scope="module")
def reduced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    config = write_tiny(folder)
    workflow.run(Context(read_config(config), folder), ["background he"])
    return folder / "out" / "work"


def test_shards_add_up_to_the_whole(reduced: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = load_background(reduced / "cuts/he/background.npz")
    assert whole.total.sum() > 10
    monkeypatch.setattr(shards_module, "_EFFORT", 60)
    reduction = TurnBackground(reduced / "cuts/he/exposure.npz", reduced / "empty.npz")
    shards = reduction.plan(Budget(10**12, "test"), 2).shards
    assert len(shards) > 5
    total = reduction.reduce_shard(shards[0])
    for shard in shards[1:]:
        total = reduction.add(total, reduction.reduce_shard(shard))
    for name in ("total", "counting", "common"):
        np.testing.assert_allclose(getattr(total, name), getattr(whole, name), rtol=1e-12)
    assert total.lost == whole.lost
    assert "events 0 to" in reduction.name(shards[0])


def test_files(reduced: Path, tmp_path: Path) -> None:
    whole = load_background(reduced / "cuts/he/background.npz")
    save_background(whole, tmp_path / "b.npz")
    again = load_background(tmp_path / "b.npz")
    for name in ("total", "counting", "common", "lost"):
        np.testing.assert_array_equal(getattr(again, name), getattr(whole, name))


def test_an_empty_run_of_other_detectors_is_refused(reduced: Path) -> None:
    empty = load_empty(reduced / "empty.npz")
    assert np.all(np.diff(empty.k_i) >= 0)
    with pytest.raises(UserError, match="their detectors are not the same"):
        empty.check(Instrument.from_triplets(design_triplets()[:1]), "sample.nxs")
    same = replace(Instrument.from_triplets(design_triplets()[:1]),
                   detector_number=empty.detector_number)  # fmt: skip
    empty.check(same, "sample.nxs")
