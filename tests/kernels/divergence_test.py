"""Divergences and their changes: mdx-lib's numbers, and the definition written out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import poisson

from ewaldite.kernels import divergence
from ewaldite.kernels.median import ball_sum
from ewaldite.kernels.sparse_histogram import compress

ORACLE = json.loads((Path(__file__).parents[1] / "oracles" / "filter.json").read_text())
CASES = {case["name"][0]: case for case in ORACLE["cases"]}
LEAST_RATE = 1e-3


def numbers(values):
    return np.array([np.nan if x is None else float(x) for x in values])


class Neighbourhoods:
    """A case with all that the kernels want; a rate of zero is floored."""

    def __init__(self, histogram, rows, rate):
        self.histogram, self.rows = histogram.astype(np.uint32), rows
        self.rate = np.where(rate > 0, rate, LEAST_RATE)
        self.table = divergence.entropy_table()
        self.everyone = np.ones(len(rows), dtype=bool)
        self.sparse, self.bins = compress(self.histogram), histogram.shape[1]
        self.moment = divergence.moments(self.sparse, self.bins)
        self.entropy = divergence.entropies(
            self.sparse, self.bins, rows, self.everyone, self.table
        )
        columns = [np.ascontiguousarray(m) for m in self.moment.T]
        self.pooled = np.stack([ball_sum(m, rows, self.everyone) for m in columns], axis=1)

    @classmethod
    def of(cls, name):
        case = CASES[name]
        histogram = np.zeros((case["numRows"], case["maxCount"] + 1))
        for row, count, pixels in case["hist_row_count_npix"]:
            histogram[row - 1, count] = pixels
        rows = np.full((case["numRows"], max(map(len, case["neighborList"]))), -1, np.int32)
        for v, neighbours in enumerate(case["neighborList"]):
            rows[v, : len(neighbours)] = np.array(neighbours) - 1
        return cls(histogram, rows, numbers(case["weightedMedian"]))

    @property
    def state(self):
        return (
            self.everyone,
            self.rows,
            self.sparse,
            self.bins,
            self.moment,
            self.entropy,
            self.pooled,
            self.rate,
            self.table,
        )

    def divergences(self):
        return divergence.divergences(self.entropy, self.pooled, self.rate)

    def changes(self):
        return divergence.removal_changes(self.everyone, *self.state)


def written_out(pool, rate):
    """Sum of P ln(P/Q) over the counts that occur."""
    if pool.sum() == 0:
        return 0.0
    p = pool / pool.sum()
    q = poisson.pmf(np.arange(p.size), rate)
    return float((p[p > 0] * np.log(p[p > 0] / q[p > 0])).sum())


@pytest.mark.parametrize("name", "ABCDE")
def test_divergences_of_mdx_lib(name):
    case = CASES[name]
    sound = numbers(case["weightedMedian"]) > 0
    found = Neighbourhoods.of(name).divergences()
    expected = numbers(case["dkl"])
    np.testing.assert_allclose(found[sound], expected[sound], rtol=1e-9, atol=1e-14)
    assert np.isfinite(found).all()  # where mdx-lib has infinities, after a median of zero


@pytest.mark.parametrize(("name", "least"), [("A", 324), ("C", 5), ("E", 60)])
def test_changes_of_mdx_lib(name, least):
    case, hood = CASES[name], Neighbourhoods.of(name)
    median = numbers(case["weightedMedian"])
    found, expected = hood.changes(), numbers(case["deltaDkl"])
    alone = (hood.rows >= 0).sum(axis=1) == 1
    sound = np.array([all(median[r[r >= 0]] > 0) for r in hood.rows]) & ~alone
    assert sound.sum() >= least
    np.testing.assert_allclose(found[sound], expected[sound], rtol=1e-9, atol=1e-12)


def test_order_outliers_and_what_is_left_of_mdx_lib():
    case, hood = CASES["A"], Neighbourhoods.of("A")
    order = np.argsort(hood.changes(), kind="stable")
    assert (order + 1).tolist() == case["ixorder"]
    out = divergence.remove_in_order(order, True, *hood.state)
    assert (np.flatnonzero(out) + 1).tolist() == case["isOutlier_rows"]
    np.testing.assert_allclose(
        hood.divergences(), numbers(case["dklOut"]), rtol=1e-9, atol=1e-13
    )


def test_isolated_voxel_is_undecided_where_mdx_lib_masks_it():
    hood = Neighbourhoods.of("C")
    assert CASES["C"]["isOutlier_rows"] == [3, 5]
    change = hood.changes()
    assert change[4] == 0.0
    order = np.argsort(change, kind="stable")
    out = divergence.remove_in_order(order, True, *hood.state)
    assert (np.flatnonzero(out) + 1).tolist() == [3]


def test_two_isolated_voxels_end_well_where_mdx_lib_fails():
    hood = Neighbourhoods.of("D")
    before = hood.divergences()
    out = divergence.remove_in_order(np.array([1, 0]), True, *hood.state)
    assert not out.any()
    np.testing.assert_array_equal(hood.divergences(), before)


def test_zero_medians_do_not_switch_the_filter_off():
    # B: mdx-lib finds none of the fifteen planted rows, all divergences being infinite
    case, hood = CASES["B"], Neighbourhoods.of("B")
    assert case["isOutlier_rows"] == []
    order = np.argsort(hood.changes(), kind="stable")
    out = divergence.remove_in_order(order, False, *hood.state)
    planted = np.array(case["planted_rows_1based"]) - 1
    assert out[planted].sum() >= 8


histograms = st.lists(
    st.lists(st.integers(0, 30), min_size=5, max_size=5), min_size=2, max_size=6
)


@settings(deadline=None, max_examples=60)
@given(histograms, st.floats(0.02, 20))
def test_kernels_agree_with_the_definition(histogram, rate):
    histogram = np.array(histogram)
    n = len(histogram)
    rows = np.tile(np.arange(n, dtype=np.int32), (n, 1))
    hood = Neighbourhoods(histogram, rows, np.full(n, rate))
    total = histogram.sum(axis=0)
    plain = written_out(total, rate)
    np.testing.assert_allclose(hood.divergences(), plain, rtol=1e-9, atol=1e-9)
    for v, change in enumerate(hood.changes()):
        left = total - histogram[v]
        expected = n * (written_out(left, rate) - plain) if left.sum() else 0.0
        assert change == pytest.approx(expected, rel=1e-7, abs=1e-7)


@settings(deadline=None, max_examples=30)
@given(histograms)
def test_what_is_left_is_as_if_made_anew(histogram):
    histogram = np.array(histogram)
    n = len(histogram)
    rows = np.tile(np.arange(n, dtype=np.int32), (n, 1))
    hood = Neighbourhoods(histogram, rows, np.full(n, 1.5))
    out = divergence.remove_in_order(np.arange(n), False, *hood.state)
    left = histogram[~out].sum(axis=0)
    counts = np.arange(left.size)
    np.testing.assert_allclose(hood.pooled[:, 0], left.sum())
    np.testing.assert_allclose(hood.pooled[:, 1], left @ counts)
    np.testing.assert_allclose(hood.divergences(), written_out(left, 1.5), atol=1e-9)


def test_large_pools_leave_the_table():
    histogram = np.array([[100_000, 90_000, 50_000], [3, 2, 1]])
    rows = np.array([[0, 1], [0, 1]], np.int32)
    hood = Neighbourhoods(histogram, rows, np.full(2, 0.8))
    expected = written_out(histogram.sum(axis=0), 0.8)
    np.testing.assert_allclose(hood.divergences(), expected, rtol=1e-10)


def test_only_candidates_are_worked_out():
    hood = Neighbourhoods.of("A")
    some = np.zeros(len(hood.rows), dtype=bool)
    some[[3, 160]] = True
    change = divergence.removal_changes(some, *hood.state)
    assert np.isfinite(change[some]).all()
    assert np.isnan(change[~some]).all()


@settings(deadline=None, max_examples=40)
@given(histograms, st.floats(0.02, 20), st.integers(2, 9))
def test_more_of_the_same_pixels_diverge_as_much(histogram, rate, times):
    histogram = np.array(histogram)
    rows = np.arange(len(histogram), dtype=np.int32)[:, None]
    rates = np.full(len(histogram), rate)
    once = Neighbourhoods(histogram, rows, rates).divergences()
    often = Neighbourhoods(times * histogram, rows, rates).divergences()
    np.testing.assert_allclose(often, once, rtol=1e-9, atol=1e-9)
    assert (once > -1e-12).all()


@settings(deadline=None, max_examples=30)
@given(histograms, st.integers(0, 99))
def test_moments_are_sums_over_pixels(histogram, seed):
    histogram = np.array(histogram)
    counts = np.arange(histogram.shape[1])
    log_factorial = np.cumsum(np.log(np.maximum(counts, 1)))
    sparse = compress(histogram.astype(np.uint32))
    moment = divergence.moments(sparse, counts.size)
    np.testing.assert_allclose(moment[:, 0], histogram.sum(axis=1))
    np.testing.assert_allclose(moment[:, 1], histogram @ counts)
    np.testing.assert_allclose(moment[:, 2], histogram @ log_factorial, rtol=1e-12, atol=1e-12)
    use = np.random.default_rng(seed).random(len(histogram)) < 0.5
    rows = np.tile(np.arange(len(histogram), dtype=np.int32), (len(histogram), 1))
    table = divergence.entropy_table()
    entropy = divergence.entropies(sparse, counts.size, rows, use, table)
    pool = histogram[use].sum(axis=0).astype(np.float64)
    expected = (pool * np.log(np.maximum(pool, 1))).sum()
    np.testing.assert_allclose(entropy, expected, rtol=1e-12, atol=1e-12)


def test_poisson_counts_hardly_diverge_and_a_peak_does():
    rng = np.random.default_rng(0)
    drawn = np.bincount(rng.poisson(1.5, 20_000), minlength=30)[:30]
    peak = drawn.copy()
    peak[25] += 50
    rows = np.array([[0], [1]], np.int32)
    quiet, loud = Neighbourhoods(np.array([drawn, peak]), rows, np.full(2, 1.5)).divergences()
    # twice the pixels times the divergence is chi-squared of some ten bins
    assert 0 <= 2 * 20_000 * quiet < 40
    assert 2 * 20_000 * loud > 1000
