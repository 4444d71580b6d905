"""What is redone after a change, after a kill, and that the results are the same to the bit."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipp as sc

from diffuse.tiny import STEPS, copy_tiny, write_tiny
from ewaldite.diffuse import workflow
from ewaldite.diffuse.config import config_text, parse_config
from ewaldite.diffuse.context import Context
from ewaldite.diffuse.wedge_job import WedgeJob
from ewaldite.errors import UserError
from ewaldite.io.nexus import load
from ewaldite.io.toml_file import read_toml

RESULTS = (
    "masks.nxs",
    "corrections.nxs",
    "observations.nxs",
    "bragg.nxs",
    "scales.nxs",
    "scaled.nxs",
    "merged.nxs",
    "merged_coarse.nxs",
    "bragg_merged.nxs",
    "statistics.nxs",
    "map.nxs",
)


def context(config: Path, **changes: dict[str, Any]) -> Context:
    """A run of a configuration with other options in some sections."""
    given = read_toml(config)
    for section, options in changes.items():
        if section == "sweep":
            given["sweep"][0] |= options
        else:
            given[section] = {**given.get(section, {}), **options}
    options = parse_config(given, config)
    return Context(options, config.parent, options_text=config_text(options))


def results(folder: Path) -> dict[str, Any]:
    return {name: load(folder / "out" / name) for name in RESULTS}


def assert_identical(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert first.keys() == second.keys()
    for name in first:
        assert sc.identical(first[name], second[name], equal_nan=True), name


@pytest.fixture
def reduced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Sweep and wedge of every reduction from now on."""
    seen: list[tuple[str, int]] = []
    reduce = WedgeJob.reduce

    def counted(self: WedgeJob, wedge: Any) -> Any:
        seen.append((self.entry.options.name, wedge.index))
        return reduce(self, wedge)

    monkeypatch.setattr(WedgeJob, "reduce", counted)
    return seen


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written")
    write_tiny(folder)
    return folder


