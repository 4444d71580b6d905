"""Weighted medians: mdx-lib's definition, and properties."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.kernels.median import (
    ball_any,
    ball_deviation,
    ball_median,
    ball_sum,
    weighted_median,
)

ORACLE = json.loads((Path(__file__).parents[1] / "oracles" / "filter.json").read_text())
# In this one the tie (2, 2) is broken by its place in the list, which we do not inherit; the
# same pairs in our order are another entry.
ORDER_OF_TIES = {"rate": [2, 2, 5], "weight": [9, 1, 2]}

pairs = st.lists(
    st.tuples(st.sampled_from([0.0, 0.5, 1.0, 1.25, 3.0, 8.0]), st.integers(1, 9)),
    min_size=1,
    max_size=40,
)


def definition(rate, weight):
    """Sort, then interpolate linearly between the middles of the weights."""
    order = np.lexsort((weight, rate))
    rate, weight = np.asarray(rate)[order], np.asarray(weight, dtype=float)[order]
    middle = (np.cumsum(weight) - weight / 2) / weight.sum()
    return np.interp(0.5, middle, rate)


@pytest.mark.parametrize("unit", ORACLE["weightedMedian_unit"], ids=str)
def test_weighted_medians_of_mdx_lib(unit):
    found = weighted_median(np.array(unit["rate"], float), np.array(unit["weight"], float))
    if {k: unit[k] for k in ORDER_OF_TIES} == ORDER_OF_TIES:
        assert found == pytest.approx(2.2727272727272725, rel=1e-12)
    else:
        assert found == pytest.approx(unit["weightedMedian"], rel=1e-12, abs=1e-15)


@settings(deadline=None)
@given(pairs)
def test_quickselect_is_the_definition(pairs):
    rate, weight = (np.array(x, dtype=float) for x in zip(*pairs, strict=True))
    assert weighted_median(rate, weight) == pytest.approx(definition(rate, weight), abs=1e-12)


@settings(deadline=None)
@given(pairs, st.randoms(use_true_random=False))
def test_order_does_not_matter(pairs, random):
    shuffled = list(pairs)
    random.shuffle(shuffled)
    a, b = (
        weighted_median(*(np.array(x, dtype=float) for x in zip(*p, strict=True)))
        for p in (pairs, shuffled)
    )
    assert a == b


@settings(deadline=None)
@given(pairs, st.floats(0.1, 10), st.floats(0.1, 10))
def test_median_scales_with_rates_and_not_with_weights(pairs, a, b):
    rate, weight = (np.array(x, dtype=float) for x in zip(*pairs, strict=True))
    plain = weighted_median(rate, weight)
    assert rate.min() <= plain <= rate.max()
    assert weighted_median(a * rate, weight) == pytest.approx(a * plain, rel=1e-12)
    assert weighted_median(rate, b * weight) == pytest.approx(plain, rel=1e-9, abs=1e-9)


def test_no_weight_has_no_median():
    assert np.isnan(weighted_median(np.array([1.0, 2.0]), np.zeros(2)))
    assert weighted_median(np.array([1.0, 2.0]), np.array([0.0, 3.0])) == 2.0


def oracle_case(case):
    histogram = np.zeros((case["numRows"], case["maxCount"] + 1))
    for row, count, pixels in case["hist_row_count_npix"]:
        histogram[row - 1, count] = pixels
    rows = np.full((case["numRows"], max(map(len, case["neighborList"]))), -1, np.int32)
    for v, neighbours in enumerate(case["neighborList"]):
        rows[v, : len(neighbours)] = np.array(neighbours) - 1
    pixels = histogram.sum(axis=1)
    counts = histogram @ np.arange(case["maxCount"] + 1.0)
    return counts / np.maximum(pixels, 1), pixels, rows


@pytest.mark.parametrize("case", ORACLE["cases"], ids=lambda c: c["name"][0])
def test_ball_medians_of_mdx_lib_where_no_ties_are(case):
    rate, pixels, rows = oracle_case(case)
    all_voxels = np.ones(rate.size, dtype=bool)
    found = np.empty(rate.size)
    ball_median(rate, pixels, rows, all_voxels, all_voxels, found)
    compared = 0
    for v, neighbours in enumerate(rows):
        u = [u for u in neighbours if u >= 0 and pixels[u] > 0]
        by_weight = definition(rate[u], pixels[u])
        assert found[v] == pytest.approx(by_weight, abs=1e-12)
        if len(set(rate[u])) == len(u) and (pixels[neighbours[neighbours >= 0]] > 0).all():
            compared += 1
            assert found[v] == pytest.approx(case["weightedMedian"][v], rel=1e-9)
    assert compared >= {"A": 70, "C": 1, "D": 2}.get(case["name"][0], 0)


def test_voxels_left_out_and_not_asked_for():
    rate = np.array([1.0, 5.0, 9.0])
    rows = np.array([[0, 1, 2], [0, 1, -1], [2, -1, -1]], np.int32)
    use = np.array([True, True, False])
    out = np.full(3, -7.0)
    ball_median(rate, np.ones(3), rows, use, np.array([True, False, True]), out)
    assert out[:2].tolist() == [3.0, -7.0]
    assert np.isnan(out[2])
    assert ball_sum(rate, rows, use).tolist() == [6.0, 6.0, 0.0]
    assert ball_any(np.array([False, False, True]), rows).tolist() == [True, False, True]


def test_median_absolute_deviation():
    rate = np.array([1.0, 2.0, 4.0, 8.0, 100.0])
    rows = np.tile(np.arange(5, dtype=np.int32), (5, 1))
    use = np.ones(5, dtype=bool)
    found = ball_deviation(rate, np.ones(5), np.full(5, 4.0), rows, use)
    assert found.tolist() == [3.0] * 5  # the median of 3, 2, 0, 4, 96
