from __future__ import annotations

import numpy as np
import pytest
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


@pytest.mark.parametrize(("kinds", "error"), [(0, False), (3, False), (2, True)])
def test_sums_are_those_of_their_definitions(kinds: int, error: bool) -> None:
    rng = np.random.default_rng(kinds)
    n, voxels = 200, 9
    row = rng.integers(-1, voxels, n).astype(np.int32)
    names = ("counts", "exposure", "background", "dark", "scale", "offset", "weight", "length")
    o = dict(zip(names, rng.uniform(0.2, 3.0, (8, n)), strict=True))
    fraction, predicted = rng.random(n), rng.random((n, 3))
    halves = rng.random((kinds, n)) < 0.5
    part = rng.uniform(0, 0.2, n) if error else np.zeros(0)
    columns = kernel.COLUMNS_WITH_ERROR if error else kernel.COLUMNS
    sums = np.full((voxels, columns), 0.25)
    kernel.accumulate(
        row, o["counts"], o["exposure"], o["background"], o["dark"], o["scale"], o["offset"],
        o["weight"], predicted, o["length"], fraction, halves, part, sums,
    )  # fmt: skip
    w, ea = o["weight"], o["exposure"] * o["scale"]
    x = (o["counts"] - o["background"]) / ea - o["offset"]
    of = {
        kernel.COUNTS: o["counts"],
        kernel.W_COUNTS: w * o["counts"],
        kernel.W2_COUNTS: w**2 * o["counts"],
        kernel.W_BACKGROUND: w * o["background"],
        kernel.W2_BACKGROUND: w**2 * o["dark"],
        kernel.W_EXPOSURE: w * ea,
        kernel.W_OFFSET: w * ea * o["offset"],
        kernel.W_PREDICTED: w * predicted[:, 0],
        kernel.W2_PREDICTED: w**2 * predicted[:, 0],
        kernel.W_PREDICTED_B: w * predicted[:, 1],
        kernel.W2_PREDICTED_V: w**2 * predicted[:, 2],
        kernel.W_SQUARE: w * ea * x**2,
        kernel.W_VARIANCE: w * ea * (o["counts"] + o["dark"]) / ea**2,
        kernel.EXPOSURE: o["exposure"],
        kernel.EXPOSURE_S: o["exposure"] * o["length"],
        kernel.MULTIPLICITY: np.ones(n),
        kernel.BACKGROUND: o["background"],
        kernel.FRACTION: fraction,
    }
    for j in range(kinds):
        of[kernel.HALVES + 2 * j] = halves[j] * w * ea * x
        of[kernel.HALVES + 2 * j + 1] = halves[j] * w * ea
    if error:
        g2 = (w * part * ea) ** 2
        of[kernel.W2_ERROR], of[kernel.W2_ERROR_C] = g2, g2 * o["offset"]
        of[kernel.W2_ERROR_CC] = g2 * o["offset"] ** 2
    expected = np.zeros_like(sums)
    for column, amount in of.items():
        expected[:, column] = np.bincount(row[row >= 0], amount[row >= 0], voxels)
    np.testing.assert_allclose(sums - 0.25, expected, rtol=1e-9, atol=1e-12)
