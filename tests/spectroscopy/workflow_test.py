"""Simulated raw files through the whole chain."""

from __future__ import annotations

import logging
import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipp as sc

import ewaldite
from ewaldite.cli.app import main
from ewaldite.errors import UserError
from ewaldite.io.bifrost.raw_file import open_bifrost
from ewaldite.io.nexus import save
from ewaldite.model.provenance import Provenance
from ewaldite.simulate.bifrost_run import apparent
from ewaldite.simulate.bifrost_source import Source
from ewaldite.spectroscopy.config import read_config
from ewaldite.spectroscopy.convert import convert_file
from ewaldite.spectroscopy.options import SpectroscopyOptions
from ewaldite.spectroscopy.run_input import open_run
from ewaldite.spectroscopy.vanadium_run import reduce_vanadium
from ewaldite.spectroscopy.workflow import reduce_cuts
from spectroscopy.simulated_files import (
    FLAT,
    PARKED,
    SPINNING,
    VANADIUM,
    configuration,
    flat_run,
    part,
    vanadium_run,
    write,
)

LOG = logging.getLogger("test")
RUN = '[[run]]\nfile = "sample.nxs"'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("raw")
    write(path / "sample.nxs", flat_run(), monitor="settings")
    write(path / "total.nxs", flat_run(), 1, monitor="total")
    write(path / "events.nxs", flat_run(), 2, monitor="events")
    write(path / "vanadium.nxs", vanadium_run(), 3, monitor="total")
    return path


def options(folder: Path, *more: str, source: Source = PARKED) -> SpectroscopyOptions:
    path = folder / "c.toml"
    path.write_text(configuration(source, *more))
    return read_config(path)


def reduced(folder: Path, tmp: Path, *more: str, source: Source = PARKED) -> sc.DataGroup[Any]:
    given = options(folder, *more, source=source)
    made = reduce_cuts(given, tmp / "out", base=folder, log=LOG)
    return made[0].data


def check_flat(
    data: sc.DataGroup[Any],
    least: float = 500,
    expected: float = FLAT,
    tolerance: float = 0.015,
) -> None:
    s, n = data["S"], data["events"].values
    many = n >= least
    assert np.count_nonzero(many) >= 8
    pulls = (s.values[many] - expected) / np.sqrt(s.variances[many])
    # bins share vanadium and monitor
    assert np.abs(pulls).max() < 4.5, pulls
    mean = np.average(s.values[many], weights=data["coverage"].values[many])
    assert mean == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize("name", ["sample", "total", "events"])
def test_a_flat_scatterer_whatever_the_monitor_logs(
    folder: Path, tmp_path: Path, name: str
) -> None:
    data = reduced(folder, tmp_path, f'[[run]]\nfile = "{name}.nxs"', VANADIUM)
    check_flat(data)
    assert data["S"].unit == sc.Unit("cm^2/meV/sr")


def test_a_shared_spectrum_agrees_with_a_resolved_one(folder: Path, tmp_path: Path) -> None:
    one = reduced(folder, tmp_path, RUN)["coverage"].values
    two = reduced(folder, tmp_path, RUN, '[normalise]\nmonitor = "shared"')
    np.testing.assert_allclose(two["coverage"].values, one, rtol=0.02)


def test_runs_are_combined(folder: Path, tmp_path: Path) -> None:
    files = [f'[[run]]\nfile = "{n}.nxs"' for n in ("sample", "total")]
    both = reduced(folder, tmp_path, *files)
    alone = [reduced(folder, tmp_path, f) for f in files]
    for name in ("events", "coverage"):
        total = alone[0][name].values + alone[1][name].values
        np.testing.assert_allclose(both[name].values, total, rtol=1e-9)


