from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ewaldite.kernels.sparse_histogram import compress, gather

BINS = 6
HISTOGRAMS = st.lists(
    st.lists(st.sampled_from([0, 0, 0, 1, 7]), min_size=BINS, max_size=BINS), max_size=8
)


def dense_of(
    first: NDArray[np.int64], count: NDArray[np.int32], number: NDArray[np.uint32]
) -> NDArray[np.uint32]:
    out = np.zeros((first.size - 1, BINS), np.uint32)
    for v in range(first.size - 1):
        entries = slice(first[v], first[v + 1])
        assert np.all(np.diff(count[entries]) > 0)
        assert np.all(number[entries] > 0)
        out[v, count[entries]] = number[entries]
    return out


@given(HISTOGRAMS)
def test_what_is_kept_is_all_that_there_was(rows: list[list[int]]) -> None:
    dense = np.array(rows, np.uint32).reshape(-1, BINS)
    first, count, number = compress(dense)
    np.testing.assert_array_equal(dense_of(first, count, number), dense)
    assert count.size == number.size == np.count_nonzero(dense)


@settings(deadline=None)
@given(HISTOGRAMS, st.lists(st.integers(0, 3), min_size=8, max_size=8))
def test_groups_are_summed(rows: list[list[int]], groups: list[int]) -> None:
    dense = np.array(rows, np.uint32).reshape(-1, BINS)
    label = np.array(groups[: len(dense)], dtype=np.int64)
    order = np.argsort(label, kind="stable")
    present = np.unique(label)
    group = np.append(np.searchsorted(label[order], present), len(dense))
    found = dense_of(*gather(*compress(dense), order, group, BINS))
    expected = [dense[label == one].sum(axis=0) for one in present]
    np.testing.assert_array_equal(found, np.reshape(expected, (-1, BINS)))


def test_numbers_may_be_as_large_as_the_dense_ones() -> None:
    dense = np.array([[0, 2**32 - 1], [0, 0]], np.uint32)
    first, count, number = compress(dense)
    assert first.tolist() == [0, 1, 1]
    assert count.tolist() == [1]
    assert number.tolist() == [2**32 - 1]
