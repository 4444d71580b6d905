from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.kernels import merge as kernel
from ewaldite.kernels.voxel_table import unpack


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 400), st.integers(1, 90))
def test_rows_of_is_unique_with_inverse(seed: int, n: int, distinct: int) -> None:
    keys = np.random.default_rng(seed).integers(0, distinct, n)
    unique, row = kernel.rows_of(keys)
    expected, inverse = np.unique(keys, return_inverse=True)
    assert np.array_equal(unique, expected)
    assert np.array_equal(row, inverse)


def test_rows_of_more_keys_than_the_first_table_holds() -> None:
    keys = np.random.default_rng(2).integers(0, 2**62, 90_000)
    unique, row = kernel.rows_of(keys)
    assert np.array_equal(unique, np.unique(keys))
    assert np.array_equal(unique[row], keys)


def test_packed_mates_are_inverted_through_the_origin() -> None:
    index = np.array([[1, -2, 3], [4, 5, -6]])
    minus = np.array([False, True])
    plain = unpack(kernel.pack_keys(index, minus, np.zeros(3, np.int64)))
    assert plain.tolist() == [[1, -2, 3], [-4, -5, 6]]
    # split mode with n = 2: centre (2 j - 1) / 4, so voxel 4 (7/4) is opposite to -3 (-7/4)
    split = unpack(kernel.pack_keys(index, minus, np.full(3, -1)))
    assert split[1].tolist() == [-3, -4, 7]


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_union_adds_rows_of_one_key(seed: int) -> None:
    rng = np.random.default_rng(seed)
    key = [np.unique(rng.integers(0, 60, rng.integers(0, 50))) for _ in range(2)]
    sums = [rng.random((len(k), 3)) for k in key]
    joined, total = kernel.union(key[0], sums[0], key[1], sums[1])
    assert np.array_equal(joined, np.union1d(*key))
    expected = np.zeros((60, 3))
    for k, s in zip(key, sums, strict=True):
        expected[k] += s
    np.testing.assert_array_equal(total, expected[joined])
