"""A known dispersion and Bragg peaks, simulated event by event and reduced by the chain."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipp as sc

from ewaldite.simulate.bifrost import Bifrost, bifrost
from ewaldite.simulate.bifrost_file import Logged, write_run
from ewaldite.simulate.bifrost_found import Shifts, branch_shifts, peak_centre
from ewaldite.simulate.bifrost_run import Run
from ewaldite.simulate.bifrost_sample import Dispersion, Sample
from ewaldite.simulate.bifrost_seen import CutBins, see
from ewaldite.simulate.bifrost_source import Source
from ewaldite.spectroscopy.config import read_config
from ewaldite.spectroscopy.workflow import reduce_cuts

HEAD = """
[primary]
mode = "{mode}"
wavelengths = [3, 7]
{emission}
[sample]
cell = [5, 5, 5, 90, 90, 90]
u = [1, 0, 0]
v = [0, 0, 1]
"""
BRANCH = """
[[cut]]
name = "branch"
axes = ["h", "energy_transfer"]
bins = { h = [-1.2, 1.2, 0.05], energy_transfer = [0.1, 1.6, 0.02] }
integrate = { k = [-0.1, 0.1], l = [-1.05, -0.95] }
"""
ELASTIC = """
[[cut]]
name = "elastic"
axes = ["h", "l"]
bins = { h = [-0.1, 1.1, 0.01], l = [-1.1, -0.9, 0.01] }
integrate = { k = [-0.1, 0.1], energy_transfer = [-0.15, 0.15] }
"""


def instrument(*arcs: int) -> Bifrost:
    """Arcs whose pixels all count alike, so that no vanadium is needed."""
    whole = bifrost()
    part = whole.select(np.isin(whole.arc, arcs))
    return replace(part, n_b=np.full(part.n_b.size, part.n_b.mean()))


def source(mode: str, opening: float = 0.3e-3) -> Source:
    return Source(mode=mode, psc_time=9.35e-3, opening=opening, flux=4e5)  # type: ignore[arg-type]


def reduced(folder: Path, runs: list[Run], cut: str) -> sc.DataGroup[Any]:
    """Write, reduce and give the cut."""
    one, text = runs[0].source, ""
    for number, run in enumerate(runs):
        rng = np.random.default_rng(number)
        write_run(folder / f"{number}.nxs", run, rng, Logged(band_choppers=True))
        text += f'[[run]]\nfile = "{number}.nxs"\n'
    emission = f'emission_time = "{one.mean_emission} s"' if one.mode == "parked" else ""
    path = folder / "c.toml"
    path.write_text(text + HEAD.format(mode=one.mode, emission=emission) + cut)
    log = logging.getLogger("truth")
    return reduce_cuts(read_config(path), folder / "out", base=folder, log=log)[0].data


def shifts(data: sc.DataGroup[Any], run: Run, late: int) -> Shifts:
    s, coverage = data["S"], data["coverage"].values
    h, transfer = s.coords["h"].values, s.coords["energy_transfer"].values
    bins = CutBins(h, transfer, l=(-1.05, -0.95))
    seen = see(run, bins, draws=5_000_000, late=late)
    return branch_shifts(h, transfer, s.values, coverage, seen)


@pytest.mark.parametrize("mode", ["spinning", "parked"])
def test_a_dispersion_is_found_at_every_q(mode: str, tmp_path: Path) -> None:
    branch = Dispersion(gap=0.3, height=1.0, width=0.03, strength=0.03)
    a3 = np.arange(0.0, 90.0, 4.0)
    sample = Sample(flat=6e-4, dispersion=branch)
    run = Run(instrument(1, 3), source(mode), sample, a3, a4=50.0, pulses=1000,
              monitor_scale=0.002, final_spread=0.004)  # fmt: skip
    data = reduced(tmp_path, [run], BRANCH)
    # Spinning, the resolution may be left out of the fit; parked it is correlated with hkl
    found = shifts(data, run, late=1 if mode == "spinning" else 12)
    assert found.value.size > 35
    assert found.wrong == 0
    assert np.sqrt(np.mean((found.value / found.error) ** 2)) < 1.3
    assert np.median(found.misfit) < 1.3
    np.testing.assert_allclose(np.average(found.value, weights=found.error**-2), 0, atol=0.001)
    if mode == "parked":
        blind = shifts(data, run, late=1)
        assert np.median(blind.misfit) > 3.0
    else:
        assert np.median(found.error) < 0.0015


def test_a_fit_that_is_off_is_seen() -> None:
    """Shifts of the branch are found as they are, from counts that are drawn."""
    branch = Dispersion(gap=0.3, height=1.0, width=0.03, strength=1.0)
    a3 = np.arange(0.0, 90.0, 3.0)
    run = Run(instrument(1), source("spinning"), Sample(dispersion=branch), a3, a4=50.0)
    bins = CutBins(np.linspace(-1.0, 0.0, 21), np.linspace(0.1, 1.6, 76))
    seen = see(run, bins, draws=6_000_000, late=1)
    higher = replace(run, sample=Sample(dispersion=replace(branch, gap=0.308)))
    other = see(higher, bins, draws=6_000_000, late=1)
    coverage = np.full(seen.value.shape, 50.0)
    rng = np.random.default_rng(3)
    counts = rng.poisson(np.nan_to_num(other.value) * coverage)
    s = np.where(seen.cells > 0, counts / coverage, np.nan)
    found = branch_shifts(bins.h, bins.transfer, s, coverage, seen)
    assert found.value.size > 10
    pulls = (found.value - 0.008) / found.error
    assert np.abs(pulls).max() < 4.0
    assert found.wrong > found.value.size // 2


@pytest.mark.parametrize("mode", ["spinning", "parked"])
def test_bragg_peaks_are_where_they_are(mode: str, tmp_path: Path) -> None:
    peaks = {(1, -1): -7.25, (0, -1): 25.5}
    a3 = np.concatenate([at + np.arange(-3.25, 3.3, 0.25) for at in peaks.values()])
    sample = Sample(elastic=2e-4, bragg=0.2, mosaic=0.016, elastic_width=0.01)
    one = Run(instrument(3), source(mode), sample, a3, a4=45.0, pulses=200,
              monitor_scale=5e-4, final_spread=0.004)  # fmt: skip
    # Channels are 10 degrees apart and 5.6 wide: two tank angles fill the gaps
    s = reduced(tmp_path, [one, replace(one, a4=50.0)], ELASTIC)["S"]
    h, m = s.coords["h"].values, s.coords["l"].values
    for at in peaks:
        peak = peak_centre(h, m, s.values, at, 0.045, s.variances)
        assert peak is not None, at
        centre, error = peak
        assert np.abs(centre - at).max() < 0.002, (at, centre, error)
        assert error.max() < 0.001
