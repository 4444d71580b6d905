"""The largest count: blind to peaks, rare to be exceeded."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import poisson

from ewaldite.diffuse.max_count import CAP, LEAST, automatic_max_count, background_level
from ewaldite.errors import UserError

SHAPE = (120, 95)
GOOD = np.ones(SHAPE, dtype=bool)


def frames(rate, number=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.poisson(np.broadcast_to(rate, (number, *SHAPE))).astype(np.int64)


@pytest.mark.parametrize("rate", [0.02, 0.5, 2.0])
def test_never_below_twenty(rate):
    assert automatic_max_count(frames(rate), GOOD) == LEAST


@pytest.mark.parametrize("rate", [5.0, 10.0, 20.0, 40.0])
def test_grows_with_the_background_and_is_hardly_exceeded(rate):
    found = automatic_max_count(frames(rate), GOOD)
    assert found > LEAST
    # fewer than one voxel of 1000 pairs in 10 000
    assert poisson.sf(found, rate) * 1000 < 1e-4
    # a fixed 20 masks every voxel of 1000 pairs from 10 counts a pixel on
    if rate >= 10:
        assert poisson.sf(20, rate) * 1000 > 1
    # and the histogram is no larger than such a margin asks for
    assert found < 1.5 * (rate + 1) + 7 * np.sqrt(1.5 * (rate + 1))


def test_it_is_the_smallest():
    found = automatic_max_count(frames(20.0), GOOD)
    mean = 1.5 * (background_level(frames(20.0), GOOD) + 0.5)
    assert poisson.sf(found, mean) * 1e7 < 1 <= poisson.sf(found - 1, mean) * 1e7


def test_peaks_do_not_count_and_rings_do():
    images = frames(3.0)
    plain = automatic_max_count(images, GOOD)
    images[:, ::12, ::12] = 5000
    assert automatic_max_count(images, GOOD) == plain
    y, x = np.indices(SHAPE)
    ring = np.abs(np.hypot(y - 60, x - 45) - 30) < 15
    assert automatic_max_count(frames(np.where(ring, 15.0, 3.0)), GOOD) > plain


def test_bad_pixels_take_no_part():
    images = frames(3.0)
    plain = background_level(images, GOOD)
    good = GOOD.copy()
    good[:60] = False
    images[:, :60] = 200
    images[:, 80:95] = -1
    assert background_level(images, good) == pytest.approx(plain, abs=1)
    assert background_level(images, GOOD) == 200


def test_nothing_to_go_by():
    none = np.zeros(SHAPE, dtype=bool)
    assert background_level(frames(3.0), none) == 0.0
    assert automatic_max_count(frames(3.0), none) == LEAST
    assert background_level(np.ones((1, 5, 5), np.int64), np.ones((5, 5), dtype=bool)) == 0.0


def test_what_a_histogram_cannot_hold_is_refused():
    with pytest.raises(UserError, match=f"exceed {CAP}.*robust"):
        automatic_max_count(frames(300.0), GOOD)
