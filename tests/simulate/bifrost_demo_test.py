"""The demonstration on BIFROST, on a part of the instrument to be quick."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from ewaldite.cli.app import main
from ewaldite.simulate.bifrost import Bifrost, bifrost
from ewaldite.simulate.bifrost_comparison import compare_with_truth
from ewaldite.simulate.bifrost_demo import LATE, Demonstration
from ewaldite.simulate.bifrost_found import branch_shifts, peak_centre
from ewaldite.simulate.bifrost_seen import Seen
from ewaldite.spectroscopy.calibration_file import read_calibration


def part(made: Demonstration) -> Bifrost:
    whole = bifrost(made.misalignment)
    return whole.select(whole.arc == 3)


@pytest.mark.slow
def test_it_reduces_to_what_was_put_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Demonstration, "instrument", property(part))
    folder = tmp_path / "demo"
    with pytest.raises(SystemExit) as left:
        main(["spectroscopy", "demo", str(folder), "--mode", "spinning", "--seed", "3"])
    assert left.value.code in (0, None)
    said = capsys.readouterr().out
    made = Demonstration.of(folder)
    assert (made.mode, made.seed) == ("spinning", 3)
    (counted,) = re.findall(r"dispersion at (\d+) h: .*, (\d+) by more than 0.003", said)
    assert int(counted[0]) >= 8
    assert int(counted[1]) <= 1
    peaks = re.findall(
        r"h ([+-][\d.]+), l ([+-][\d.]+): found at ([+-][\d.]+) ± [\d.]+, ([+-][\d.]+)", said
    )
    assert len(peaks) == 2
    off = np.array(peaks, dtype=float)
    assert np.abs(off[:, :2] - off[:, 2:]).max() < 0.004
    (ratio,) = re.findall(r"ratio to the truth ([\d.]+)", said)
    assert float(ratio) == pytest.approx(1.0, abs=0.05)
    (level,) = re.findall(r"bins: ([\d.]+) for 0.00200", said)
    assert float(level) == pytest.approx(0.002, rel=0.05)
    # The comparison says what is missing, and works on what is there
    (folder / "out_peaks" / "cuts" / "peaks.nxs").unlink()
    assert not any("Bragg" in line for line in compare_with_truth(folder))
    # The calibration is what was planted
    known = read_calibration(folder / "calibration.toml")
    assert known.time_zero == f"{1e6 * LATE} us"
    tube = known.tube[5 * 0 + 4]
    assert tube.gain == made.misalignment.gain[tube.arc - 1, tube.channel - 1, tube.tube - 1]
    assert len(known.tube) == 135
    assert len(known.module) == 15


def test_the_centre_of_a_peak() -> None:
    edges = np.linspace(-0.2, 0.2, 81)
    middle = (edges[1:] + edges[:-1]) / 2
    x, y = np.meshgrid(middle, middle, indexing="ij")
    truth = 0.5 + 40 * np.exp(-0.5 * ((x - 0.013) ** 2 + (y + 0.007) ** 2) / 0.015**2)
    counts = np.random.default_rng(1).poisson(truth).astype(float)
    found = peak_centre(edges, edges, counts, (0.0, 0.0), 0.07, counts)
    assert found is not None
    centre, error = found
    assert np.all(np.abs(centre - (0.013, -0.007)) < 4 * error)
    assert np.all(error < 1e-3)
    hole = counts.copy()
    hole[40, 40] = np.nan
    assert peak_centre(edges, edges, hole, (0.0, 0.0), 0.07) is None
    flat = np.random.default_rng(2).poisson(0.5, counts.shape).astype(float)
    assert peak_centre(edges, edges, flat, (0.0, 0.0), 0.07) is None


def test_a_branch_that_does_not_stand_out_is_left_out() -> None:
    shape = (3, 40)
    transfer = np.linspace(0, 2, 41)
    value = np.exp(-0.5 * ((transfer[:-1] - 1.0) / 0.1) ** 2) * np.ones(shape)
    slope = value * (transfer[:-1] - 1.0) / 0.01
    seen = Seen(value, slope, np.ones(shape), np.full(shape, 100.0))
    s = np.random.default_rng(1).poisson(20.0, shape) / 10.0
    s[1] += 10 * value[1]
    found = branch_shifts(np.arange(4.0), transfer, s, np.full(shape, 10.0), seen)
    assert found.h.tolist() == [1.5]
    assert abs(found.value[0]) < 4 * found.error[0]
