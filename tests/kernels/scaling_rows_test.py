from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from ewaldite.kernels.scaling_rows import batch_limits, batch_links, cell_sums, sort_rows
from ewaldite.kernels.scaling_terms import PARTS, place


@given(seed=st.integers(0, 10**6), n=st.integers(0, 60), voxels=st.integers(1, 20))
@settings(max_examples=40, deadline=None)
def test_sorting_is_stable_and_leaves_singles_out(seed: int, n: int, voxels: int) -> None:
    voxel = np.random.default_rng(seed).integers(0, voxels, n).astype(np.int32)
    start, kept, order = sort_rows(voxel, voxels)
    number = np.bincount(voxel, minlength=voxels)
    assert_array_equal(kept, np.flatnonzero(number > 1))
    assert_array_equal(np.diff(start), number[kept])
    expected = np.argsort(voxel, kind="stable")
    assert_array_equal(order, expected[number[voxel[expected]] > 1])


def test_links_of_batches() -> None:
    start = np.array([0, 3, 5, 7])
    batch = np.array([0, 0, 2, 1, 1, 0, 2], np.int16)
    expected = [[1, 0, 2, 0], [0, 1, 0, 0], [2, 0, 0, 0], [0, 0, 0, 0]]
    assert_array_equal(batch_links(start, batch, 4), expected)


def test_sums_of_cells_and_limits() -> None:
    rng = np.random.default_rng(1)
    n = 300
    batch = rng.integers(0, 2, n).astype(np.int16)
    iz, length, signal, exposure = rng.uniform(0, 1, (4, n)).astype(np.float32)
    low, per_cell, cells = np.array([0.0, 0.2]), np.array([4.0, 2.0]), np.array([4, 1])
    found = cell_sums(batch, iz, length, signal, exposure, low, per_cell, cells, 0.25, 3)
    cell = np.clip(np.trunc((iz - low[batch]) * per_cell[batch]), 0, cells[batch] - 1).astype(
        int
    )
    shell = np.minimum((length / 0.25).astype(int), 2)
    expected = np.zeros((2, 2, 4, 3))
    np.add.at(expected[0], (batch, cell, shell), signal)
    np.add.at(expected[1], (batch, cell, shell), exposure)
    assert_allclose(found, expected, rtol=1e-6)
    limits = batch_limits(batch, iz, 2)
    for j in range(2):
        assert_allclose(limits[j], [iz[batch == j].min(), iz[batch == j].max()])


def test_places_are_clamped_and_rounded() -> None:
    x = np.array([-5, 0, 0.75, 2.5, 3, 9], np.float32)
    batch = np.zeros(6, np.int16)
    low, per_step, size = np.zeros(1), np.ones(1), np.array([4])
    at, part = np.full(6, 7, np.int32), np.zeros((6, 2), np.uint16)
    place(x, batch, low, per_step, size, False, 10, at, part, 1)
    assert_array_equal(at, [7, 7, 7, 27, 27, 27])
    assert_allclose(part[:, 1] / PARTS, [0, 0, 0.75, 0.5, 1, 1], atol=1e-5)
    assert_array_equal(part[:, 0], 0)
    at[:] = 0
    place(x, batch, low, per_step, size, True, 1, at, part, 0)
    assert_array_equal(at, [0, 0, 1, 3, 3, 3])
