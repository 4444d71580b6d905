"""Counts in 16 bits: the same as numpy makes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.kernels.clipped import NO_COUNT, clip

TOP = 100


def clipped(image: np.ndarray[Any, Any], *markers: int) -> list[int]:
    out = np.zeros(image.size, dtype=np.int16)
    clip(image, np.array(markers, dtype=np.uint64).astype(np.int64), TOP, out)
    return list(out)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-(2**31), 2**31 - 1)), st.lists(st.integers(0, 200), max_size=2))
def test_as_numpy_does_it(counts: list[int], markers: list[int]) -> None:
    image = np.array(counts, dtype=np.int32)
    without = (image < 0) | np.isin(image, markers)
    wanted = np.where(without, NO_COUNT, np.minimum(image, TOP))
    assert clipped(image, *markers) == wanted.tolist()


@pytest.mark.parametrize("dtype", [np.uint32, np.uint64])
def test_markers_of_unsigned_images_are_no_counts(dtype: type) -> None:
    largest = int(np.iinfo(dtype).max)
    image = np.array([0, 7, TOP, TOP + 1, largest - 1, largest], dtype=dtype)
    assert clipped(image, largest - 1, largest) == [0, 7, TOP, TOP, NO_COUNT, NO_COUNT]