def test_converted_events_carry_the_efficiency_of_their_pixels(
    folder: Path, tmp_path: Path
) -> None:
    given = options(folder, RUN, VANADIUM)
    table = converted(folder, tmp_path / "raw.nxs", given)
    other = reduce_vanadium(given, given.vanadium, folder)  # type: ignore[arg-type]
    n_b = other.data["N_b"]
    of_pixel = dict(zip(n_b.coords["detector_number"].values, n_b.values, strict=True))
    of_pixel[0] = np.nan
    expected = [of_pixel[number] for number in table.coords["detector_number"].values]
    np.testing.assert_array_equal(table.coords["N_b"].values, expected)
    assert table.coords["N_b"].unit == sc.Unit("meV*sr")
    np.testing.assert_array_equal(table.masks["no_efficiency"].values, np.isnan(expected))

    # a file of the efficiency says the same, and what it lacks is masked
    few = sc.DataGroup({**other.data, "N_b": n_b.copy()})
    few["N_b"].values[::2] = np.nan
    save(tmp_path / "few.nxs", few, Provenance())
    file = given.vanadium.model_copy(update={"file": tmp_path / "few.nxs"})  # type: ignore[union-attr]
    table = converted(
        folder, tmp_path / "few_raw.nxs", given.model_copy(update={"vanadium": file})
    )
    lacking = table.masks["no_efficiency"].values
    assert 0.4 < lacking.mean() < 0.6
    np.testing.assert_array_equal(
        table.coords["N_b"].values, np.where(lacking, np.nan, expected)
    )


def converted(folder: Path, target: Path, given: SpectroscopyOptions) -> sc.DataArray:
    convert_file(given, given.run[0], target, base=folder)
    return ewaldite.load(target)


def test_the_estimator_of_the_seed(folder: Path, tmp_path: Path) -> None:
    data = reduced(folder, tmp_path, RUN, VANADIUM, '[normalise]\nestimator = "event"')
    # it divides by N_b, and is too high by one over the vanadium counts of a pixel: 1.5 %
    check_flat(data, tolerance=0.03)


def test_spinning_choppers_and_their_logs(tmp_path: Path) -> None:
    write(tmp_path / "sample.nxs", flat_run(SPINNING), monitor="settings")
    write(tmp_path / "vanadium.nxs", vanadium_run(SPINNING), 3, monitor="settings")
    data = reduced(tmp_path, tmp_path, RUN, VANADIUM, source=SPINNING)
    check_flat(data)


def test_continuous_rotation_without_a_log_of_protons(folder: Path, tmp_path: Path) -> None:
    run = flat_run(a3=np.linspace(0, 30, 16), pulses=90)
    write(tmp_path / "sample.nxs", run, 5, monitor="events", log_charge=False, missing=0.0)
    (tmp_path / "vanadium.nxs").write_bytes((folder / "vanadium.nxs").read_bytes())
    cut = (
        '[[cut]]\nname = "he"\naxes = ["h", "energy_transfer"]\n'
        "bins = { h = [-2, 2, 0.5], energy_transfer = [-2, 2, 0.5] }"
    )
    run_options = '[[run]]\nfile = "sample.nxs"\nlongest_gap = "60 s"'
    made = reduce_cuts(
        options(tmp_path, run_options, VANADIUM, cut), tmp_path / "out", base=tmp_path, log=LOG
    )
    check_flat(made[0].data)
    check_flat(made[1].data, least=300)


MASKS = """
[mask]
tube_ends = 3
[[mask.window]]
name = "prompt"
start = "20 ms"
stop = "33 ms"
[[mask.polygon]]
name = "triangle"
axes = ["h", "energy_transfer"]
vertices = [[-1.0, -1.0], [1.0, -1.0], [0.3, 1.0]]
[mask.bragg]
radius = 0.2
"""


