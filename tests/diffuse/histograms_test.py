from __future__ import annotations

import numpy as np
import pytest

from ewaldite.diffuse.histograms import Histograms, joined

DENSE = np.array(
    [[3, 0, 0, 2], [0, 0, 0, 0], [0, 5, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]], np.uint32
)


def test_dense_again() -> None:
    sparse = Histograms.of(DENSE)
    assert len(sparse) == 5
    assert sparse.bins == 4
    np.testing.assert_array_equal(sparse.dense(), DENSE)
    # Eight bytes an entry instead of four a bin
    assert sum(part.nbytes for part in sparse.parts[1:]) == 8 * np.count_nonzero(DENSE)


@pytest.mark.parametrize("power", [0, 1, 2])
def test_moments(power: int) -> None:
    expected = DENSE @ np.arange(4.0) ** power
    np.testing.assert_array_equal(Histograms.of(DENSE).moment(power), expected)


def test_pairs_without_a_count() -> None:
    np.testing.assert_array_equal(Histograms.of(DENSE).empty, DENSE[:, 0])
    # Also where the last voxels, or all, are empty
    np.testing.assert_array_equal(Histograms.of(DENSE[:4]).empty, DENSE[:4, 0])
    np.testing.assert_array_equal(Histograms.of(0 * DENSE).empty, np.zeros(5))


def test_without_bins() -> None:
    sparse = Histograms.of(np.zeros((3, 0), np.uint32))
    assert len(sparse) == 3
    assert sparse.dense().shape == (3, 0)
    np.testing.assert_array_equal(sparse.empty, np.zeros(3))
    np.testing.assert_array_equal(sparse.moment(1), np.zeros(3))


def test_parts_are_joined_voxel_by_voxel() -> None:
    one, other = Histograms.of(DENSE), Histograms.of(DENSE[::-1])
    # Voxels a, b, c: rows 0 and 9 (both of DENSE[0]), row 7, rows 2, 5 and 6
    order, group = np.array([0, 9, 7, 2, 5, 6]), np.array([0, 2, 3, 6])
    found = joined([one, other], order, group).dense()
    both = np.concatenate([DENSE, DENSE[::-1]])
    expected = [both[[0, 9]].sum(axis=0), both[7], both[[2, 5, 6]].sum(axis=0)]
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(
        joined([one], np.array([4, 0]), np.array([0, 1, 2])).dense(), DENSE[[4, 0]]
    )
