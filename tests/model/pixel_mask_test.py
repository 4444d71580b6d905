from __future__ import annotations

import numpy as np

from ewaldite.model.pixel_mask import PixelMask


def test_reasons_are_joined_and_counted() -> None:
    rng = np.random.default_rng(4)
    one, two, three = rng.random((3, 5, 7)) < 0.3
    mask = PixelMask((5, 7))
    assert mask.good.all()
    assert mask.good.shape == (5, 7)
    full = mask.with_reason("gap", one).with_reason("beam stop", two).with_reason("gap", three)
    np.testing.assert_array_equal(full.good, ~(one | two | three))
    assert full.counts() == {"gap": int((one | three).sum()), "beam stop": int(two.sum())}
    # the mask it was made of is as it was
    assert mask.counts() == {}
    np.testing.assert_array_equal(full.reasons["beam stop"], two)
