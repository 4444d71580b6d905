from __future__ import annotations

from pathlib import Path

import pytest

from ewaldite.errors import UserError
from ewaldite.spectroscopy import step_needs, workflow
from ewaldite.spectroscopy.config import read_config
from ewaldite.spectroscopy.context import Context
from ewaldite.spectroscopy.run_forecast import event_counts, forecast_run
from ewaldite.spectroscopy.step_needs import (
    Workload,
    background_need,
    coverage_need,
    event_need,
    tally_need,
)
from spectroscopy.tiny import STEPS, write_tiny

CRYSTAL = "cell = [5, 5, 5, 90, 90, 90]\nu = [1, 0, 0]\nv = [0, 0, 1]"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if no other test had left anything in this process."""
    monkeypatch.setattr(step_needs, "current_rss", lambda: 0)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("tiny"))


def context(config: Path, old: str = "", new: str = "") -> Context:
    text = config.read_text()
    assert old in text
    changed = config.with_name("changed.toml")
    changed.write_text(text.replace(old, new) if old else text)
    return Context(read_config(changed), config.parent)


def test_every_step_has_its_plan(written: Path) -> None:
    run = context(written)
    planned = forecast_run(run, workflow.stale(run))
    assert [step.needed.step for step in planned.steps] == STEPS
    assert planned["coverage he"].predicted_peak <= planned.peak
    assert 0 < planned.peak < 1_000_000_000
    assert forecast_run(run, []).lines() == []
    assert not (written.parent / "out").exists()


def test_many_bins_need_memory_and_say_so(written: Path) -> None:
    bins = "h = [-3, 3, 0.0005], energy_transfer = [-1.5, 1.5, 0.0005]"
    run = context(written, "h = [-3, 3, 0.5], energy_transfer = [-1.5, 1.5, 0.25]", bins)
    small = run.options.computing.model_copy(update={"memory": "2 GB"})
    run = Context(run.options.model_copy(update={"computing": small}), run.base)
    planned = forecast_run(run, workflow.stale(run))
    told = r"'coverage he' needs .* \[computing\] memory .*'he' of fewer bins"
    with pytest.raises(UserError, match=told):
        planned.check()
    with pytest.raises(UserError, match="fewer bins"):
        workflow.run(run)
    assert not (written.parent / "out/vanadium.nxs").exists()


@pytest.mark.parametrize("file", ["sample", "v", "empty"])
def test_a_missing_file_is_told_before_any_work(written: Path, file: str) -> None:
    run = context(written, f'"{file}.nxs"', '"lost.nxs"')
    with pytest.raises(UserError, match=r"lost\.nxs \(.* file\): there is no such file"):
        forecast_run(run, workflow.stale(run))


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ('name = "l"', 'name = "l"\nfold = "P 99"', "'P 99' is not known"),
        (
            "cell = [5, 5, 5, 90, 90, 90]\nu = [1, 0, 0]\nv = [0, 0, 1]",
            "",
            "there is no crystal",
        ),
        ("u = [1, 0, 0]", "u = [0, 0, 1]", "collinear"),
    ],
)
def test_an_impossible_cut_is_told_before_any_work(
    written: Path, old: str, new: str, word: str
) -> None:
    with pytest.raises(UserError, match=word):
        workflow.stale(context(written, old, new))


def test_events_of_many_files_are_estimated(written: Path, tmp_path: Path) -> None:
    files = []
    for n in range(5):
        files.append(tmp_path / f"{n}.nxs")
        files[-1].write_bytes((written.parent / "sample.nxs").read_bytes())
    counts = event_counts([*files, tmp_path / "none.nxs"])
    assert counts[0] > 1000
    assert counts == [counts[0]] * 5 + [0]
    assert event_counts([]) == []


def test_needs_grow_with_what_they_are_of() -> None:
    work = Workload(10, 2)
    many = Workload(1000, 2)
    assert event_need(10**6, work).peak(1) < event_need(10**6, work).peak(2)
    assert event_need(10**6, work).peak(2) < event_need(10**6, many).peak(2)
    # six columns of eight bytes, in each sum that waits
    grown = event_need(2 * 10**6, work).peak(2) - event_need(10**6, work).peak(2)
    assert grown >= 3 * 48 * 10**6
    assert coverage_need(10**6, 20, work).peak(1) > 640 * 10**6
    assert coverage_need(10**6, 0, work).peak(1) < coverage_need(10**6, 20, work).peak(1)
    assert tally_need(1, work).peak(1) < 10**9
    one = background_need(1000, 10**8, 10**6, work).peak(1)
    assert one > 12 * 10**8
