"""The sums of wedges on the grids: in parallel, from checkpoints, the same bits."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from diffuse.two_sweeps import copy_of, options_of, two_sweeps
from ewaldite.diffuse import collect_step, workflow
from ewaldite.diffuse.collect_step import (
    CollectWork,
    collected_store,
    integrate_wedges,
    neighbours,
)
from ewaldite.diffuse.context import Context
from ewaldite.diffuse.image_steps import all_shards, kept_shards, wedge_store
from ewaldite.diffuse.run_forecast import forecast_run
from ewaldite.diffuse.step_needs import collect_need
from ewaldite.diffuse.step_shards import LostCheckpoint, kept_of
from ewaldite.diffuse.wedge_store import Shard
from ewaldite.errors import UserError
from run.recorder import Recorder


@pytest.fixture(scope="module")
def filtered(tmp_path_factory: pytest.TempPathFactory) -> Context:
    """Two sweeps of which no wedge is collected."""
    context = two_sweeps(tmp_path_factory.mktemp("filtered"))
    workflow.run(context, ["filter"])
    return context


@pytest.fixture
def copied(filtered: Context, tmp_path: Path) -> Callable[..., Context]:
    """Make copies of it with other options of how the work is done."""
    number = count()
    return lambda **run: copy_of(filtered, tmp_path / str(next(number)), **run)


def collected(context: Context) -> set[str]:
    """Checkpoints, in the names of which their content has a digest."""
    return {
        str(path.relative_to(context.work))
        for path in (context.work / "collected").rglob("*.npz")
    }


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[Shard]:
    """Wedges that are worked on from now on."""
    seen: list[Shard] = []
    work = CollectWork.__call__

    def noted(self: CollectWork, shard: Shard) -> dict[str, float]:
        seen.append(shard)
        return work(self, shard)

    monkeypatch.setattr(CollectWork, "__call__", noted)
    return seen


def test_bits_do_not_depend_on_workers_and_executor(copied: Callable[..., Context]) -> None:
    one = copied(workers=1)
    integrate_wedges(one)
    said = (one.work / "integrate.json").read_text()
    files = collected(one)
    assert len(files) == len(json.loads(said)) == len(all_shards(one)) == 6
    for other in (copied(workers=3), copied(workers=2, executor="processes")):
        integrate_wedges(other)
        assert collected(other) == files
        assert (other.work / "integrate.json").read_text() == said


def test_what_is_finished_is_not_done_again(
    copied: Callable[..., Context], begun: list[Shard]
) -> None:
    context = copied(workers=1)
    integrate_wedges(context)
    shards, files = list(begun), collected(context)
    assert shards == all_shards(context)
    said = (context.work / "integrate.json").read_text()
    # as after a kill: some wedges are there, one is half written
    store = collected_store(context, shards, wedge_store(context))
    for shard in shards[2:4]:
        (path,) = (store.store._folder(store.key(shard).name)).glob("*.npz")
        path.rename(path.with_name(".0f.part.npz"))
    (context.work / "integrate.json").unlink()
    begun.clear()
    integrate_wedges(context)
    assert begun == shards[2:4]
    assert collected(context) == files
    assert (context.work / "integrate.json").read_text() == said


def test_a_wedge_depends_on_the_peaks_beside_it(
    copied: Callable[..., Context], begun: list[Shard]
) -> None:
    context = copied(workers=1)
    shards = all_shards(context)
    assert neighbours(context, shards)[shards[1]] == (shards[0], shards[2])
    assert neighbours(context, shards)[shards[3]] == (shards[4],)  # the first of its sweep
    integrate_wedges(context)
    begun.clear()
    # as if the pass over the images had left out the last wedge of the first sweep
    file = context.work / "filter.json"
    kept = json.loads(file.read_text())
    file.write_text(json.dumps(kept[:2] + kept[3:]))
    assert kept_shards(context) == [*shards[:2], *shards[3:]]
    integrate_wedges(context)
    assert begun == [shards[1]]
    alone = replace(context, options=options_of(context, filter={"refine": False}))
    assert set(neighbours(alone, shards).values()) == {()}
    begun.clear()
    integrate_wedges(alone)
    assert begun == [*shards[:2], *shards[3:]]


def test_a_lost_wedge_is_reduced_again_once(
    copied: Callable[..., Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, context = copied(workers=1), copied(workers=2, executor="processes")
    integrate_wedges(whole)
    (lost,) = (context.work / "wedges").glob("a_1.*/*.npz")
    lost.unlink()
    integrate_wedges(context)
    assert collected(context) == collected(whole)
    shutil.rmtree(context.work / "collected")
    next((context.work / "wedges").glob("a_1.*/*.npz")).unlink()
    monkeypatch.setattr(collect_step, "filter_images", lambda context: None)
    with pytest.raises(UserError, match=r"checkpoint of wedge 1 in .*wedges does not stay"):
        integrate_wedges(context)


def test_a_lost_checkpoint_is_told_between_processes(copied: Callable[..., Context]) -> None:
    context = copied(workers=1)
    shards = all_shards(context)
    with pytest.raises(LostCheckpoint) as caught:
        kept_of(collected_store(context, shards, wedge_store(context)), shards[0])
    again = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(again, LostCheckpoint)
    assert str(again) == str(caught.value)


def test_progress_and_plan_are_told(
    copied: Callable[..., Context], caplog: pytest.LogCaptureFixture
) -> None:
    progress = Recorder()
    context = replace(copied(workers=2), progress=progress)
    planned = forecast_run(context, workflow.stale(context, ["integrate"]))
    assert planned["integrate"].workers == 2
    with caplog.at_level("INFO", logger="ewaldite"):
        integrate_wedges(context)
    assert progress.heard[0] == ("start", "integrate", 6, "wedges")
    assert progress.heard[1:] == [("advance", 1)] * 6 + [("finish",)]
    assert any(m.startswith("integrate: 2 workers") for m in caplog.messages)


def test_memory_is_planned(copied: Callable[..., Context]) -> None:
    small = copied(workers=2, memory="1 MB")
    with pytest.raises(UserError, match="one worker on one shard needs"):
        integrate_wedges(small)
    assert collect_need(10**6).peak(2) == 2 * collect_need(10**6).peak(1) > 0
