from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from ewaldite.kernels.event_tally import BITS, KEPT, REJECTED, tally_events


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.integers(0, 80), st.integers(0, 2**32))
def test_events_by_pixel_and_mask(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    row = rng.integers(-2, 5, n).astype(np.int32)
    # none, one, or many of the 32 masks, the highest too
    flags = rng.choice([0, 1, 1 << 31, 0xFFFFFFFF, 6], n).astype(np.uint32)
    pixels, masks = np.full((5, 2), 3), np.full(BITS, 7)
    nowhere = tally_events(row, flags, pixels, masks)
    assert nowhere == np.count_nonzero(row < 0)
    for column, some in ((KEPT, flags == 0), (REJECTED, flags != 0)):
        expected = np.bincount(row[some & (row >= 0)], minlength=5)
        assert_array_equal(pixels[:, column] - 3, expected)
    # an event with several masks counts in each, also one that is of no pixel
    bits = np.unpackbits(flags.astype("<u4").view(np.uint8), bitorder="little").reshape(n, BITS)
    assert_array_equal(masks - 7, bits.sum(axis=0))
