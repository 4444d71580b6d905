"""What the pass over the images is predicted to hold, against what it holds."""

from __future__ import annotations

import logging
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from diffuse.imageless import job_of
from diffuse.tiny import experiment, write_tiny
from ewaldite.diffuse import image_steps, integrate, trace, workflow
from ewaldite.diffuse.clock import Clock
from ewaldite.diffuse.config import read_config
from ewaldite.diffuse.context import Context
from ewaldite.diffuse.memory import (
    BAND_COST,
    evenly_spread,
    expected_changes,
    expected_runs,
    expected_voxels,
    predict_need,
)
from ewaldite.diffuse.paths import Trace
from ewaldite.diffuse.trace import hkl_matrices, trace_wedge
from ewaldite.diffuse.wedge_job import WedgeJob
from ewaldite.errors import UserError
from ewaldite.model.experiment import Wedge
from ewaldite.model.grid import Grid
from ewaldite.run.budget import Budget
from ewaldite.run.plan import plan_workers
from ewaldite.run.sizes import parse_bytes
from ewaldite.simulate.experiment import RotationExperiment, placed_axes
from ewaldite.simulate.presets import lysozyme_6m, small_demo

CELLS, THIRDS, HALVES, FIFTHS = (Grid((n, n, n)) for n in (1, 3, 2, 5))


def only_wedge(job: WedgeJob) -> Wedge:
    (wedge,) = job.entry.sweep.wedges
    return wedge


def traced(job: WedgeJob) -> Trace:
    wedge = only_wedge(job)
    positions = np.arange(wedge.start, wedge.stop)
    return trace_wedge(
        matrices=hkl_matrices(wedge, job.entry.sweep.scan, positions),
        features=job.entry.features(wedge),
        good=job.good,
        partition=job.partition,
        clock=Clock(np.ones(len(wedge)), np.zeros(len(wedge)), positions.astype(np.float64)),
        background=None,
    )


def changes_of(job: WedgeJob, trace: Trace) -> float:
    """How often a pixel changes segment."""
    rows = [trace.rows(frame, job.good.size) for frame in range(trace.used.size)]
    return float(sum(np.sum(a != b) for a, b in pairwise(rows)) / job.good.sum())


def shard(folder: Path, made: RotationExperiment, *grids: Grid, **options: int) -> int:
    """Memory that a wedge is predicted to take besides its images."""
    return predict_need([job_of(folder, made, *grids, **options)]).shard


@pytest.fixture(scope="module")
def demo() -> RotationExperiment:
    return small_demo(frames=10)[0].experiment


@pytest.mark.parametrize("grids", [(CELLS,), (THIRDS, CELLS), (FIFTHS,), (THIRDS, HALVES)])
@pytest.mark.parametrize("frames", [1, 6, 30])
def test_prediction_agrees_with_a_trace(
    frames: int, grids: tuple[Grid, ...], tmp_path: Path
) -> None:
    job = job_of(tmp_path, experiment(frames=frames), *grids)
    trace = traced(job)
    changes = expected_changes(job, only_wedge(job))
    assert changes == pytest.approx(changes_of(job, trace), rel=0.1, abs=0.01)
    runs = expected_runs(job, only_wedge(job))
    assert runs == pytest.approx(trace.used.sum(), rel=0.1)
    voxels = expected_voxels(job, only_wedge(job), job.partition.segments)
    assert 0.5 < voxels / trace.keys.size < 2.0


@pytest.mark.parametrize("grid", [CELLS, THIRDS])
def test_prediction_agrees_with_a_trace_of_small_pixels(
    grid: Grid, demo: RotationExperiment, tmp_path: Path
) -> None:
    job = job_of(tmp_path, demo, grid, d_min=1.5)
    trace = traced(job)
    changes = expected_changes(job, only_wedge(job))
    assert changes == pytest.approx(changes_of(job, trace), rel=0.05)
    assert expected_runs(job, only_wedge(job)) == pytest.approx(trace.used.sum(), rel=0.05)
    voxels = expected_voxels(job, only_wedge(job), grid.n)
    assert voxels == pytest.approx(trace.keys.size, rel=0.25)


