"""The tables of wedges: made in parallel, written in order, the same bits."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import scipp as sc

from diffuse.two_sweeps import copy_of, two_sweeps
from ewaldite.diffuse import export_step, workflow
from ewaldite.diffuse.collect_step import grids
from ewaldite.diffuse.context import Context
from ewaldite.diffuse.correction_step import all_bands, write_corrections
from ewaldite.diffuse.export_step import export_tables
from ewaldite.diffuse.run_forecast import forecast_run
from ewaldite.errors import UserError
from ewaldite.io.nexus import iterate, load, packing, read_info
from run.recorder import Recorder

FILES = ("observations", "map_observations", "bragg")


@pytest.fixture(scope="module")
def integrated(tmp_path_factory: pytest.TempPathFactory) -> Context:
    context = two_sweeps(tmp_path_factory.mktemp("integrated"))
    workflow.run(context, ["integrate"])
    return context


@pytest.fixture(scope="module")
def exported(integrated: Context, tmp_path_factory: pytest.TempPathFactory) -> Context:
    context = copy_of(integrated, tmp_path_factory.mktemp("exported") / "e", workers=1)
    export_tables(context)
    return context


@pytest.fixture
def copied(integrated: Context, tmp_path: Path) -> Callable[..., Context]:
    number = count()
    return lambda **run: copy_of(integrated, tmp_path / str(next(number)), **run)


def tables(context: Context) -> dict[str, sc.DataArray]:
    return {name: load(context.work / f"{name}.nxs") for name in FILES}


def assert_identical(one: Context, two: Context) -> None:
    expected = tables(two)
    for name, found in tables(one).items():
        assert len(found) > 0
        assert sc.identical(found, expected[name], equal_nan=True), name


@pytest.mark.parametrize("run", [{"workers": 3}, {"workers": 2, "executor": "processes"}])
def test_bits_do_not_depend_on_workers_and_executor(
    run: dict[str, object], exported: Context, copied: Callable[..., Context]
) -> None:
    context = copied(**run)
    with packing(3):
        export_tables(context)
    assert_identical(context, exported)
    info = read_info(context.work / "map_observations.nxs")
    assert info.sample.grid == grids(context)["map"]


def test_a_lost_wedge_is_integrated_again_once(
    exported: Context, copied: Callable[..., Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    context = copied(workers=2)
    (lost,) = (context.work / "collected").glob("b_1.*/*.npz")
    lost.write_bytes(b"damaged")
    export_tables(context)
    assert_identical(context, exported)
    shutil.rmtree(context.work / "collected")
    monkeypatch.setattr(export_step, "integrate_wedges", lambda context: None)
    with pytest.raises(UserError, match=r"in .*collected does not stay"):
        export_tables(context)
    # the tables that were there are still whole, and nothing else is left
    assert_identical(context, exported)
    assert not list(context.work.glob(".*.nxs"))


def test_progress_and_plan_are_told(copied: Callable[..., Context]) -> None:
    progress = Recorder()
    context = replace(copied(workers=2), progress=progress)
    planned = forecast_run(context, workflow.stale(context, ["export", "correct"]))
    assert planned["export"].workers == planned["correct"].workers == 2
    export_tables(context)
    assert progress.heard[0] == ("start", "export", 6, "wedges")
    assert progress.heard[1:] == [("advance", 1)] * 6 + [("finish",)]


@pytest.mark.parametrize("run", [{"workers": 3}, {"workers": 2, "executor": "processes"}])
def test_corrections_do_not_depend_on_workers_and_executor(
    run: dict[str, object], copied: Callable[..., Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ewaldite.diffuse.correction_step.CORRECTED_PIXELS", 700)
    one, other = copied(workers=1), copied(**run)
    assert len(all_bands(one)) == 2 * 5
    write_corrections(one)
    write_corrections(other)
    found, expected = (load(c.path("corrections.nxs")) for c in (one, other))
    assert list(found) == ["a", "b"]
    assert sc.identical(found, expected)


def test_the_export_keeps_sweeps_together(exported: Context) -> None:
    """Rows of a sweep are read as one range."""
    last = 0
    for block in iterate(exported.work / "observations.nxs", rows=100):
        sweep = block.coords["sweep"].values
        assert (sweep >= last).all()
        assert (sweep[1:] >= sweep[:-1]).all()
        last = int(sweep[-1])