def test_what_is_masked_is_left_out_of_the_coverage_too(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = reduced(folder, tmp_path, RUN)
    with caplog.at_level(logging.INFO, "test"):
        data = reduced(folder, tmp_path, RUN, VANADIUM, MASKS)
    said = caplog.text
    assert re.search(
        r"vanadium: \d+ pixels see the elastic line at times that are masked", said
    )
    assert re.search(r"cut e: .* events left out: .*[\d,]+ in masked cells", said)
    assert data["events"].values.sum() < 0.8 * whole["events"].values.sum()
    assert data["reasons"]["masked"] > 1000
    check_flat(data, least=300)


def test_absolute_units_per_formula_unit(folder: Path, tmp_path: Path) -> None:
    amount = '[normalise]\namount = "0.5 mol"'
    data = reduced(folder, tmp_path, RUN, VANADIUM, amount)
    assert data["S"].unit == sc.Unit("barn/meV/sr")
    check_flat(data, expected=FLAT / 0.5 / 0.602214076)
    parts = data["counting_variance"].values + data["common_variance"].values
    np.testing.assert_allclose(parts, data["S"].variances)


def test_files_hold_what_was_simulated(tmp_path: Path) -> None:
    run = flat_run(SPINNING)
    truth = write(tmp_path / "sample.nxs", run, monitor="events")
    with open_bifrost(tmp_path / "sample.nxs") as raw:
        assert len(raw.triplets) == 15
        assert raw.primary_length == pytest.approx(161.9988, abs=1e-3)
        assert sum(s.size for s in raw.sources) == len(truth)
        assert raw.a3().value.tolist() == [0, 11]
        assert raw.a4().value.tolist() == [40]
        distance = raw.monitor("normalization_monitor").distance
        assert distance == pytest.approx(161.4358, abs=1e-3)
        assert [c.name for c in raw.choppers] == [
            "pulse_shaping_chopper_1", "pulse_shaping_chopper_2"
        ]  # fmt: skip
    made = options(tmp_path, RUN, source=SPINNING)
    with open_run(made, made.run[0], tmp_path) as opened:
        found = list(opened.events())
        row = np.concatenate([f.row for f in found])
        k = np.concatenate([f.k_i for f in found])
        a3 = np.concatenate([f.a3 for f in found])
        numbers = opened.converter.instrument.detector_number[row]
    expected = apparent(run, truth, part())
    order = np.lexsort((k, numbers))
    pixel = part().detector_number[truth.pixel]
    other = np.lexsort((expected, pixel))
    np.testing.assert_array_equal(numbers[order], pixel[other])
    np.testing.assert_allclose(k[order], expected[other], rtol=1e-7)
    np.testing.assert_array_equal(a3[order], run.a3[truth.setting[other]])


def command(words: list[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main(words)
    assert done.value.code == 0


def test_the_command(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    options(
        folder,
        RUN,
        '[[cut]]\nname = "hl"\naxes = ["h", "l"]',
        "bins = { h = [-2, 2, 0.2], l = [-2, 1, 0.2] }",
    )
    monkeypatch.chdir(folder)
    command(["spectroscopy", "run", "c.toml", "--dry-run"])
    assert not Path("out").exists()
    command(["spectroscopy", "run", "c.toml"])
    assert "out/cuts/hl.png" in capsys.readouterr().out
    for name in ("cuts/e.nxs", "cuts/e.png", "cuts/hl.png", "log.txt", "options.toml"):
        assert (folder / "out" / name).stat().st_size > 0
    loaded = ewaldite.load("out/cuts/hl.nxs")
    assert isinstance(loaded, sc.DataGroup)
    assert loaded["S"].dims == ("h", "l")
    assert loaded["S"].variances is not None
    assert loaded["cut"]["name"] == "hl"
    assert tomllib.loads(Path("out/options.toml").read_text())["normalise"]["estimator"]
    assert "no vanadium" in Path("out/log.txt").read_text()


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ((), r"no \[\[run\]\]"),
        ((RUN, '[[cut]]\nname = "e"\naxes = ["Q"]\nbins = { Q = [0, 1, 0.5] }'), "called 'e'"),
        (('[[run]]\nfile = "none.nxs"',), "no such file"),
        ((RUN, "[normalise]\nminimum_counts = 1e12"), "it counted"),
        ((RUN, '[monitor]\nname = "other"'), "it has normalization_monitor"),
        ((RUN, '[vanadium]\nfile = "sample.nxs"\nshape = "plate"'), "needs thickness"),
    ],
)
def test_mistakes(folder: Path, tmp_path: Path, more: tuple[str, ...], word: str) -> None:
    with pytest.raises(UserError, match=word):
        reduced(folder, tmp_path, *more)


def test_a_crystal_is_needed_for_hkl(folder: Path, tmp_path: Path) -> None:
    made = options(folder, RUN)
    bare = SpectroscopyOptions.model_validate(
        made.model_dump() | {"sample": {}, "cut": [
            {"name": "h", "axes": ["h"], "bins": {"h": [0, 1, 0.5]}}
        ]}
    )  # fmt: skip
    with pytest.raises(UserError, match="there is no crystal"):
        reduce_cuts(bare, tmp_path, base=folder, log=LOG)