def test_need_covers_the_arrays_of_the_trace(demo: RotationExperiment, tmp_path: Path) -> None:
    job = job_of(tmp_path, demo, THIRDS, CELLS)
    trace = traced(job)
    wanted = sum(a.nbytes for a in (trace.keys, trace.sums, trace.begin, trace.row))
    need = predict_need([job])
    assert wanted < need.worker + need.shard < 10 * wanted
    # An image, and what is noted of its pixels
    assert need.worker >= 2 * 4 * job.good.size


def test_need_grows_with_the_frames_of_a_wedge(
    demo: RotationExperiment, tmp_path: Path
) -> None:
    sizes = [shard(tmp_path, replace(demo, frames=n), THIRDS) for n in (1, 5, 10, 40)]
    assert sizes == sorted(set(sizes))
    # What counts is the longest wedge, not the sweep
    cut = job_of(tmp_path, replace(demo, frames=40), THIRDS, wedge_degrees=8.0)
    assert len(cut.entry.sweep.wedges) == 4
    assert sizes[1] < predict_need([cut]).shard < sizes[3] / 2


def test_need_grows_with_subdivision_cell_and_histogram(
    demo: RotationExperiment, tmp_path: Path
) -> None:
    plain = shard(tmp_path, demo, CELLS)
    thirds = shard(tmp_path, demo, THIRDS)
    assert plain < thirds < shard(tmp_path, demo, FIFTHS)
    larger = replace(demo, axes=tuple(tuple(2 * x for x in axis) for axis in demo.axes))
    assert shard(tmp_path, larger, CELLS) > 1.5 * plain
    # Twice 4 bytes a bin and voxel of the filter, which is cut into thirds here
    voxels = traced(job_of(tmp_path, demo, THIRDS)).keys.size
    histogram = shard(tmp_path, demo, CELLS, bins=100) - plain
    assert histogram == pytest.approx(8 * 100 * voxels, rel=0.25)


def test_need_is_that_of_the_largest_sweep(demo: RotationExperiment, tmp_path: Path) -> None:
    small = job_of(tmp_path / "small", experiment(), THIRDS)
    large = job_of(tmp_path / "large", demo, THIRDS)
    both, one = predict_need([small, large]), predict_need([large])
    assert (both.worker, both.shard) == (one.worker, one.shard)


def test_a_still_has_no_changes(tmp_path: Path) -> None:
    job = job_of(tmp_path, experiment(frames=1), THIRDS)
    assert expected_changes(job, only_wedge(job)) == 0.0
    # Hence every pixel lies in one voxel
    assert expected_voxels(job, only_wedge(job), (1000, 1000, 1000)) == job.good.sum()


def large_cell(folder: Path, degrees: int) -> WedgeJob:
    """100 Å to 1.5 Å on 6 megapixels."""
    preset = lysozyme_6m(frames=10 * degrees).experiment
    axes = placed_axes((100.0, 100.0, 100.0, 90.0, 90.0, 90.0), preset.axes)
    return job_of(folder, replace(preset, axes=axes), CELLS, THIRDS, bins=64, d_min=1.5)


@pytest.mark.parametrize(
    ("degrees", "limit", "bands"), [(1, "1.2 GB", 1), (2, "1.5 GB", 1), (5, "1.5 GB", 6)]
)
def test_a_large_cell_fits_with_one_worker(
    degrees: int, limit: str, bands: int, tmp_path: Path
) -> None:
    # 0.5 GB is more than the program itself holds
    need = replace(predict_need([large_cell(tmp_path, degrees)]), base=500_000_000)
    size = parse_bytes(limit)
    assert size is not None
    plan = plan_workers(
        need, Budget(size, "test"), processors=1, shards=9, max_bands=40, band_cost=BAND_COST
    )
    assert plan.bands <= bands


def test_bands_share_changes_and_histograms_but_not_the_sums(tmp_path: Path) -> None:
    need = predict_need([large_cell(tmp_path, 5)])
    # Most is what a pixel does on its way, and the dense histograms
    assert need.shard > need.worker
    assert need.kept < 0.8 * need.shard
    assert need.finish < need.worker + need.shard
    assert need.peak(1, 8) < 0.75 * need.peak(1)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Context:
    folder = tmp_path_factory.mktemp("memory")
    context = Context(read_config(write_tiny(folder)), folder)
    workflow.run(context, ["mask"])
    return context


