"""The plan of a run: sizes that are predicted or read, and what the steps need of memory."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import scipp as sc
from hypothesis import given, settings
from hypothesis import strategies as st

from diffuse.tiny import STEPS, write_tiny
from ewaldite.diffuse import workflow
from ewaldite.diffuse.config import read_config
from ewaldite.diffuse.context import Context
from ewaldite.diffuse.merging import steps as merge_steps
from ewaldite.diffuse.merging.options import MergeOptions
from ewaldite.diffuse.options import DiffuseOptions
from ewaldite.diffuse.run_forecast import _jobs, forecast_run
from ewaldite.diffuse.run_sizes import RunSizes, guess_of_good, possible_voxels, run_sizes
from ewaldite.diffuse.step_needs import MOST_SLABS, map_table_bytes, merge_need
from ewaldite.errors import UserError
from ewaldite.io.nexus import load, read_info
from ewaldite.run.plan import Plan

NUMBERS = st.integers(0, 10**9)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Context:
    folder = tmp_path_factory.mktemp("forecast")
    context = Context(read_config(write_tiny(folder)), folder)
    workflow.run(context)
    return context


def changed(context: Context, **sections: dict[str, object]) -> Context:
    options = context.options
    update = {
        name: getattr(options, name).model_copy(update=given)
        for name, given in sections.items()
    }
    return replace(context, options=options.model_copy(update=update))


def elsewhere(context: Context, folder: Path, **sections: dict[str, object]) -> Context:
    """The same run before it has begun."""
    return changed(context, output={"directory": folder}, **sections)


def test_sizes_are_near_to_what_the_run_finds(done: Context, tmp_path: Path) -> None:
    fresh = elsewhere(done, tmp_path)
    guessed = run_sizes(fresh, _jobs(fresh, masked=False), STEPS)
    found = run_sizes(done, [], [])
    # symmetry joins more of these few large voxels than can be foreseen
    for name, most in {"map_rows": 1.5, "scale_rows": 1.5, "map_voxels": 3.5}.items():
        assert 0.9 < getattr(guessed, name) / getattr(found, name) < most, name
    assert guessed.pixels == found.pixels == 60 * 50
    assert found.map_rows == read_info(done.work / "map_observations.nxs").sizes["voxel"]
    assert found.map_voxels == read_info(done.path("merged.nxs")).sizes["voxel"]
    assert not any(tmp_path.iterdir())


def test_what_is_redone_is_predicted_and_the_rest_is_read(done: Context) -> None:
    jobs = _jobs(done, masked=True)
    known, again = run_sizes(done, jobs, ["merge"]), run_sizes(done, jobs, [])
    assert known.map_rows == again.map_rows
    assert known.map_voxels != again.map_voxels
    assert known.map_voxels <= min(known.map_rows, possible_voxels(done, done.options.map.grid))


def test_there_are_at_least_as_many_possible_voxels_as_were_counted(done: Context) -> None:
    shells = load(done.path("statistics.nxs"))["shells"]
    counted = int(shells["possible"].values.sum())
    assert counted <= possible_voxels(done, done.options.map.grid) < 1.2 * counted + 1000


def test_masks_are_guessed_before_they_are_made(done: Context, tmp_path: Path) -> None:
    guess = guess_of_good(elsewhere(done, tmp_path))
    good = done.good(0)
    assert (guess != good).mean() < 0.15
    inner = elsewhere(done, tmp_path, map={"d_min": 4.0, "d_max": 9.0})
    assert 0 < guess_of_good(inner).sum() < guess.sum()


def test_without_a_resolution_the_detector_tells_it(done: Context, tmp_path: Path) -> None:
    fresh = elsewhere(done, tmp_path, map={"d_min": None})
    steps = forecast_run(fresh, STEPS).steps
    assert [step.needed.step for step in steps] == list(STEPS)


def test_a_frame_that_cannot_be_read_is_for_its_step_to_tell(
    done: Context, tmp_path: Path
) -> None:
    shutil.copytree(done.base, tmp_path / "c")
    fresh = elsewhere(replace(done, base=tmp_path / "c"), Path("again"))
    for image in (tmp_path / "c" / "images").glob("a_0*.cbf"):
        image.write_bytes(image.read_bytes()[:2500])
    assert forecast_run(fresh, STEPS)["filter"].workers >= 1


def test_nothing_to_do_needs_nothing(done: Context) -> None:
    assert forecast_run(done, workflow.stale(done)).steps == ()
    assert forecast_run(done, []).peak == 0


def test_a_run_that_cannot_fit_is_refused_at_once(done: Context, tmp_path: Path) -> None:
    fresh = elsewhere(done, tmp_path, run={"memory": "100 MB"})
    with pytest.raises(UserError, match=r"the step '[a-z]+' needs"):
        workflow.run(fresh)
    assert not any(tmp_path.iterdir())


@given(st.builds(RunSizes, *[NUMBERS] * 10), st.integers(0, 10**8))
def test_more_voxels_need_more(sizes: RunSizes, more: int) -> None:
    sections = {"name": "a", "images": "a_#.cbf", "geometry": "xds"}
    options = DiffuseOptions.model_validate({"sweep": [sections]})
    larger = sizes.map_voxels + more
    assert map_table_bytes(sizes.map_voxels, options) <= map_table_bytes(larger, options)


@settings(deadline=None)
@given(
    rows=NUMBERS,
    voxels=NUMBERS,
    sweeps=st.integers(1, 100),
    slabs=st.integers(1, MOST_SLABS - 1),
    noise=st.sampled_from(["poisson", "empirical"]),
    cut=st.sampled_from([None, 4.0]),
    statistics=st.booleans(),
)
def test_a_merge_needs_less_in_slabs_and_more_with_sweeps(
    rows: int,
    voxels: int,
    sweeps: int,
    slabs: int,
    noise: str,
    cut: float | None,
    statistics: bool,
) -> None:
    options = MergeOptions.model_validate({"noise": noise, "outlier_sigma": cut})
    need = merge_need(rows, voxels, sweeps, options, statistics=statistics)
    assert need.peak(1, slabs + 1) <= need.peak(1, slabs)
    other = merge_need(rows, voxels, sweeps + 1, options, statistics=statistics)
    assert other.peak(1, slabs) >= need.peak(1, slabs)
    more = merge_need(rows, voxels + 1, sweeps, options, statistics=statistics)
    assert more.peak(1, slabs) > need.peak(1, slabs)


def test_a_merge_in_slabs_leaves_the_same_results(
    done: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(done.base, tmp_path / "c")
    again = replace(done, base=tmp_path / "c")
    plan_workers = merge_steps.plan_workers

    def cut(*given: object, **named: object) -> Plan:
        return replace(plan_workers(*given, **named), bands=3)  # type: ignore[arg-type]

    monkeypatch.setattr(merge_steps, "plan_workers", cut)
    merge_steps.merge_observations(again)
    for name in merge_steps.MERGED:
        whole, slabs = (load(c.path(f"{name}.nxs")) for c in (done, again))
        assert sc.identical(slabs, whole, equal_nan=True), name
