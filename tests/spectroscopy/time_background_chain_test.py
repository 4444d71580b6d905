"""A planted constant background through the whole chain, from files."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipp as sc

import ewaldite
from ewaldite.errors import UserError
from ewaldite.report import spectroscopy as report
from ewaldite.report.model import Section
from ewaldite.spectroscopy import step_needs, workflow
from ewaldite.spectroscopy.config import read_config
from ewaldite.spectroscopy.context import Context
from ewaldite.spectroscopy.cut_paths import CutPaths
from ewaldite.spectroscopy.run_forecast import forecast_run
from ewaldite.spectroscopy.step_needs import Workload, root_bytes, time_background_need
from ewaldite.spectroscopy.time_background_shards import (
    SpreadTime,
    load_time_background,
    save_time_background,
)
from spectroscopy.constant_files import (
    CONSTANT,
    narrow_configuration,
    narrow_run,
    narrow_vanadium,
    write_narrow,
)
from spectroscopy.simulated_files import VANADIUM, write

FLAT = 0.005
SECTION = "[time_background]"
LOG = logging.getLogger("ewaldite.test")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("constant")
    write_narrow(path)
    write(path / "vanadium.nxs", narrow_vanadium(), 1, monitor="total")
    return path


def context(folder: Path, out: Path, *more: str) -> Context:
    config = folder / "c.toml"
    config.write_text(narrow_configuration(VANADIUM, *more))
    return Context(read_config(config), folder, out, log=LOG)


def pulls(data: sc.DataGroup, least: float = 300) -> np.ndarray:
    s, many = data["S"], data["events"].values > least
    assert np.count_nonzero(many) >= 6
    return (s.values[many] - FLAT) / np.sqrt(s.variances[many])


@pytest.fixture(scope="module")
def reduced(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    workflow.run(context(folder, out))
    without = ewaldite.load(out / "cuts/e.nxs")
    assert pulls(without).mean() > 5
    assert "time_background" not in without
    return out


def test_a_flat_scatterer_with_a_constant_background(
    folder: Path, reduced: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for estimator in ("coverage", "event"):
        run = context(folder, reduced, SECTION, f'[normalise]\nestimator = "{estimator}"')
        with caplog.at_level(logging.INFO, "ewaldite.test"):
            done = workflow.run(run)
        if estimator == "coverage":
            assert done[:2] == ["vanadium", "time background"]
            assert done[-2:] == ["time background e", "cut e"]
        else:
            assert done == ["time background e", "cut e"]
        data = ewaldite.load(reduced / "cuts/e.nxs")
        found = pulls(data)
        assert abs(found.mean()) < 2.0
        assert 0.4 < found.std() < 1.6
        parts = data["time_background"]
        assert parts.unit == data["S"].unit
        seen = ~np.isnan(parts.values)
        assert np.all(parts.variances[seen] <= data["common_variance"].values[seen] * 1.0001)
        # of the five arcs three have vanadium in the band
        assert data["covariance"]["subtracted"]["sources"] == 3
    level = ewaldite.load(reduced / "time_background.nxs")
    off = (level["level"].values - CONSTANT) / np.sqrt(level["level"].variances)
    assert np.abs(off).max() < 3.5
    assert level["level"].dims == ("group",)
    said = [r.getMessage() for r in caplog.records if "triplet" not in r.getMessage()]
    events = level["events"].values
    assert any(f"{events.sum():,} events in forbidden time" in line for line in said)
    assert any("arc 3, channel 5: 0.0" in line and f"({events[2]:,} events)" in line
               for line in said)  # fmt: skip


def test_the_report_has_a_table_of_levels(
    folder: Path, reduced: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow.run(context(folder, reduced, SECTION))
    for name in ("cut_section", "run_section", "vanadium_section"):
        monkeypatch.setattr(report, name, lambda *_: Section("without pictures"))
    page = report.report_spectroscopy(reduced).read_text("utf-8")
    assert "Time-independent background" in page
    assert "arc 3, channel 5" in page
    workflow.run(context(folder, reduced))
    page = report.report_spectroscopy(reduced).read_text("utf-8")
    assert "Time-independent background" not in page


def test_shards_and_tidying(folder: Path, reduced: Path) -> None:
    workflow.run(context(folder, reduced, SECTION))
    paths = CutPaths(reduced, "e")
    whole = load_time_background(paths.time_background)
    assert not paths.time_background_shards.exists()
    work = SpreadTime(paths.setup, reduced / "time_background.nxs")
    parts = [work.reduce_shard(shard) for shard in work.shards]
    save_time_background(parts[-1], reduced / "part.npz")
    total = parts[0]
    for part in (*parts[1:-1], load_time_background(reduced / "part.npz")):
        total = work.add(total, part)
    np.testing.assert_array_equal(work.finish(total).total, whole.total)
    np.testing.assert_array_equal(total.variance, whole.variance)
    assert work.name(work.shards[0]).endswith("arc 1, channel 5 to arc 1, channel 5")
    # of an estimator that is changed, only what depends on it
    other = context(folder, reduced, SECTION, '[normalise]\nestimator = "event"')
    assert list(workflow.stale(other)) == ["time background e", "cut e"]
    wider = context(folder, reduced, SECTION + '\ngroup = "arc"\nvanadium = false')
    stale = workflow.stale(wider)
    assert "time_background" in stale["vanadium"]
    assert {"time background", "time background e", "cut e"} < set(stale)
    assert "runs" not in stale


def test_without_forbidden_time_nothing_is_begun_of_it(folder: Path, tmp_path: Path) -> None:
    text = narrow_configuration(SECTION)
    config = folder / "c.toml"
    config.write_text("\n".join(x for x in text.splitlines() if "latest_at" not in x))
    with pytest.raises(UserError, match=r"sample\.nxs.*at all times.*latest_at_sample"):
        workflow.run(Context(read_config(config), folder, tmp_path, log=LOG))


def test_runs_of_different_background_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    short = replace(narrow_run(), pulses=150)
    write(tmp_path / "sample.nxs", short)
    write(tmp_path / "other.nxs", replace(short, constant=0.1), 1)
    config = tmp_path / "c.toml"
    config.write_text(narrow_configuration('[[run]]\nfile = "other.nxs"', SECTION))
    run = Context(read_config(config), tmp_path, log=LOG)
    with caplog.at_level(logging.WARNING, "ewaldite.test"):
        workflow.run(run, ["time background"])
    assert "the level of other.nxs is" in caplog.text
    level = ewaldite.load(tmp_path / "out/time_background.nxs")["level"]
    assert level.values.mean() == pytest.approx(0.075, rel=0.1)


def test_its_memory_is_planned(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_needs, "current_rss", lambda: 0)
    run = context(folder, tmp_path, SECTION)
    planned = forecast_run(run, workflow.stale(run))
    names = [step.needed.step for step in planned.steps]
    assert names.index("time background") < names.index("time background e")
    assert planned["time background e"].predicted_peak < 10**9
    work = Workload(8, 1)
    one, few = time_background_need(10**6, 45, work), time_background_need(10**6, 5, work)
    assert one.peak(1) > few.peak(1)
    # what a bin has of the kernel's columns, and of six groups
    assert one.worker > 10**6 * (64 + 6 * 12)
    assert one.peak(1) < one.peak(2)
    assert root_bytes(10**6, 45) < 10**9