def with_memory(context: Context, size: int, workers: int = 2) -> Context:
    changes = {"memory": f"{size} B", "workers": workers}
    run = context.options.run.model_copy(update=changes)
    return replace(context, options=context.options.model_copy(update={"run": run}))


@pytest.mark.parametrize(("least", "workers"), [(1, 1), (2, 2)])
def test_the_plan_is_told(
    least: int,
    workers: int,
    written: Context,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Room for one worker makes one, although two are asked for."""
    predict = image_steps.predict_need
    # What the process holds at the moment is not for the test to say
    monkeypatch.setattr(
        image_steps, "predict_need", lambda jobs: replace(predict(jobs), base=0)
    )
    jobs = [image_steps._job(written, 0)]
    need = image_steps.predict_need(jobs)
    budget = need.peak(least)
    # A logger of its own: the command line lets that of the program not propagate
    log = logging.getLogger("memory_test")
    with caplog.at_level("INFO", logger=log.name):
        image_steps.filter_images(replace(with_memory(written, budget), log=log))
    (plan,) = [m for m in caplog.messages if "predicted peak" in m]
    assert plan.startswith(f"filter: {workers} worker")
    assert ("memory allows no more of 2" in plan) == (workers < 2)
    assert "([run] memory)" in plan


def test_a_run_in_bands_gives_the_same_bits(
    written: Context, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Under a budget that one whole wedge does not fit in."""
    for module in (image_steps, integrate, trace):
        monkeypatch.setattr(module, "BAND_PIXELS", 200)
    predict = image_steps.predict_need
    monkeypatch.setattr(
        image_steps, "predict_need", lambda jobs: replace(predict(jobs), base=0)
    )
    need = image_steps.predict_need([image_steps._job(written, 0)])
    store, shards = image_steps.wedge_store(written), image_steps.all_shards(written)
    log = logging.getLogger("memory_test")
    kept = []
    for budget, said in ((need.peak(1), ""), (need.peak(1, 3), "shards cut into 3 bands")):
        store.store.prune()
        caplog.clear()
        with caplog.at_level("INFO", logger=log.name):
            image_steps.filter_images(replace(with_memory(written, budget), log=log))
        (plan,) = [m for m in caplog.messages if "predicted peak" in m]
        assert said in plan
        assert ("bands" in plan) == bool(said)
        kept.append([store.get(shard) for shard in shards])
    for one, other in zip(*kept, strict=True):
        assert one is not None
        assert other is not None
        np.testing.assert_array_equal(one.masked, other.masked)
        np.testing.assert_array_equal(one.segments.index, other.segments.index)
        for name, column in one.segments.columns.items():
            np.testing.assert_array_equal(other.segments[name], column, err_msg=name)
        assert one.summary == other.summary


def test_too_little_memory_names_what_is_enough(written: Context) -> None:
    with pytest.raises(UserError, match=r"one worker on one shard needs") as told:
        image_steps.filter_images(with_memory(written, 1_000_000))
    named = told.value.remedy.split("'")[1]
    size = parse_bytes(named)
    assert size is not None
    # A little more, as the process may have grown since
    image_steps.filter_images(with_memory(written, int(1.2 * size)))
    assert (written.work / "filter.json").is_file()


@pytest.mark.parametrize("shape", [(20, 30), (2000, 3), (600, 400)])
def test_pixels_are_chosen_from_all_over_the_image(shape: tuple[int, int]) -> None:
    marked = np.random.default_rng(1).random(shape) < 0.3
    found = evenly_spread(marked, 300)
    assert marked.reshape(-1)[found].all()
    assert (np.diff(found) > 0).all()
    assert min(250, marked.sum()) <= found.size <= 2 * 300
    slow, fast = np.divmod(found, shape[1])
    for place, size in ((slow, shape[0]), (fast, shape[1])):
        parts = np.histogram(place, bins=3, range=(0, size))[0]
        assert parts.min() > 0.5 * parts.max()


def test_a_few_marked_rows_are_found() -> None:
    marked = np.zeros((2000, 10), dtype=bool)
    marked[1001, 3:5] = True
    assert evenly_spread(marked, 100).tolist() == [10013, 10014]
    assert evenly_spread(np.zeros((2000, 10), dtype=bool), 100).size == 0
