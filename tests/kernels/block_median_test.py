from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ewaldite.kernels.block_median import largest_block_median

TYPES = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64]


def brute(images: NDArray[Any], good: NDArray[np.bool_], block: int, top: int) -> float:
    """The largest of numpy's medians of the whole blocks that are good in a quarter."""
    medians = [0.0]
    frames, slow, fast = images.shape
    for row in range(slow // block):
        for column in range(fast // block):
            at = np.s_[row * block : (row + 1) * block, column * block : (column + 1) * block]
            counts = images[:, *at][:, good[at]]
            counts = counts[counts >= 0]
            if counts.size > 0 and counts.size >= frames * block**2 / 4:
                medians.append(float(np.median(np.minimum(counts.astype(np.int64), top))))
    return max(medians)


@settings(deadline=None, max_examples=200)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 3), st.tuples(*[st.integers(1, 17)] * 2),
    st.integers(1, 6), st.integers(0, 12), st.floats(0.0, 1.0),
    st.sampled_from([0.3, 3.0, 9.0]),
)  # fmt: skip
def test_medians_are_those_of_numpy(
    seed: int, frames: int, shape: tuple[int, int], block: int, top: int, share: float,
    mean: float,
) -> None:  # fmt: skip
    rng = np.random.default_rng(seed)
    images = rng.poisson(mean * rng.random(shape), (frames, *shape)).astype(np.int32)
    images[rng.random(images.shape) < 0.2] = -1
    good = rng.random(shape) < share
    assert largest_block_median(images, good, block, top) == brute(images, good, block, top)


@pytest.mark.parametrize("dtype", TYPES)
def test_every_integer_type(dtype: type[np.integer[Any]]) -> None:
    images = np.random.default_rng(3).poisson(6.0, (2, 12, 9)).astype(dtype)
    images[:, 0, :2] = np.iinfo(dtype).max
    good = np.ones((12, 9), bool)
    found = largest_block_median(images, good, 3, 100)
    assert found == brute(images, good, 3, 100) > 5.0


def test_an_even_number_of_counts_has_the_middle_of_two() -> None:
    images = np.array([[[1, 4], [9, 2]]], np.int32)
    good = np.ones((2, 2), bool)
    assert largest_block_median(images, good, 2, 100) == 3.0
    good[0, 0] = False
    assert largest_block_median(images, good, 2, 100) == 4.0


def test_a_peak_is_not_the_background() -> None:
    # fewer than half of a block: it may be as bright as it likes
    images = np.full((3, 10, 10), 2, np.int32)
    images[:, :7, :7] = 100_000
    assert largest_block_median(images, np.ones((10, 10), bool), 10, 510) == 2.0
    images[:, :8, :7] = 100_000
    assert largest_block_median(images, np.ones((10, 10), bool), 10, 510) == 510.0


def test_all_images_are_taken_together() -> None:
    # one block of 7, 0 and 1: its median is not that of one image
    images = np.stack([np.full((4, 4), n, np.int32) for n in (7, 0, 1)])
    assert largest_block_median(images, np.ones((4, 4), bool), 4, 100) == 1.0


@pytest.mark.parametrize(("pixels", "taken"), [(3, False), (4, True), (5, True)])
def test_blocks_need_a_quarter_of_good_pixels(pixels: int, taken: bool) -> None:
    images = np.full((2, 4, 4), 8, np.int32)
    good = np.zeros((4, 4), bool)
    good.reshape(-1)[:pixels] = True
    assert largest_block_median(images, good, 4, 100) == (8.0 if taken else 0.0)
    # bad by their counts instead
    images[:, ~good] = -1
    every = np.ones((4, 4), bool)
    assert largest_block_median(images, every, 4, 100) == (8.0 if taken else 0.0)


def test_cut_blocks_take_no_part() -> None:
    images = np.ones((1, 7, 8), np.int32)
    images[:, 6:], images[:, :, 6:] = 50, 60
    assert largest_block_median(images, np.ones((7, 8), bool), 3, 100) == 1.0
    assert largest_block_median(images[:, :2], np.ones((2, 8), bool), 3, 100) == 0.0
