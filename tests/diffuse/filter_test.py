"""The filter as a whole: power, false alarms, reasons, and what must not matter."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from diffuse.filter_world import make_world
from ewaldite.diffuse.filter import filter_wedge
from ewaldite.diffuse.filter_options import FilterOptions
from ewaldite.diffuse.histograms import Histograms
from ewaldite.errors import UserError
from ewaldite.model.grid import Grid

# Sharper than the defaults, which allow for a rougher diffuse signal
SHARP = {"threshold": 3.0, "divergence_threshold": 2.75}

GRID = Grid((3, 3, 3))


def filtered_data(index, histogram, *rest):
    return filter_wedge(GRID, index, Histograms.of(histogram), *rest)


def filtered(world, **options):
    return filtered_data(*world.data, FilterOptions(**{**SHARP, **options}))


@pytest.fixture(scope="module")
def sharp():
    """Bright and sharp: Wilson's distribution of acentric intensities, mean 300 sigma."""
    return make_world(1, node_sigma=lambda rng, n: rng.exponential(300.0, n), tails=0.001)


@pytest.fixture(scope="module")
def every_height():
    """As many peaks from 0.1 to 1 sigma as from 10 to 100, with wide tails."""
    return make_world(
        2, node_sigma=lambda rng, n: np.exp(rng.uniform(np.log(0.1), np.log(300), n))
    )


@pytest.fixture(scope="module")
def clean():
    return make_world(3)


def test_what_is_asked_of_the_filter(sharp):
    mask = filtered(sharp).mask
    above = sharp.sigma > 6
    assert above.sum() > 900
    assert mask[above].mean() >= 0.99
    assert mask[~above].mean() < 0.01


def test_power_curve(every_height):
    result = filtered(every_height)
    sigma = every_height.sigma
    edges = [0, 0.01, 1, 2, 3, 4, 5, 6, 8, 10, 15, np.inf]
    curve = [result.mask[(sigma >= a) & (sigma < b)].mean() for a, b in pairwise(edges)]
    assert curve[0] < 0.003  # no peak at all
    assert curve[1] < 0.01
    assert 0.1 < curve[4] < 0.7  # 3 to 4 sigma, as a threshold of 3 sigma must
    assert curve[7] > 0.93
    assert curve[8] > 0.97
    assert min(curve[9:]) > 0.995
    assert result.mask[sigma > 6].mean() >= 0.99


def test_background_alone_is_left_alone(clean):
    result = filtered(clean)
    assert result.mask.mean() < 0.003
    dense = clean.background > 20
    kept = ~result.mask & dense
    observed = (clean.histogram @ np.arange(clean.histogram.shape[1]))[kept].sum()
    # what is cut off the upper tail must not show in the mean
    assert observed / clean.background[kept].sum() == pytest.approx(1.0, abs=2e-3)


def test_level_is_the_background(clean, every_height):
    for world, tolerance in ((clean, 0.01), (every_height, 0.04)):
        level = filtered(world).level
        for low, high in ((0.02, 0.2), (0.2, 2), (2, 20)):
            some = (world.rate >= low) & (world.rate < high)
            assert (level[some] / world.rate[some]).mean() == pytest.approx(
                1, abs=tolerance + 0.02
            )


def test_significance_is_standard_normal_where_nothing_is(clean):
    some = clean.background > 30
    sigma = filtered(clean).significance[some]
    for threshold, tail in ((1.0, 0.1587), (2.0, 0.02275)):
        assert (sigma > threshold).mean() == pytest.approx(tail, rel=0.25)


def test_divergence_alone_does_not_reach_it(every_height):
    # the reason for the criterion of significance: see poisson_filter
    strict = filtered(every_height, threshold=37.0, divergence_threshold=0.01)
    above = every_height.sigma > 6
    assert strict.mask[above].mean() < 0.9
    assert strict.reasons["divergent"] > 100


def test_reasons_add_up(every_height):
    result = filtered(every_height)
    assert sum(result.reasons.values()) == result.mask.sum()
    assert set(result.reasons) == {"overflow", "significant", "divergent"}
    assert result.reasons["overflow"] == (every_height.overflow > 0).sum()
    assert (result.rate > 0).all()
    assert (result.divergence > -1e-9).all()
    by_divergence = result.mask & (result.significance < 3) & (every_height.overflow == 0)
    assert by_divergence.sum() == result.reasons["divergent"] > 0
    assert (result.divergence_change[by_divergence] < 0).all()


