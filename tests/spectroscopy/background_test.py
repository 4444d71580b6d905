"""An empty run that the sample does not turn with."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ewaldite.errors import UserError
from ewaldite.simulate.bifrost_run import Run
from ewaldite.simulate.bifrost_sample import Sample
from ewaldite.spectroscopy.backend import Backend
from ewaldite.spectroscopy.config import read_config
from ewaldite.spectroscopy.coverage import coverage
from ewaldite.spectroscopy.cut import Cut
from ewaldite.spectroscopy.cut_background import turned_background
from ewaldite.spectroscopy.cut_events import EventSums
from ewaldite.spectroscopy.cut_grid import cut_grid
from ewaldite.spectroscopy.estimators import estimate
from ewaldite.spectroscopy.exposure import exposure
from ewaldite.spectroscopy.flux import resolved_flux
from ewaldite.spectroscopy.self_shielding import cylinder_transmission
from ewaldite.spectroscopy.workflow import reduce_cuts
from spectroscopy.simulated_files import (
    PARKED,
    VANADIUM,
    configuration,
    flat_run,
    part,
    vanadium_run,
    write,
)
from spectroscopy.toys import ARCS, CUBIC, band, counts_of, fan

FloatArray = NDArray[np.float64]

BAND = band(60)
A4 = np.concatenate([np.linspace(8, 88, 12)] * 5)
E_F = np.repeat(ARCS, 12)
A3 = np.array([0.0, 30.0, 60.0])
HKL = np.array([[0.0, 0, 1], [0, -1, 0], [1, 0, 0]]) * CUBIC[0, 0]
CUT = Cut(name="c", axes=["h", "energy_transfer"],
          bins={"h": (-2, 3, 0.5), "energy_transfer": (-2, 2.5, 0.5)})  # fmt: skip
MEAN = np.stack([counts_of(2e6 / BAND.energy, BAND, 1 + j) for j in range(3)])
EMPTY = counts_of(3e6 / BAND.energy, BAND)[None]


def setup() -> tuple[EventSums, FloatArray]:
    pixel, _, k_f = fan(A4, E_F, Backend.ones(np.arange(60) + 1))
    steps = exposure(resolved_flux(BAND, MEAN), A3, 0.0)
    return EventSums(cut_grid(CUT, HKL), pixel, steps), k_f


def test_it_is_what_the_empty_rate_makes_at_every_step() -> None:
    """One event in the middle of every cell, of known weight."""
    events, k_f = setup()
    pixel, cell = (x.ravel() for x in np.indices((60, len(BAND))))
    k = BAND.wavenumber[cell]
    factor = np.linspace(0.5, 1.0, 60)
    made = turned_background(events, pixel, k, resolved_flux(BAND, EMPTY), factor)
    by_hand = EventSums(events.grid, events.pixel, events.exposed)
    expected, squares = np.zeros(events.grid.size), np.zeros(events.grid.size)
    for p in range(60):
        for j in range(3):
            mine = pixel == p
            for m in np.flatnonzero(mine):
                by_hand.total.counts[:] = 0
                by_hand.add([p], [k[m]], [j])
                w = factor[p] * MEAN[j, cell[m]] / EMPTY[0, cell[m]]
                hit = by_hand.sums[:, 0] > 0
                expected[hit] += w
                squares[hit] += w**2
    np.testing.assert_allclose(made.total, expected, rtol=1e-9)
    # events that fall into one bin at two steps count once, with both weights
    assert np.all(made.counting >= squares * (1 - 1e-9))
    assert np.any(made.counting > squares * 1.01)
    assert made.lost == 0
    assert k_f.size == 60


def test_errors_cover_the_scatter_of_empty_runs() -> None:
    events, k_f = setup()
    covered = coverage(events.grid, events.pixel, events.exposed)
    rng = np.random.default_rng(8)
    rate = 3e-4 * k_f[:, None] * EMPTY
    totals, variances = [], []
    for _ in range(150):
        number = rng.poisson(rate)
        pixel, cell = (
            np.repeat(x, number.ravel()) for x in map(np.ravel, np.indices(rate.shape))
        )
        low, high = BAND.edges[cell], BAND.edges[cell + 1]
        k = low + rng.random(cell.size) * (high - low)
        read = rng.poisson(EMPTY / 40) * 40.0  # a poor monitor
        flux = resolved_flux(BAND, read, variance=read * 40, minimum_share=0.0)
        made = turned_background(events, pixel, k, flux)
        totals.append(made.total)
        variances.append(made.counting + made.common)
    some = covered.coverage * 3e-4 > 30
    total, variance = np.array(totals)[:, some], np.mean(variances, axis=0)[some]
    # an empty can that scatters as S = 3e-4
    np.testing.assert_allclose(total.mean(axis=0), covered.coverage[some] * 3e-4, rtol=0.05)
    assert np.mean(total.var(axis=0) / variance) == pytest.approx(1.0, abs=0.15)


def test_subtraction_and_its_interval() -> None:
    events, _ = setup()
    covered = coverage(events.grid, events.pixel, events.exposed)
    flux = resolved_flux(BAND, EMPTY)
    made = turned_background(
        events, np.repeat(np.arange(60), 10), np.tile(BAND.wavenumber[5:55:5], 60), flux
    )
    data = estimate(events, covered, background=made)
    seen = ~np.isnan(data["S"].values.ravel())
    c = covered.coverage[seen]
    np.testing.assert_allclose(data["S"].values.ravel()[seen], -made.total[seen] / c)
    expected = (1 + made.counting[seen]) / c**2 + made.common[seen] / c**2
    expected += (made.total[seen] / c) ** 2 * covered.relative_variance()[seen]
    np.testing.assert_allclose(data["S"].variances.ravel()[seen], expected)
    assert np.all(data["lower"].values.ravel()[seen] <= data["S"].values.ravel()[seen])
    with pytest.raises(UserError, match="estimator is 'event'"):
        estimate(events, covered, estimator="event", background=made)


def test_a_can_measured_once_is_taken_from_every_rotation(tmp_path: Path) -> None:
    can = 0.02 * (1.2 + np.cos(6 * np.arctan2(part().direction[:, 0], part().direction[:, 2])))
    both = replace(part(), n_b=part().n_b * (0.01 + can))
    alone = replace(part(), n_b=part().n_b * can)
    full: Run = flat_run(instrument=both, sample=Sample(flat=1.0))
    empty = flat_run(instrument=alone, sample=Sample(flat=1.0), a3=np.zeros(1))
    write(tmp_path / "sample.nxs", full, 1)
    write(tmp_path / "empty.nxs", empty, 2)
    write(tmp_path / "vanadium.nxs", vanadium_run(), 3, monitor="total")
    cut = (
        '[[cut]]\nname = "he"\naxes = ["h", "energy_transfer"]\n'
        "bins = { h = [-2, 2, 0.25], energy_transfer = [-1.5, 1.5, 0.5] }"
    )
    run = '[[run]]\nfile = "sample.nxs"'
    results = []
    for more in ((), ('[background]\nfile = "empty.nxs"',)):
        path = tmp_path / "c.toml"
        path.write_text(configuration(PARKED, run, VANADIUM, cut, *more))
        made = reduce_cuts(
            read_config(path), tmp_path / "out", base=tmp_path, log=logging.getLogger("t")
        )
        results.append(made[1].data["S"])
    with_can, without = results
    many = ~np.isnan(without.values) & (without.variances < 0.004**2)
    assert np.count_nonzero(many) > 25
    assert with_can.values[many].std() > 0.007
    pulls = (without.values[many] - 0.01) / np.sqrt(without.variances[many])
    assert np.abs(pulls.mean()) < 0.8
    assert 0.7 < pulls.std() < 1.4


@pytest.mark.parametrize("angle", [-40.0, 5.0, 90.0])
def test_transmission_of_a_can_s_scattering_against_a_monte_carlo(angle: float) -> None:
    radius, mu_in, mu_out = 4.0, 0.08, 0.05
    rng = np.random.default_rng(4)
    t = rng.uniform(0, 2 * np.pi, 5_000)
    rim = radius * 1.0000001 * np.stack([np.sin(t), np.cos(t)], axis=1)
    steps = (np.arange(400) + 0.5) / 400 * 4 * radius

    def through(direction: FloatArray) -> FloatArray:
        at = rim[:5000, None, :] + steps[None, :, None] * direction
        return (
            np.count_nonzero(np.hypot(at[..., 0], at[..., 1]) < radius, axis=1) * steps[0] * 2
        )

    a = np.deg2rad(angle)
    out = through(np.array([np.sin(a), np.cos(a)]))
    back = through(np.array([0.0, -1.0]))
    expected = np.exp(-mu_in * back - mu_out * out).mean()
    made = cylinder_transmission(radius, np.array([angle]), mu_in, mu_out)[0]
    assert made == pytest.approx(expected, rel=0.01)
