"""Steps and shards of the neutron chain: what is done again, and what is not."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from ewaldite.io.nexus import load
from ewaldite.spectroscopy import workflow
from ewaldite.spectroscopy.config import read_config
from ewaldite.spectroscopy.context import Context
from ewaldite.spectroscopy.cut_events import EventCounts
from ewaldite.spectroscopy.event_ranges import EventShard
from ewaldite.spectroscopy.event_shards import CountEvents
from spectroscopy.tiny import STEPS, copy_tiny, write_tiny


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("tiny")).parent


@pytest.fixture(scope="module")
def finished(written: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = copy_tiny(written, tmp_path_factory.mktemp("finished") / "tiny")
    assert run(config) == STEPS
    return config.parent


@pytest.fixture
def config(finished: Path, tmp_path: Path) -> Path:
    """Configuration of a copy of the reduced experiment."""
    return copy_tiny(finished, tmp_path / "t")


def run(config: Path) -> list[str]:
    return workflow.run(Context(read_config(config), config.parent))


def edit(config: Path, old: str, new: str) -> None:
    text = config.read_text()
    assert text.count(old) == 1, old
    config.write_text(text.replace(old, new))


def same(one: Path, other: Path) -> bool:
    """Whether two cuts are equal to the bit."""
    a, b = load(one), load(other)
    arrays = ["S", "coverage", "events", "background", "common_variance"]
    return all(
        np.array_equal(a[n].values, b[n].values, equal_nan=True) for n in arrays
    ) and np.array_equal(a["S"].variances, b["S"].variances, equal_nan=True)


ALL = STEPS[2:]
CUTS = STEPS[2:-1]
OF_HE = [name for name in STEPS if name.endswith(" he")]
LAST = ["cut he", "cut l"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("events = 1500", "events = 1500\nworkers = 1", []),
        ("h = [-3, 3, 0.5]", "h = [-3, 3, 1.0]", OF_HE),
        ('name = "he"', 'name = "other"', [s.replace(" he", " other") for s in OF_HE]),
        ("[computing]", '[normalise]\nestimator = "coverage"\n[computing]', []),
        ("[computing]", '[normalise]\namount = "1 mol"\n[computing]', LAST),
        ("temperature = 0", "temperature = 5", ["vanadium", *CUTS]),
        ('file = "empty.nxs"', 'file = "empty.nxs"\ntransmission = 0.9',
         ["background", "background he", "cut he", "background l", "cut l"]),
        ("[computing]", "[mask]\ntube_ends = 2\n[computing]", STEPS),
        ("[computing]", '[[mask.polygon]]\nname = "p"\naxes = ["h", "k"]\n'
         "vertices = [[0, 0], [1, 0], [0, 1]]\n[computing]", ALL),
        ("cell = [5, 5", "cell = [5, 5.1", ["background", *ALL]),
    ],
)  # fmt: skip
def test_a_changed_option_redoes_what_depends_on_it(
    config: Path, old: str, new: str, expected: list[str]
) -> None:
    edit(config, old, new)
    context = Context(read_config(config), config.parent)
    assert [s for s in STEPS if s in workflow.stale(context)] == [
        s for s in STEPS if s in expected
    ]
    assert list(workflow.stale(context)) == expected


def test_the_log_says_what_and_why(config: Path, caplog: pytest.LogCaptureFixture) -> None:
    edit(config, "h = [-3, 3, 0.5]", "h = [-3, 3, 1.0]")
    with caplog.at_level(logging.INFO):
        assert run(config) == OF_HE
    assert "exposure he: cut.bins.h changed" in caplog.text
    assert "events he: needs exposure he, which was redone" in caplog.text
    assert "cut l: unchanged, kept" in caplog.text
    assert load(config.parent / "out/cuts/he.nxs")["S"].sizes["h"] == 6
    assert run(config) == []


def test_changed_files(config: Path) -> None:
    (config.parent / "out/cuts/l.nxs").unlink()
    assert run(config) == ["cut l"]
    (config.parent / "empty.nxs").touch()
    context = Context(read_config(config), config.parent)
    assert next(iter(workflow.stale(context))) == "background"


def test_a_failed_run_goes_on_where_it_was(
    written: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = copy_tiny(written, tmp_path / "t")
    edit(config, "events = 1500", "events = 1500\nworkers = 1")
    reduced: list[EventShard] = []
    whole = CountEvents.reduce_shard

    def failing(self: CountEvents, shard: EventShard) -> EventCounts:
        if len(reduced) == 2:
            raise KeyboardInterrupt
        reduced.append(shard)
        return whole(self, shard)

    monkeypatch.setattr(CountEvents, "reduce_shard", failing)
    with pytest.raises(KeyboardInterrupt):
        run(config)
    kept = list((config.parent / "out/work/cuts/he/events").rglob("*.npz"))
    assert len(kept) == 2

    def counting(self: CountEvents, shard: EventShard) -> EventCounts:
        reduced.append(shard)
        return whole(self, shard)

    monkeypatch.setattr(CountEvents, "reduce_shard", counting)
    assert run(config) == STEPS[3:]
    of_he = reduced[: len(reduced) // 2]
    assert len(of_he) > 3
    assert len(set(of_he)) == len(of_he)
    for name in ("he", "l"):
        cut = Path(f"out/cuts/{name}.nxs")
        assert same(config.parent / cut, finished / cut)
    assert not list((config.parent / "out/work/cuts/he/events").rglob("*.npz"))


@pytest.mark.parametrize(("events", "workers"), [(100_000, 1), (60, 2)])
def test_shards_and_workers_do_not_change_the_result(
    written: Path, finished: Path, tmp_path: Path, events: int, workers: int
) -> None:
    config = copy_tiny(written, tmp_path / "t")
    edit(config, "events = 1500", f"events = {events}\nworkers = {workers}")
    run(config)
    for name in ("he", "l"):
        cut = Path(f"out/cuts/{name}.nxs")
        assert same(config.parent / cut, finished / cut)


@pytest.mark.parametrize("executor", ["processes", "dask"])
def test_the_cuts_are_the_same_to_the_bit_wherever_they_are_made(
    written: Path,
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    executor: str,
) -> None:
    config = copy_tiny(written, tmp_path / "t")
    edit(config, "events = 1500", f'events = 1500\nworkers = 2\nexecutor = "{executor}"')
    monkeypatch.chdir(config.parent)  # paths of workers do not depend on where one stands
    assert run(Path(config.name)) == STEPS
    for name in ("he", "l"):
        cut = Path(f"out/cuts/{name}.nxs")
        assert same(config.parent / cut, finished / cut)