@pytest.fixture(scope="module")
def finished(written: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "tiny"
    config = copy_tiny(written, folder)
    assert workflow.run(context(config, run={"workers": 1})) == STEPS
    return folder


@pytest.fixture
def done(finished: Path, tmp_path: Path) -> Path:
    """Configuration of a copy of the finished run."""
    return copy_tiny(finished, tmp_path / "d")


# An option, and the steps that are done again when it changes
DEPENDENT: dict[str, tuple[dict[str, dict[str, Any]], list[str]]] = {
    "nothing": ({}, []),
    "workers": ({"run": {"workers": 2}}, []),
    "mask": ({"mask": {"overload": 50000}}, STEPS),
    "corrections": ({"corrections": {"sensor_thickness": "0.9 mm"}}, STEPS),
    "exposure": ({"sweep": {"exposure": 0.4}}, STEPS),
    "resolution": ({"map": {"d_min": 2.2}}, STEPS),
    "filter": (
        {"filter": {"window": 1.5}},
        ["filter", "integrate", "export", "combine", "scale", "merge", "map"],
    ),
    "grid of the table": (
        {"scale": {"subdivide": [3, 3, 3]}},
        ["filter", "integrate", "export", "combine", "scale", "merge", "map"],
    ),
    "gain": (
        {"integrate": {"gain": 2.0}},
        ["filter", "integrate", "export", "combine", "scale", "merge", "map"],
    ),
    "refinement of the mask": (
        {"filter": {"refine": False}},
        ["integrate", "export", "combine", "scale", "merge", "map"],
    ),
    "space group": (
        {"crystal": {"space_group": "P 1"}},
        ["export", "combine", "scale", "merge", "map"],
    ),
    "least pixels": (
        {"scale": {"minimum_pixels": 2}},
        ["export", "combine", "scale", "merge", "map"],
    ),
    "joined observations": (
        {"scale": {"merge_within_degrees": 3.0}},
        ["combine", "scale", "merge", "map"],
    ),
    "outliers": ({"merge": {"outlier_sigma": 4.0}}, ["merge", "map"]),
    "half sets": ({"merge": {"seed": 1}}, ["merge", "map"]),
    "terms": ({"scale": {"terms": ["b"]}}, ["scale", "merge", "map"]),
    "setting": ({"sweep": {"reindex": "none"}}, ["combine", "scale", "merge", "map"]),
    "parts of the map": ({"map": {"parts": ["variational"]}}, ["map"]),
    "pictures": ({"map": {"slice": [{"plane": "hk0"}]}}, []),
    "contents": ({"contents": {"molecule": [{"formula": "C 9 H 9 N 9"}]}}, ["rescale", "map"]),
    "pdf": ({"pdf": {"enabled": True}}, ["pdf"]),
}


@pytest.mark.parametrize("case", DEPENDENT)
def test_exactly_the_dependent_steps_are_stale(case: str, done: Path) -> None:
    changes, steps = DEPENDENT[case]
    assert list(workflow.stale(context(done, **changes))) == steps


@pytest.mark.parametrize("case", ["nothing", "space group", "outliers"])
def test_exactly_the_stale_steps_are_done(
    case: str,
    done: Path,
    reduced: list[tuple[str, int]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    changes, steps = DEPENDENT[case]
    # A logger of its own: the command line closes off the program's
    log = logging.getLogger("stale steps")
    changed = replace(context(done, **changes), log=log)
    with caplog.at_level("INFO", logger=log.name):
        assert workflow.run(changed) == steps
    kept = [m.split(":")[0] for m in caplog.messages if m.endswith("unchanged, kept")]
    assert kept == [name for name in STEPS if name not in steps]
    assert reduced == []
    assert not workflow.stale(changed)


def touched(path: Path) -> None:
    later = path.stat().st_mtime_ns + 10**9
    os.utime(path, ns=(later, later))


@pytest.mark.parametrize(
    "file",
    [
        "images/a_0002.cbf",
        "images/a_background_0001.cbf",
        "xds/XDS.INP",
        "xds/INTEGRATE.LP",
    ],
)
def test_changed_input_is_noticed(file: str, done: Path) -> None:
    touched(done.parent / file)
    assert list(workflow.stale(context(done))) == STEPS


def test_parameters_beside_a_named_file_are_noticed(done: Path) -> None:
    parameters = {"geometry": "xds/XPARM.XDS"}
    workflow.run(context(done, sweep=parameters), ["mask"])
    assert "mask" not in workflow.stale(context(done, sweep=parameters))
    touched(done.parent / "xds" / "XDS.INP")
    assert "mask" in workflow.stale(context(done, sweep=parameters))


def test_changed_mask_file_is_noticed(done: Path) -> None:
    mask = np.zeros((50, 60), dtype=bool)
    np.save(done.parent / "m.npy", mask)
    with_mask = context(done, mask={"file": "m.npy"})
    workflow.run(with_mask, ["mask"])
    before = with_mask.good(0).sum()
    mask[:, 10:20] = True
    np.save(done.parent / "m.npy", mask)
    touched(done.parent / "m.npy")
    again = context(done, mask={"file": "m.npy"})
    assert workflow.run(again, ["mask"]) == ["mask"]
    assert again.good(0).sum() < before


def test_lost_result_is_made_again(done: Path, finished: Path) -> None:
    (done.parent / "out" / "merged.nxs").unlink()
    assert workflow.run(context(done)) == ["merge", "map"]
    assert_identical(results(done.parent), results(finished))


def test_damaged_result_is_made_again(done: Path, finished: Path) -> None:
    with h5py.File(done.parent / "out" / "bragg.nxs", "a") as file:
        file.attrs["ewaldite_format"] = 99
    assert workflow.run(context(done)) == ["combine", "scale", "merge", "map"]
    assert_identical(results(done.parent), results(finished))


def test_lost_checkpoint_is_made_again(
    done: Path, finished: Path, reduced: list[tuple[str, int]]
) -> None:
    wedges = sorted((done.parent / "out/work/wedges").glob("*/*.npz"))
    assert len(wedges) == 3
    wedges[1].write_bytes(b"damaged")
    (done.parent / "out/work/integrate.json").unlink()
    # What was made of the wedge before it, in which its Bragg peaks count
    (collected,) = (done.parent / "out/work/collected").glob("a_0.*/*.npz")
    collected.unlink()
    assert workflow.run(context(done)) == [
        "integrate",
        "export",
        "combine",
        "scale",
        "merge",
        "map",
    ]
    assert reduced == [("a", 1)]
    assert_identical(results(done.parent), results(finished))


def test_one_step_brings_what_it_needs_only(written: Path, tmp_path: Path) -> None:
    config = copy_tiny(written, tmp_path / "w")
    assert workflow.run(context(config), ["correct"]) == ["mask", "correct"]
    assert workflow.run(context(config), ["integrate"]) == ["filter", "integrate"]
    with pytest.raises(UserError, match="Did you mean 'merge'"):
        workflow.run(context(config), ["merg"])


def test_another_sweep_leaves_the_sums_of_the_first(
    done: Path, reduced: list[tuple[str, int]]
) -> None:
    with done.open("a") as stream:
        stream.write('\n[[sweep]]\nname = "b"\nimages = "images/a_####.cbf"\n')
        stream.write('geometry = "xds"\nframes = [1, 4]\n')
    assert workflow.run(context(done), ["filter"]) == ["mask", "filter"]
    assert sorted(reduced) == [("b", 0), ("b", 1)]


@pytest.mark.parametrize("executor", ["threads", "processes", "dask"])
def test_results_do_not_depend_on_the_workers(
    written: Path, finished: Path, tmp_path: Path, executor: str
) -> None:
    config = copy_tiny(written, tmp_path / "w")
    assert workflow.run(context(config, run={"workers": 2, "executor": executor})) == STEPS
    assert_identical(results(config.parent), results(finished))


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_a_wedge_that_cannot_be_read_is_left_out_where_asked(
    written: Path, tmp_path: Path, executor: str
) -> None:
    config = copy_tiny(written, tmp_path / "w")
    image = config.parent / "images" / "a_0003.cbf"
    image.write_bytes(image.read_bytes()[:-5000])
    run = {"workers": 1, "executor": executor}
    with pytest.raises(UserError, match=r"a_0003\.cbf"):
        workflow.run(context(config, run=run))
    skipping = context(config, run={**run, "failures": "skip"})
    assert workflow.run(skipping) == STEPS[1:]
    assert len(skipping.left_out()) == 1
    assert "wedge 1 of the sweep 'a'" in skipping.left_out()[0]
    assert "a_0003.cbf" in skipping.left_out()[0]
    observations = load(skipping.path("observations.nxs"))
    assert set(observations.coords["wedge"].values) == {0, 2}
    assert skipping.left_out()[0] in skipping.provenance().notes
    assert workflow.run(skipping) == []


def test_state_moves_with_its_folder(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "m", copy_function=shutil.copy2)
    assert not workflow.stale(context(tmp_path / "m" / "tiny.toml"))


KILLED = """
import os, signal, sys
from ewaldite.cli.app import main
from ewaldite.diffuse.wedge_job import WedgeJob
reduce = WedgeJob.reduce

def until(self, wedge):
    if wedge.index == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    return reduce(self, wedge)

WedgeJob.reduce = until
main(["diffuse", "run", sys.argv[1], "--workers", "1"])
"""


def test_a_killed_run_goes_on_where_it_was(
    written: Path, finished: Path, tmp_path: Path, reduced: list[tuple[str, int]]
) -> None:
    config = copy_tiny(written, tmp_path / "k")
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(config), "2"], capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert list(workflow.stale(context(config))) == STEPS[1:]
    assert workflow.run(context(config, run={"workers": 2})) == STEPS[1:]
    assert reduced == [("a", 2)]
    assert_identical(results(config.parent), results(finished))


def test_an_interrupt_keeps_finished_wedges(
    written: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = copy_tiny(written, tmp_path / "i")
    reduce: Callable[..., Any] = WedgeJob.reduce
    seen: list[int] = []

    def until(self: WedgeJob, wedge: Any) -> Any:
        seen.append(wedge.index)
        if wedge.index == 1 and seen.count(1) == 1:
            raise KeyboardInterrupt
        return reduce(self, wedge)

    monkeypatch.setattr(WedgeJob, "reduce", until)
    one = {"workers": 1}
    with pytest.raises(KeyboardInterrupt):
        workflow.run(context(config, run=one))
    started = list(seen)
    assert started[:2] == [0, 1]
    workflow.run(context(config, run=one))
    kept = set(started) - {1}
    assert not kept & set(seen[len(started) :])
    assert_identical(results(config.parent), results(finished))


def test_version_is_part_of_what_a_wedge_depends_on(
    done: Path, reduced: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("workflow", "image_steps"):
        monkeypatch.setattr(f"ewaldite.diffuse.{module}.installed_version", lambda: "9.9")
    assert workflow.run(context(done), ["filter"]) == ["mask", "filter"]
    assert sorted(reduced) == [("a", 0), ("a", 1), ("a", 2)]


def test_sums_do_not_depend_on_the_symmetry(done: Path) -> None:
    """The filter's widths in 1/Å come from the sweep's own cell."""
    options = {"filter": {"method": "predicted", "half_width_unit": "1/angstrom"}}
    predicted = context(done, **options)
    workflow.run(predicted, ["filter"])
    low = replace(
        predicted, options=context(done, **options, crystal={"space_group": "1"}).options
    )
    assert "filter" not in workflow.stale(low)
