from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipp as sc
from numpy.typing import NDArray

from ewaldite.crystal.symmetry import space_group
from ewaldite.errors import UserError
from ewaldite.model.uncertainty import garwood
from ewaldite.spectroscopy.backend import Backend
from ewaldite.spectroscopy.coverage import coverage
from ewaldite.spectroscopy.cut import Cut
from ewaldite.spectroscopy.cut_events import EventSums
from ewaldite.spectroscopy.cut_grid import CutGrid, cut_grid
from ewaldite.spectroscopy.estimators import estimate
from ewaldite.spectroscopy.exposure import Exposure, exposure
from ewaldite.spectroscopy.flux import resolved_flux
from spectroscopy.toys import ARCS, CUBIC, band, counts_of, fan

FloatArray = NDArray[np.float64]

BAND = band(120)
A4 = np.concatenate([np.linspace(8, 88, 40)] * 5)
E_F = np.repeat(ARCS, 40) * (1 + 0.01 * np.tile(np.linspace(0, 1, 40), 5))
A3 = np.array([0.0, 7.0, 14.0])
N_B = Backend(
    np.arange(200) + 1,
    np.random.default_rng(1).uniform(0.5, 1.5, 200),
    np.full(200, 4e-4),
    np.zeros(200, np.int64),
    np.full((1, 1), 0.01),
)
CUT = Cut(
    name="c",
    axes=["h", "energy_transfer"],
    bins={"h": (-2, 3, 0.25), "energy_transfer": (-2, 2.5, 0.25)},
    integrate={"l": (-2, 0.4)},
)
HKL = np.array([[0.0, 0, 1], [0, -1, 0], [1, 0, 0]]) * CUBIC[0, 0]
MEAN = np.stack([counts_of(3e6 / BAND.energy, BAND, 1 + j) for j in range(3)])