def test_order_of_voxels_does_not_matter(every_height):
    result = filtered(every_height)
    order = np.random.default_rng(5).permutation(result.mask.size)
    shuffled = filtered_data(*(x[order] for x in every_height.data), FilterOptions(**SHARP))
    np.testing.assert_array_equal(shuffled.mask, result.mask[order])
    np.testing.assert_allclose(shuffled.rate, result.rate[order], rtol=1e-12)


def few(pixels=20, count=1):
    """A cube of 27 voxels of which every pixel holds the same count."""
    index = np.stack(np.indices((3, 3, 3)), axis=-1).reshape(-1, 3).astype(np.int64)
    histogram = np.zeros((27, 31), np.uint32)
    histogram[:, count] = pixels
    return index, histogram, np.zeros(27, np.int64), np.zeros(27, np.int64)


def test_voxel_with_a_pixel_above_the_histogram_is_masked():
    index, histogram, overflow, overflow_sum = few()
    overflow[4], overflow_sum[4] = 1, 31
    data = index, histogram, overflow, overflow_sum
    assert np.flatnonzero(filtered_data(*data, FilterOptions(**SHARP)).mask).tolist() == [4]


def test_overflow_below_its_threshold_goes_through_the_other_criteria():
    index, histogram, overflow, overflow_sum = few(pixels=2000)
    overflow[[4, 7]], overflow_sum[[4, 7]] = [1, 40], [31, 4000]
    data = index, histogram, overflow, overflow_sum
    result = filtered_data(*data, FilterOptions(overflow_threshold=10_000))
    assert result.reasons["overflow"] == 0
    assert np.flatnonzero(result.mask).tolist() == [7]
    result = filtered_data(*data, FilterOptions(overflow_threshold=30))
    assert result.reasons["overflow"] == 2


def test_lonely_voxel_is_not_masked_for_being_alone():
    index, histogram, overflow, overflow_sum = few()
    index[0] = [500, 0, 0]
    histogram[0] = 0
    histogram[0, 25] = 20
    result = filtered_data(index, histogram, overflow, overflow_sum, FilterOptions(**SHARP))
    assert not result.mask.any()


def test_everything_masked_has_an_end():
    index, histogram, overflow, overflow_sum = few()
    overflow += 3
    overflow_sum += 300
    result = filtered_data(index, histogram, overflow, overflow_sum, FilterOptions(**SHARP))
    assert result.mask.all()
    assert result.reasons["overflow"] == 27


def test_empty_pixels_only():
    data = few(count=0)
    assert not filtered_data(*data, FilterOptions(**SHARP)).mask.any()


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_peak_on_hardly_any_counts_is_found(rate):
    # the median of the rates is zero here: mdx-lib's filter is switched off
    index, histogram, overflow, overflow_sum = few(pixels=10, count=int(rate))
    histogram[13, int(rate)] -= 5
    histogram[13, 8] += 5
    result = filtered_data(index, histogram, overflow, overflow_sum, FilterOptions(**SHARP))
    assert np.flatnonzero(result.mask).tolist() == [13]


@pytest.mark.parametrize("method", ["poisson", "robust", "predicted", "none"])
def test_wedge_without_voxels(method):
    empty = np.empty((0, 3), np.int64), np.empty((0, 21), np.uint32)
    zero = np.empty(0, np.int64)
    result = filtered_data(*empty, zero, zero, FilterOptions(method=method))
    assert result.mask.shape == (0,)


def test_method_none_masks_nothing(sharp):
    result = filtered(sharp, method="none")
    assert not result.mask.any()
    assert result.reasons == {}
    assert np.isnan(result.rate).all()


def test_method_robust_finds_bright_peaks(sharp):
    result = filtered(sharp, method="robust")
    bright = sharp.excess > 20 * np.sqrt(sharp.background) + 3 * sharp.background
    assert result.mask[bright].mean() > 0.99
    assert result.mask[sharp.sigma < 1].mean() < 0.003


def test_method_predicted_needs_no_counts(sharp):
    result = filtered(sharp, method="predicted", half_widths=(0.1, 0.1, 0.1))
    np.testing.assert_array_equal(result.mask, (sharp.index % 3 == 0).all(axis=1))


def test_rows_that_do_not_match():
    index, histogram, overflow, overflow_sum = few()
    with pytest.raises(UserError, match="one row a voxel"):
        filtered_data(index[1:], histogram, overflow, overflow_sum, FilterOptions(**SHARP))
