from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.kernels import deal as kernel
from ewaldite.kernels.voxel_table import build


def dealt(
    row: np.ndarray, share: np.ndarray, seed: int, cuts: list[int] | None = None
) -> np.ndarray:
    voxels = int(row.max()) + 1
    number = np.bincount(row, minlength=voxels).astype(np.int32)
    left = np.zeros(voxels)
    np.add.at(left, row, share)
    seen, lead = np.zeros(voxels, np.int32), np.zeros(voxels, np.int32)
    key, ahead = 7 * np.arange(voxels), np.zeros(voxels)
    parts = [
        kernel.deal(r, s, seed, key, number, left, seen, lead, ahead)
        for r, s in zip(np.split(row, cuts or []), np.split(share, cuts or []), strict=True)
    ]
    assert np.array_equal(seen, number)
    return np.concatenate(parts, axis=1)


@settings(deadline=None)
@given(st.integers(0, 2**32), st.lists(st.integers(0, 200), max_size=5))
def test_halves_are_equal_and_do_not_depend_on_cuts(seed: int, cuts: list[int]) -> None:
    rng = np.random.default_rng(seed)
    row = rng.integers(0, 12, 200).astype(np.int32)
    share = rng.uniform(0.1, 3, 200)
    first = dealt(row, share, seed)
    assert np.array_equal(first, dealt(row, share, seed, sorted(cuts)))
    for voxel in range(12):
        own = row == voxel
        sign = np.where(first[:, own], 1, -1)
        assert abs(sign[0].sum()) == own.sum() % 2
        assert abs(sign[1] @ share[own]) <= share[own].max(initial=0) + 1e-9


def test_no_half_of_two_observations_is_empty() -> None:
    rng = np.random.default_rng(1)
    row = np.repeat(np.arange(5000), 2).astype(np.int32)
    first = dealt(row, rng.uniform(0.01, 5, 10_000), 3).reshape(2, 5000, 2)
    assert np.all(first[..., 0] != first[..., 1])
    assert abs(first[..., 0].mean() - 0.5) < 0.03


def test_every_choice_of_half_is_equally_probable() -> None:
    row = np.repeat(np.arange(30_000), 4).astype(np.int32)
    first = dealt(row, np.ones(120_000), 5)
    ways = Counter(map(tuple, first[0].reshape(-1, 4).tolist()))
    assert len(ways) == 6
    # 5000 each, standard deviation 65
    assert max(abs(count - 5000) for count in ways.values()) < 270


def test_halves_of_odd_numbers_take_turns_to_be_larger() -> None:
    row = np.repeat(np.arange(9000), 3).astype(np.int32)
    size = dealt(row, np.ones(27_000), 6)[0].reshape(-1, 3).sum(axis=1)
    assert set(size.tolist()) == {1, 2}
    assert abs(size.mean() - 1.5) < 0.02


def test_other_seeds_deal_otherwise() -> None:
    row = np.repeat(np.arange(1000), 4).astype(np.int32)
    share = np.ones(4000)
    first, second = dealt(row, share, 0), dealt(row, share, 1)
    assert 0.4 < np.mean(first[0] == second[0]) < 0.6
    # halves of number and of share are drawn apart from each other
    assert 0.4 < np.mean(first[0] == first[1]) < 0.6


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 400), st.integers(1, 90))
def test_places_are_found_block_by_block(seed: int, n: int, distinct: int) -> None:
    keys = np.random.default_rng(seed).integers(0, distinct, n)
    columns, used = kernel.no_places(), 0
    for part in np.array_split(keys, 3):
        *columns, used, row = kernel.places(part, *columns, used)
        assert np.array_equal(columns[2][row], part)
    assert np.array_equal(np.sort(columns[2][:used]), np.unique(keys))


def test_places_grow_beyond_the_first_table() -> None:
    keys = np.random.default_rng(2).integers(0, 2**62, 90_000)
    _, _, unique, used, row = kernel.places(keys, *kernel.no_places(), 0)
    assert used == len(np.unique(keys))
    assert np.array_equal(unique[row], keys)


def test_what_is_counted_can_be_taken_out_again() -> None:
    rng = np.random.default_rng(3)
    row, share = rng.integers(0, 9, 200).astype(np.int32), rng.random(200)
    number, total = np.zeros(9, np.int32), np.zeros(9)
    kernel.tally(row, share, number, total, 1)
    assert np.array_equal(number, np.bincount(row, minlength=9))
    np.testing.assert_allclose(total, np.bincount(row, share, minlength=9))
    kernel.tally(row[:150], share[:150], number, total, -1)
    assert np.array_equal(number, np.bincount(row[150:], minlength=9))
    np.testing.assert_allclose(total, np.bincount(row[150:], share[150:], minlength=9))


def test_rows_of_keys_that_are_not_there() -> None:
    key = np.array([3, 8, 2**40])
    found = kernel.rows_at(np.array([8, 4, 2**40, 3]), *build(key))
    assert found.tolist() == [1, -1, 2, 0]


def test_random_bits_are_uniform() -> None:
    bits = np.array([kernel.draw(1, k, t) for k in range(300) for t in range(20)], np.uint64)
    for shift in (0, 31, 32, 63):
        share = np.mean((bits >> np.uint64(shift)) & np.uint64(1))
        assert abs(share - 0.5) < 0.03


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.integers(0, 2**32))
def test_halves_of_number_alone_are_those_of_both(seed: int) -> None:
    rng = np.random.default_rng(seed)
    row = rng.integers(-1, 9, 120).astype(np.int32)
    good = row >= 0
    number = np.bincount(row[good], minlength=9).astype(np.int32)
    key = 7 * np.arange(9)
    counters = [np.zeros(9, np.int32) for _ in range(4)]
    left = np.bincount(row[good], minlength=9).astype(float)
    both = kernel.deal(row, np.ones(120), seed, key, number, left, *counters[:2], np.zeros(9))
    assert not both[:, ~good].any()  # what has no voxel is in no half
    rows = row[good].astype(np.int64)
    alone = kernel.deal_number(rows, key[rows], seed, number, *counters[2:])
    assert np.array_equal(alone, both[0, good])
    assert np.array_equal(counters[0], counters[2])