def drawn(s: float, rng: np.random.Generator) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Events of a flat scatterer, from the rate Φ ΔE N_b k_f/k_i S of every cell."""
    _, _, k_f = fan(A4, E_F, N_B)
    rate = s * MEAN[:, None, :] * (N_B.value * k_f)[None, :, None]
    number = rng.poisson(rate)
    step, pixel, cell = (
        np.repeat(x, number.ravel()) for x in map(np.ravel, np.indices(rate.shape))
    )
    low, high = BAND.edges[cell], BAND.edges[cell + 1]
    return pixel, low + rng.random(cell.size) * (high - low), step


def setup(grid: CutGrid, counts: FloatArray = MEAN) -> tuple[EventSums, Exposure]:
    pixel, _, _ = fan(A4, E_F, N_B)
    steps = exposure(resolved_flux(BAND, counts), A3, 12.0)
    return EventSums(grid, pixel, steps), steps


def test_both_estimators_find_a_flat_scatterer() -> None:
    grid = cut_grid(CUT, HKL)
    events, steps = setup(grid)
    events.add(*drawn(3e-4, np.random.default_rng(7)))
    covered = coverage(grid, events.pixel, steps)
    for name in ("coverage", "event"):
        made = estimate(events, covered, estimator=name)["S"]  # type: ignore[arg-type]
        many = ~np.isnan(made.values) & (covered.coverage.reshape(grid.shape) * 3e-4 > 15)
        pulls = (made.values[many] / 3e-4 - 1) / np.sqrt(made.variances[many]) * 3e-4
        assert np.count_nonzero(many) > 60
        assert abs(pulls.mean()) < 0.35
        assert pulls.std() == pytest.approx(1.0, abs=0.25)
    assert events.reasons["in_cut"] == events.sums[:, 0].sum()


def test_empty_bins_have_an_error_and_uncovered_ones_are_absent() -> None:
    grid = cut_grid(CUT, HKL)
    events, steps = setup(grid)
    covered = coverage(grid, events.pixel, steps)
    made = estimate(events, covered)
    absent = made["S"].masks["no_coverage"].values
    assert 0 < np.count_nonzero(absent) < absent.size
    assert np.all(np.isnan(made["S"].values[absent]))
    assert np.all(made["S"].values[~absent] == 0)
    c = covered.coverage.reshape(grid.shape)[~absent]
    np.testing.assert_allclose(made["S"].variances[~absent], 1 / c**2, rtol=1e-12)
    np.testing.assert_allclose(made["upper"].values[~absent], garwood(0)[1] / c)
    by_event = estimate(events, covered, estimator="event")["S"].variances[~absent]
    np.testing.assert_allclose(by_event, 1 / c**2, rtol=1e-12)


def test_one_event_against_the_formulas() -> None:
    grid = cut_grid(CUT, HKL)
    events, steps = setup(grid)
    k = BAND.wavenumber[70]
    events.add([90], [k], [1])
    covered = coverage(grid, events.pixel, steps)
    _, _, k_f = fan(A4, E_F, N_B)
    phi = resolved_flux(BAND, MEAN).density[1, 70]
    weight = 1 / (phi * N_B.value[90] * k_f[90] / k)
    (hit,) = np.flatnonzero(events.sums[:, 0])
    np.testing.assert_allclose(events.sums[hit], [1, 1, weight, weight**2], rtol=1e-5)
    made = estimate(events, covered)
    s = 1 / covered.coverage[hit]
    relative = covered.relative_variance()[hit]
    assert made["S"].values.flat[hit] == pytest.approx(s)
    assert made["S"].variances.flat[hit] == pytest.approx(2 * s**2 + s**2 * relative)
    # vanadium: 1 % common to all pixels is 1 % of S
    assert covered.by_mode()[hit, 0] / covered.coverage[hit] == pytest.approx(0.01)
    total = (
        made["counting_variance"].values.flat[hit] + made["common_variance"].values.flat[hit]
    )
    assert total == pytest.approx(made["S"].variances.flat[hit])
    by_event = estimate(events, covered, estimator="event")
    assert by_event["S"].values.flat[hit] == pytest.approx(
        weight / covered.width[hit], rel=1e-5
    )


def test_reasons_are_counted() -> None:
    grid = cut_grid(CUT, HKL)
    table = replace(N_B, value=N_B.value.copy())
    table.value[3] = 0.0
    pixel, _, _ = fan(A4, E_F, table)
    counts = MEAN.copy()
    counts[:, 100] = 1.0
    events = EventSums(grid, pixel, exposure(resolved_flux(BAND, counts), A3, 12.0))
    k = BAND.wavenumber
    events.add([90, 3, 90, 90, 90], [k[70], k[70], k[100], 9.0, k[70]], [0, 0, 0, 0, -1])
    assert events.reasons == {
        "in_cut": 1, "outside": 0, "no_pixel": 1, "no_flux": 2, "no_step": 1, "masked": 0
    }  # fmt: skip


def test_angles_of_their_own_are_those_of_the_step_where_they_are_equal() -> None:
    for operations in (None, space_group("P 2").point_operations):
        grid = cut_grid(CUT, HKL, operations)
        still, _ = setup(grid)
        moving, _ = setup(grid)
        pixel, k, step = drawn(2e-5, np.random.default_rng(3))
        still.add(pixel, k, step)
        moving.add(pixel, k, step, a3=A3[step], a4=12.0)
        np.testing.assert_allclose(still.sums, moving.sums, rtol=1e-12)
        np.testing.assert_array_equal(still.total.tally, moving.total.tally)
        with pytest.raises(UserError, match="without a4"):
            moving.add(pixel, k, step, a3=A3[step])


def test_an_event_in_a_bin_twice_is_not_two_events() -> None:
    """A mirror that leaves the bin alone doubles signal and coverage, not what is known."""
    cut = Cut(name="m", axes=["energy_transfer"], bins={"energy_transfer": (-2, 2.5, 0.5)},
              integrate={"h": (-2, 2), "l": (-2, 2)})  # fmt: skip
    results = []
    for operations in (None, space_group("P 2").point_operations):
        grid = cut_grid(cut, HKL, operations)
        events, steps = setup(grid)
        events.add(*drawn(3e-4, np.random.default_rng(7)))
        results.append(estimate(events, coverage(grid, events.pixel, steps)))
    once, twice = results
    np.testing.assert_allclose(twice["S"].values, once["S"].values, rtol=1e-9)
    np.testing.assert_allclose(twice["S"].variances, once["S"].variances, rtol=2e-3)


def test_results_are_scipp_with_the_axes_of_the_cut() -> None:
    grid = cut_grid(CUT, HKL)
    events, steps = setup(grid)
    made = estimate(events, coverage(grid, events.pixel, steps), unit="barn/meV/sr")
    s = made["S"]
    assert s.dims == ("h", "energy_transfer")
    assert s.unit == sc.Unit("barn/meV/sr")
    assert s.coords["energy_transfer"].unit == "meV"
    assert s.coords.is_edges("h")
    assert made["events"].unit == "counts"
