"""The constant background in vanadium and in an empty run."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ewaldite.simulate.bifrost_sample import Sample
from ewaldite.spectroscopy.config import read_config
from ewaldite.spectroscopy.constant_counts import ConstantCounts, elastic_constant
from ewaldite.spectroscopy.cut_background import turned_background
from ewaldite.spectroscopy.cut_options import TimeBackgroundOptions
from ewaldite.spectroscopy.cut_paths import CutPaths
from ewaldite.spectroscopy.decoded_events import decoded_events
from ewaldite.spectroscopy.empty_run import EmptyRun, load_empty
from ewaldite.spectroscopy.flux import resolved_flux
from ewaldite.spectroscopy.run_input import open_run
from ewaldite.spectroscopy.time_background import time_background
from ewaldite.spectroscopy.vanadium_run import ReducedVanadium, reduce_vanadium
from ewaldite.spectroscopy.workflow import reduce_cuts
from spectroscopy.constant_files import (
    CONSTANT,
    narrow_configuration,
    narrow_run,
    narrow_vanadium,
)
from spectroscopy.simulated_files import VANADIUM, write
from spectroscopy.time_background_test import BAND, EMPTY_COUNTS, LIVE, levels, made, work
from spectroscopy.tiny import channel
from spectroscopy.toys import PRIMARY, SAMPLE

SECTION = "[time_background]"
#: Counts/s of a pixel of the vanadium run: as much as a third of its line.
MANY = 0.5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vanadium")
    still = narrow_vanadium(constant=MANY, pulses=2500)
    can = replace(still, sample=Sample(elastic=0.004), constant=2 * MANY, pulses=800)
    write(path / "vanadium.nxs", still, 1, monitor="total")
    write(path / "can.nxs", can, 2, monitor="total")
    write(path / "nothing.nxs", replace(still, sample=Sample()), 3, monitor="total")
    return path


def vanadium(folder: Path, *more: str, file: str = "vanadium.nxs") -> ReducedVanadium:
    config = folder / "c.toml"
    config.write_text(narrow_configuration(VANADIUM, *more).replace("vanadium.nxs", file))
    options = read_config(config)
    assert options.vanadium is not None
    return reduce_vanadium(options, options.vanadium, folder)


@pytest.mark.parametrize("can", [False, True])
def test_the_efficiency_is_that_without_a_background(folder: Path, can: bool) -> None:
    empty = 'empty = "can.nxs"' if can else ""
    true = channel().n_b / narrow_run().monitor_scale
    pulls = []
    for section in (SECTION, "" if can else SECTION + "\nvanadium = false"):
        made_of = vanadium(folder, empty, section)
        b = made_of.efficiency.backend
        used = b.value > 0
        variance = b.own + (b.modes[b.group] ** 2).sum(axis=1)
        pulls.append((b.value / true - 1.0)[used] / np.sqrt(variance[used]))
        assert np.count_nonzero(used) > 500
        assert ("time_background" in made_of.data) == (section == SECTION)
    assert abs(pulls[0].mean()) < 0.35
    assert 0.8 < pulls[0].std() < 1.2
    # with a can there is more of it in the shorter run, and too much is subtracted
    assert (-pulls[1] if can else pulls[1]).mean() > 0.7


def test_what_is_expected_is_what_a_run_of_nothing_else_counts(folder: Path) -> None:
    config = folder / "c.toml"
    config.write_text(narrow_configuration(file="nothing.nxs"))
    options = read_config(config)
    with open_run(options, options.run[0], folder) as run:
        found = elastic_constant(run, TimeBackgroundOptions(group="arc"), 0.25)
        steps, one = run.steps(360.0), run.converter.instrument
        counted = np.zeros(len(one))
        for _, events in decoded_events(run):
            transfer = 2.0721247 * events.k_i**2 - one.final_energy[events.row]
            good = (np.abs(transfer) <= 0.25) & (steps.at(events.time) >= 0)
            counted += np.bincount(events.row[good], minlength=counted.size)
    assert counted.sum() > 10_000
    chi2 = (counted - found.total) ** 2 / np.maximum(found.total, 1.0)
    assert chi2[found.total > 0].mean() == pytest.approx(1.0, abs=0.15)
    root = found.root(np.arange(counted.size)).sum(axis=0)
    total, error = found.total.sum(), np.sqrt((root**2).sum())
    assert abs(counted.sum() - total) < 4 * np.hypot(error, np.sqrt(total))
    assert error > 0.003 * total


def test_the_can_has_levels_of_its_own() -> None:
    group = np.array([0, 1, 1])
    one = ConstantCounts(np.array([5.0, 7.0, 7.0]), np.array([[1.0, 2.0, 2.0]]), group)
    two = ConstantCounts(np.array([2.0, 1.0, 0.0]), np.array([[0.5, 0.5, 0.0]]), group)
    left = one.less(two, 3.0)
    np.testing.assert_allclose(left.total, [-1.0, 4.0, 7.0])
    expected = [[1.0, 0.0, -1.5, 0.0], [0.0, 2.0, 0.0, -1.5], [0.0, 2.0, 0.0, 0.0]]
    np.testing.assert_allclose(left.root(np.arange(3)), expected)


def test_what_is_given_back_is_what_random_times_put_into_a_turned_run() -> None:
    """Events of an empty run at even times, turned as all of its events are."""
    one, _ = made()
    flux = resolved_flux(BAND, EMPTY_COUNTS)
    live = 2000.0 * -np.diff(PRIMARY.time(SAMPLE, BAND.edges))
    factor = np.linspace(0.5, 1.0, 60)
    level = levels(LIVE * 0.25)
    empty = EmptyRun(
        np.zeros(0, np.int32), np.zeros(0), flux, factor, np.arange(60) + 1, live, level
    )
    nothing = levels(np.zeros(5))
    plain = time_background(work(nothing))
    both = time_background(work(nothing, empty=empty))
    assert not plain.total.any()
    window = PRIMARY.time(SAMPLE, BAND.edges[[-1, 0]])
    much, rng = 300_000, np.random.default_rng(9)
    k = PRIMARY.wavenumber(SAMPLE, rng.uniform(*window, much))
    turned = turned_background(one, rng.integers(0, 60, much), k, flux, factor)
    scale = 0.25 * live.sum() * 60 / much
    seen = turned.total * scale > 5
    spread = np.sqrt(turned.counting[seen]) * scale
    pulls = (-both.total[seen] - turned.total[seen] * scale) / spread
    assert np.count_nonzero(seen) > 35
    assert np.abs(pulls).max() < 4.5
    # of two runs two levels
    assert both.root.shape[1] == 2 * plain.root.shape[1]
    assert np.all(both.variance >= plain.variance)


def test_a_can_and_a_constant_background_together(tmp_path: Path) -> None:
    """The empty run has more of the latter than the sample's."""
    n_b = channel().n_b
    alone = replace(channel(), n_b=n_b * 0.004)
    full = narrow_run(instrument=replace(channel(), n_b=n_b * 0.012), sample=Sample(flat=1.0))
    empty = replace(full, instrument=alone, a3=np.zeros(1), constant=2 * CONSTANT)
    write(tmp_path / "sample.nxs", full, 4)
    write(tmp_path / "empty.nxs", empty, 5)
    write(tmp_path / "vanadium.nxs", narrow_vanadium(), 6, monitor="total")
    config = tmp_path / "c.toml"
    config.write_text(
        narrow_configuration(VANADIUM, '[background]\nfile = "empty.nxs"', SECTION)
    )
    log, options = logging.getLogger("ewaldite.test"), read_config(config)
    data = reduce_cuts(options, tmp_path / "out", base=tmp_path, log=log)[0].data
    s, many = data["S"], data["events"].values > 300
    assert np.count_nonzero(many) >= 6
    pulls = (s.values[many] - 0.008) / np.sqrt(s.variances[many])
    assert abs(pulls.mean()) < 1.5
    assert pulls.std() < 1.6
    # net, as the empty run had more of it, so that more is given back than taken
    back = data["time_background"].values[many] / np.sqrt(s.variances[many])
    assert back.mean() < -2.0
    stored = load_empty(tmp_path / "out/work/empty.npz")
    assert stored.level is not None
    assert stored.level.value.mean() == pytest.approx(2 * CONSTANT, rel=0.1)
    assert CutPaths(tmp_path / "out", "e").time_background.is_file()
