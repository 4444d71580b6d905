"""A background that is constant in time, in the bins of a cut."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from numba import cuda
from numpy.typing import NDArray

from ewaldite.spectroscopy.backend import Backend
from ewaldite.spectroscopy.coverage import Coverage, coverage
from ewaldite.spectroscopy.cut import Cut
from ewaldite.spectroscopy.cut_events import EventSums
from ewaldite.spectroscopy.cut_grid import cut_grid
from ewaldite.spectroscopy.cut_sums import (
    covariance_group,
    covariance_matrix,
    sum_bins,
    widen,
)
from ewaldite.spectroscopy.estimators import estimate
from ewaldite.spectroscopy.exposure import Exposure, block, exposure
from ewaldite.spectroscopy.flux import resolved_flux
from ewaldite.spectroscopy.shared_errors import SharedErrors
from ewaldite.spectroscopy.time_background import (
    TimeBackground,
    TimeBackgroundWork,
    time_background,
)
from ewaldite.spectroscopy.time_level import TimeLevel
from spectroscopy.toys import ARCS, CUBIC, PRIMARY, SAMPLE, band, counts_of, fan

FloatArray = NDArray[np.float64]

BAND = band(60)
A4 = np.concatenate([np.linspace(8, 88, 12)] * 5)
E_F = np.repeat(ARCS, 12)
GROUP = np.repeat(np.arange(5), 12)
A3 = np.array([0.0, 30.0, 60.0])
HKL = np.array([[0.0, 0, 1], [0, -1, 0], [1, 0, 0]]) * CUBIC[0, 0]
CUT = Cut(name="c", axes=["h", "energy_transfer"],
          bins={"h": (-2, 3, 0.5), "energy_transfer": (-2, 2.5, 0.5)})  # fmt: skip
MEAN = np.stack([counts_of(2e6 / BAND.energy, BAND, 1 + j) for j in range(3)])
EMPTY_COUNTS = counts_of(3e6 / BAND.energy, BAND)[None]
#: Pulses of the steps, and counts/s of the pixels of each arc.
PULSES = np.array([[3000.0], [5000.0], [8000.0]])
RATE = np.array([0.0, 0.1, 0.3, 0.5, 0.2])
TIME = PULSES * -np.diff(PRIMARY.time(SAMPLE, BAND.edges))
#: In forbidden time, all pixels of an arc together; s.
LIVE = np.full(5, 300.0)
FLAT = 1e-4
REPEATS = 25


def levels(events: FloatArray | None = None) -> TimeLevel:
    number = np.rint(RATE * LIVE) if events is None else events
    return TimeLevel(GROUP, {"arc": np.arange(5)}, number.astype(np.int64), LIVE)


def steps() -> Exposure:
    """Cells of a pixel and of an interval are masked in the second step."""
    whole = exposure(resolved_flux(BAND, MEAN), A3, 0.0, TIME)
    mask = np.zeros((60, len(BAND)), np.bool_)
    mask[7] = True
    mask[:, 20] = True
    return block(whole, [mask], [-1, 0, -1])


@lru_cache
def made(fold: bool = False) -> tuple[EventSums, FloatArray]:
    backend = Backend.ones(np.arange(60) + 1)
    value = np.linspace(0.5, 1.5, 60)
    value[3] = 0.0
    pixel, _, k_f = fan(A4, E_F, replace(backend, value=value))
    operations = np.stack([np.eye(3), -np.eye(3)]).astype(np.int64) if fold else None
    return EventSums(cut_grid(CUT, HKL, operations), pixel, steps()), k_f


def work(level: TimeLevel, fold: bool = False, **options: object) -> TimeBackgroundWork:
    one, _ = made(fold)
    return TimeBackgroundWork(one.grid, one.pixel, one.exposed, level, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("estimator", ["coverage", "event"])
@pytest.mark.parametrize("fold", [False, True])
def test_it_is_the_mean_of_what_is_counted_at_random_times(estimator: str, fold: bool) -> None:
    """Many events at even times, binned as those of any run."""
    one, _ = made(fold)
    sums = EventSums(one.grid, one.pixel, one.exposed)
    rng = np.random.default_rng(5)
    much, window = 600_000, PRIMARY.time(SAMPLE, BAND.edges[[-1, 0]])
    share = RATE[GROUP][:, None] * PULSES[:, 0]
    cell = rng.choice(share.size, much, p=(share / share.sum()).ravel())
    time = rng.uniform(*window, much)
    sums.add(cell // 3, PRIMARY.wavenumber(SAMPLE, time), cell % 3)
    expected = time_background(work(levels(), fold, estimator=estimator)).total
    column = 0 if estimator == "coverage" else 2
    scale = share.sum() * (window[1] - window[0]) / much
    found, spread = sums.sums[:, column] * scale, np.sqrt(sums.sums[:, column + 1]) * scale
    seen = sums.sums[:, 1] > 100
    assert np.count_nonzero(seen) > 35
    pulls = (found - expected)[seen] / spread[seen]
    # cells are straight lines in the cut, which they are not quite
    assert np.abs(pulls).max() < 4.5
    np.testing.assert_allclose(found[seen].sum(), expected[seen].sum(), rtol=2e-3)
    assert not expected[~(one.sums[:, 0] >= 0)].any()


def test_parts_add_up_and_go_through_arrays() -> None:
    whole = work(levels())
    total = time_background(whole)
    again = TimeBackground.of_arrays(total.arrays())
    np.testing.assert_array_equal(again.total, total.total)
    assert (again.root != total.root).nnz == 0
    assert again.exact
    one = replace(whole, level=replace(whole.level, group=np.zeros(60, np.int64)))
    assert len(whole.parts) == 5
    assert total.root.shape == (whole.grid.size, 5)
    assert one.reduce(one.parts[0]).root.shape[1] == 1
    assert one.reduce(one.parts[1]).root.shape[1] == 0


@pytest.mark.filterwarnings("ignore:.*low occupancy")
def test_a_gpu_gives_the_background_of_the_processor() -> None:
    if not cuda.is_available():
        pytest.skip("numba finds no GPU of NVIDIA (or no numba-cuda and driver for it)")
    one, other = (time_background(work(levels(), device=d)) for d in ("gpu", "cpu"))
    np.testing.assert_allclose(one.total, other.total, rtol=1e-11)
    np.testing.assert_allclose(one.root.toarray(), other.root.toarray(), rtol=1e-11)


def test_where_terms_are_too_many_variances_stay_exact_and_covariances_grow() -> None:
    """One part that holds all groups."""
    whole = work(levels())
    everything = replace(whole.parts[0], last=5)
    exact = whole.reduce(everything)
    few = replace(whole, room=1).reduce(everything)
    assert few.root.shape[1] == 1
    assert not few.exact
    np.testing.assert_allclose(few.variance, exact.variance, rtol=1e-12)
    covariances = [(x.root @ x.root.T).toarray() for x in (few, exact)]
    assert np.all(covariances[0] >= covariances[1] * (1 - 1e-12))
    np.testing.assert_array_equal(few.total, exact.total)


def test_errors_are_those_of_the_counts_in_forbidden_time() -> None:
    """Levels drawn anew: variance, and covariance of all bins."""
    rng = np.random.default_rng(6)
    one = work(levels())
    time = np.stack(
        [time_background(replace(one, level=levels(LIVE * (np.arange(5) == g)))).total
         for g in range(5)], axis=1,
    )  # fmt: skip
    expected = time @ RATE
    number = rng.poisson(RATE * LIVE, (2000, 5))
    drawn = number / LIVE @ time.T
    covered = time_background(one)
    predicted = (covered.root @ covered.root.T).toarray()
    np.testing.assert_allclose(covered.total, expected, rtol=1e-9)
    seen = np.flatnonzero(covered.total > 1.0)
    found = np.cov(drawn[:, seen].T)
    size = np.sqrt(np.diag(found))
    # N + 1 in place of N
    excess = time[seen] @ np.diag(1 / LIVE**2) @ time[seen].T
    off = found - (predicted[np.ix_(seen, seen)] - excess)
    assert np.abs(off / np.outer(size, size)).max() < 0.12


def test_no_event_leaves_nothing_to_subtract_but_an_error() -> None:
    nothing = time_background(work(levels(np.zeros(5))))
    assert not nothing.total.any()
    seen = made()[0].exposed.a3.size > 0 and nothing.variance > 0
    assert np.count_nonzero(seen) > 40


@lru_cache
def covered() -> Coverage:
    one, _ = made()
    return coverage(one.grid, one.pixel, one.exposed)


def repeat(rng: np.random.Generator, estimator: str, subtract: bool) -> tuple[FloatArray, ...]:
    """S of a flat scatterer with a background, its variance, and covariance."""
    one, k_f = made()
    weight = one.pixel.table[:, 1]
    sums = EventSums(one.grid, one.pixel, one.exposed)
    for j in range(3):
        flat = FLAT * weight[:, None] * MEAN[j]
        constant = RATE[GROUP][:, None] * TIME[j] * (weight > 0)[:, None]
        for rate, even in ((flat, BAND.edges**2), (constant, PRIMARY.time(SAMPLE, BAND.edges))):
            number = rng.poisson(rate)
            pixel, cell = (
                np.repeat(x, number.ravel()) for x in map(np.ravel, np.indices(rate.shape))
            )
            # even in energy, and even in time
            at = even[cell] + rng.random(cell.size) * (even[cell + 1] - even[cell])
            k = np.sqrt(at) if rate is flat else PRIMARY.wavenumber(SAMPLE, at)
            sums.add(pixel, k, np.full(cell.size, j))
    level = levels(rng.poisson(RATE * LIVE))
    back = time_background(work(level, estimator=estimator)) if subtract else None
    data = estimate(sums, covered(), estimator=estimator, constant=back)  # type: ignore[arg-type]
    s = data["S"]
    assert k_f.size == 60
    return s.values.ravel(), s.variances.ravel(), sums.sums[:, 0]


@pytest.mark.parametrize("estimator", ["coverage", "event"])
def test_s_is_unbiased_with_it_and_biased_without(estimator: str) -> None:
    rng = np.random.default_rng(7)
    values, variances, events = (
        np.array(x)
        for x in zip(*(repeat(rng, estimator, True) for _ in range(REPEATS)), strict=True)
    )
    many = events.mean(axis=0) > 50
    assert np.count_nonzero(many) > 30
    error = values[:, many].std(axis=0) / np.sqrt(REPEATS)
    bias = (values[:, many].mean(axis=0) - FLAT) / error
    assert np.abs(bias).max() < 4.5
    assert np.mean(bias**2) < 2.0
    pulls = (values[:, many] - FLAT) / np.sqrt(variances[:, many])
    assert pulls.std() == pytest.approx(1.0, abs=0.05)
    without, spread, _ = repeat(rng, estimator, False)
    assert np.mean((without[many] - FLAT) / np.sqrt(spread[many])) > 5


def finished(rng: np.random.Generator) -> tuple[object, TimeBackground]:
    one, _ = made()
    sums = EventSums(one.grid, one.pixel, one.exposed)
    pixel = rng.integers(0, 60, 20_000)
    sums.add(pixel, rng.uniform(1.2, 1.5, pixel.size), rng.integers(0, 3, pixel.size))
    back = time_background(work(levels()))
    data = estimate(sums, covered(), constant=back)
    norm = np.where(covered().coverage > 0, covered().coverage, np.inf)
    shared = SharedErrors.of(covered()).subtracting(
        back.root.multiply(1 / norm[:, None]).tocsr(), back.exact
    )
    data["covariance"] = covariance_group(shared, "coverage")
    data["cut"] = CUT.model_dump(mode="json")
    return data, back


def test_sums_of_bins_keep_the_level_s_error() -> None:
    data, back = finished(np.random.default_rng(8))
    again = SharedErrors.from_scipp(data["covariance"])
    assert again.absolute is not None
    seen = covered().coverage > 0
    c = covered().coverage[seen]
    np.testing.assert_allclose(
        data["time_background"].values.ravel()[seen], back.total[seen] / c
    )
    of_level = data["time_background"].variances.ravel()[seen]
    np.testing.assert_allclose(of_level, back.variance[seen] / c**2)
    total = sum_bins(data, np.zeros(data["S"].shape, np.int64))
    norm = covered().coverage.sum()
    subtracted = total["time_background"]
    assert subtracted.values[0] == pytest.approx(back.total[seen].sum() / norm, rel=1e-5)
    ones = np.where(seen, 1.0, 0.0)
    expected = float((back.root.T @ ones) @ (back.root.T @ ones)) / norm**2
    assert subtracted.variances[0] == pytest.approx(expected, rel=1e-5)
    assert expected > 3 * (back.variance[seen] / norm**2).sum()
    s = (np.nansum(data["events"].values) - back.total[seen].sum()) / norm
    assert total["S"].values[0] == pytest.approx(s, rel=1e-5)
    matrix = covariance_matrix(data)
    flat = np.nan_to_num(data["S"].variances.ravel())
    np.testing.assert_allclose(np.diag(matrix), flat, rtol=1e-5)
    weight = covered().coverage * seen / norm
    common = weight @ (matrix - np.diag(np.nan_to_num(
        data["counting_variance"].values.ravel()))) @ weight  # fmt: skip
    assert total["common_variance"].values[0] == pytest.approx(common, rel=1e-4)
    twice = widen(widen(data, "h", 5), "energy_transfer", 9)
    once = sum_bins(data, np.zeros(data["S"].shape, np.int64))
    halves = sum_bins(twice, np.zeros(twice["S"].shape, np.int64))
    np.testing.assert_allclose(halves["S"].variances, once["S"].variances, rtol=1e-5)
