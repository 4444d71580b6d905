"""Sums of bins of a finished cut against the same cut with wider bins."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipp as sc
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

import ewaldite
from ewaldite.errors import UserError
from ewaldite.spectroscopy import shared_errors as module
from ewaldite.spectroscopy.config import read_config
from ewaldite.spectroscopy.coverage import Coverage, coverage
from ewaldite.spectroscopy.cut import Cut
from ewaldite.spectroscopy.cut_background import Background
from ewaldite.spectroscopy.cut_events import EventSums
from ewaldite.spectroscopy.cut_grid import cut_grid
from ewaldite.spectroscopy.cut_sums import (
    covariance_group,
    covariance_matrix,
    sum_bins,
    widen,
)
from ewaldite.spectroscopy.estimators import estimate
from ewaldite.spectroscopy.sample_factor_options import SampleFactorOptions
from ewaldite.spectroscopy.sample_factors import sample_factors
from ewaldite.spectroscopy.shared_errors import SharedErrors
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
from spectroscopy.truth import World

CUT = Cut(
    name="c",
    axes=["Q", "energy_transfer"],
    bins={"Q": (0, 3, 0.25), "energy_transfer": (-2, 2, 0.25)},
)
NAMES = ("S", "counting_variance", "common_variance", "events", "coverage")


@lru_cache
def parts(seed: int = 0) -> tuple[Any, ...]:
    world = World(
        every=45, settings=2, events=3e4, vanadium_events=300 * 50, monitor_counts=1e4
    )
    where = world.intervals(0.25)
    rng = np.random.default_rng(seed)
    backend = world.backend(where, rng)
    run = world.flat
    steps = world.exposure(run, world.flux(run, where, rng))
    counted, k = world.draw(run, rng)
    return world.pixels(backend), steps, counted.pixel, k, counted.setting


def made(
    cut: Cut, terms: int = 4_000_000, background: float = 0.0
) -> tuple[sc.DataGroup, Coverage]:
    pixel, steps, *counted = parts()
    events = EventSums(cut_grid(cut), pixel, steps)
    events.add(*counted)
    covered = coverage(events.grid, pixel, steps, terms=terms)
    empty = None
    if background:
        # of a scatterer that is flat, with an error of 2 % that all bins share
        total = covered.coverage * background
        empty = Background(total, total.copy(), (0.02 * total) ** 2, 0)
    data = estimate(events, covered, background=empty)
    data["covariance"] = covariance_group(SharedErrors.of(covered), "coverage")
    data["cut"] = cut.model_dump(mode="json")
    return data, covered


def check_same(found: sc.DataGroup, expected: sc.DataGroup, rtol: float = 1e-5) -> None:
    for name in NAMES:
        assert found[name].dims == expected[name].dims
        assert found[name].unit == expected[name].unit
        np.testing.assert_allclose(
            found[name].values, expected[name].values, rtol=rtol, err_msg=name
        )
        for axis, coord in expected[name].coords.items():
            np.testing.assert_allclose(found[name].coords[axis].values, coord.values)
    np.testing.assert_allclose(found["S"].variances, expected["S"].variances, rtol=rtol)


@pytest.mark.parametrize(("axis", "factor"), [("Q", 3), ("energy_transfer", 4), ("Q", 1)])
def test_wider_bins(axis: str, factor: int) -> None:
    data, _ = made(CUT)
    check_same(widen(data, axis, factor), made(CUT.widened(axis, factor))[0])


def test_wider_bins_of_both_axes_with_a_background() -> None:
    data, _ = made(CUT, background=0.003)
    wide = widen(widen(data, "Q", 3), "energy_transfer", 2)
    other = CUT.widened("Q", 3).widened("energy_transfer", 2)
    expected, _ = made(other, background=0.003)
    np.testing.assert_allclose(wide["S"].values, expected["S"].values, rtol=1e-6)
    np.testing.assert_allclose(
        wide["common_variance"].values, expected["common_variance"].values, rtol=1e-4
    )
    np.testing.assert_allclose(wide["background"].values, expected["background"].values)


def test_regions_are_what_their_bins_are_over_one_another() -> None:
    data, _ = made(CUT)
    regions = np.full(data["S"].shape, -1)
    regions[:6, :4], regions[6:, 8:] = 0, 2
    found = sum_bins(data, regions)
    assert found["S"].dims == ("region",)
    assert found["S"].masks["no_coverage"].values.tolist() == [False, True, False]
    c, n = data["coverage"].values, np.nan_to_num(data["events"].values)
    for region in (0, 2):
        inside = regions == region
        assert found["events"].values[region] == n[inside].sum()
        s = n[inside].sum() / c[inside].sum()
        assert found["S"].values[region] == pytest.approx(s, rel=1e-12)
        counting = (n[inside].sum() + 1) / c[inside].sum() ** 2
        assert found["counting_variance"].values[region] == pytest.approx(counting, rel=1e-9)
    between = covariance_matrix(found)
    assert between.shape == (3, 3)
    assert between[0, 2] > 0
    np.testing.assert_allclose(np.diag(between)[[0, 2]], found["S"].variances[[0, 2]])


def test_independent_errors_would_be_too_small() -> None:
    data, _ = made(CUT)
    found = sum_bins(data, np.zeros(data["S"].shape, int))
    c = data["coverage"].values
    weight = np.where(c > 0, c, 0) / c.sum()
    independent = np.nansum(weight**2 * data["common_variance"].values)
    assert found["common_variance"].values[0] > 5 * independent


def test_covariance_is_that_of_the_coverage() -> None:
    data, covered = made(CUT)
    bins = np.flatnonzero(covered.coverage > 0)[5:40]
    s, c = data["S"].values.ravel()[bins], covered.coverage[bins]
    expected = covered.covariance(bins) * np.outer(s / c, s / c)
    expected += np.diag(data["counting_variance"].values.ravel()[bins])
    found = covariance_matrix(data, bins)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-9 * expected.max())
    np.testing.assert_allclose(np.diag(found), data["S"].variances.ravel()[bins], rtol=1e-5)


def exact_and_upper() -> list[Callable[[], SharedErrors]]:
    return [
        lambda: SharedErrors.of(made(CUT)[1], most=300),
        lambda: SharedErrors.of(made(CUT)[1], most=1),
        lambda: SharedErrors.of(made(CUT, terms=0)[1]),
    ]


@pytest.mark.parametrize("which", range(3))
def test_fewer_terms_never_make_errors_smaller(which: int) -> None:
    exact = SharedErrors.of(made(CUT)[1])
    assert exact.exact == (True, True, True)
    upper = exact_and_upper()[which]()
    assert not all(upper.exact)
    assert upper.relative.nnz < exact.relative.nnz / 2
    whole, more = ((s.relative @ s.relative.T).toarray() for s in (exact, upper))
    np.testing.assert_allclose(np.diag(more), np.diag(whole), rtol=1e-9)
    assert np.all(more >= whole * (1 - 1e-9))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), most=st.integers(1, 60))
def test_joined_columns(seed: int, most: int) -> None:
    rng = np.random.default_rng(seed)
    dense = rng.exponential(size=(6, 13)) * (rng.random((6, 13)) < 0.5)
    joined, exact = module.joined(csr_array(dense), most, True)
    assert exact == (np.count_nonzero(dense) <= most)
    assert joined.nnz <= max(most, 6)
    np.testing.assert_allclose(
        np.square(joined.toarray()).sum(axis=1), np.square(dense).sum(axis=1)
    )


def test_a_cut_divided_by_factors_is_summed_with_their_weights() -> None:
    data, _ = made(CUT)
    wide, _ = made(CUT.widened("Q", 2))
    factors = sample_factors(SampleFactorOptions(ion="Fe2"), None)
    assert factors is not None
    q = (np.arange(12) + 0.5) * 0.25
    f = np.broadcast_to(factors.radial(q)[:, None], data["S"].shape)
    seen = data["coverage"].values > 0
    divided = factors.divide(data, np.where(seen, f, np.nan).ravel())
    found = widen(divided, "Q", 2)
    c = data["coverage"].values.reshape(6, 2, 16)
    with np.errstate(invalid="ignore"):
        mean = (c * f.reshape(6, 2, 16)).sum(axis=1) / c.sum(axis=1)
        np.testing.assert_allclose(found["S"].values, wide["S"].values / mean, rtol=1e-6)
        np.testing.assert_allclose(
            found["counting_variance"].values, wide["counting_variance"].values / mean**2,
            rtol=1e-5,
        )  # fmt: skip
    np.testing.assert_allclose(found["factor"].values, mean, rtol=1e-6)


def test_a_region_without_events_has_the_error_of_one() -> None:
    data, _ = made(CUT)
    empty = data.copy()
    for name in ("S", "common_variance", "events"):
        empty[name] = data[name].copy()
        empty[name].values = data[name].values * 0.0
    c = data["coverage"].values
    one = data["counting_variance"].copy()
    one.values = np.where(c > 0, 1 / np.where(c > 0, c, 1) ** 2, np.nan)
    empty["counting_variance"] = one
    found = sum_bins(empty, np.zeros(c.shape, int))
    assert found["S"].values[0] == 0
    assert found["S"].variances[0] == pytest.approx(1 / c.sum() ** 2, rel=1e-6)


def test_mistakes() -> None:
    data, _ = made(CUT)
    with pytest.raises(UserError, match=r"has the axes \(and bins\) Q \(12\)"):
        widen(data, "Q", 5)
    with pytest.raises(UserError, match="whole number for each bin"):
        sum_bins(data, np.zeros(3))
    bare = sc.DataGroup({k: v for k, v in data.items() if k != "covariance"})
    with pytest.raises(UserError, match="it has no covariance"):
        sum_bins(bare, np.zeros(data["S"].shape, int))
    other = data.copy()
    other["covariance"] = covariance_group(SharedErrors.of(made(CUT)[1]), "event")
    with pytest.raises(UserError, match="its estimator is 'event'"):
        covariance_matrix(other)


def test_files_hold_it(tmp_path: Path) -> None:
    few = part().select(part().channel == 4)
    write(tmp_path / "sample.nxs", flat_run(instrument=few, pulses=100), monitor="settings")
    write(tmp_path / "vanadium.nxs", replace(vanadium_run(), instrument=few), 3)
    path = tmp_path / "c.toml"
    path.write_text(configuration(PARKED, '[[run]]\nfile = "sample.nxs"', VANADIUM))
    out, log = tmp_path / "out", logging.getLogger("t")
    data = reduce_cuts(read_config(path), out, base=tmp_path, log=log)[0].data
    stored = ewaldite.load(out / "cuts" / "e.nxs")
    assert stored["covariance"]["causes"] == ["pixels", "monitor", "vanadium's monitor"]
    wide = widen(stored, "energy_transfer", 4)
    check_same(wide, widen(data, "energy_transfer", 4), rtol=1e-12)
    share = wide["common_variance"].values / wide["S"].variances
    assert np.all((share > 0.01) & (share < 1.0))
