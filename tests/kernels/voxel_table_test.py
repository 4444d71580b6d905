from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.kernels import voxel_table
from ewaldite.kernels.voxel_table import build, find, grown, insert, new_slots, pack, unpack
from ewaldite.model.sums import packed

LOWEST, HIGHEST = -(1 << 20), (1 << 20) - 1
numbers = st.integers(LOWEST, HIGHEST)
triples = st.tuples(numbers, numbers, numbers)


@settings(deadline=None)
@given(st.lists(triples, min_size=1, max_size=20))
def test_packing_round_trips(indices: list[tuple[int, int, int]]) -> None:
    keys = np.array([pack(*i) for i in indices], dtype=np.int64)
    assert np.all(keys >= 0)
    np.testing.assert_array_equal(unpack(keys), indices)
    # numbers of the kernels and of the tables are the same
    np.testing.assert_array_equal(packed(np.array(indices)), keys)


@settings(deadline=None)
@given(triples, triples)
def test_packed_numbers_have_the_order_of_their_indices(
    one: tuple[int, int, int], other: tuple[int, int, int]
) -> None:
    assert (pack(*one) < pack(*other)) == (one < other)


def test_the_ends_of_the_range() -> None:
    ends = np.array([[LOWEST] * 3, [HIGHEST] * 3, [0, 0, 0], [LOWEST, HIGHEST, -1]])
    np.testing.assert_array_equal(unpack(packed(ends)), ends)
    assert pack(LOWEST, LOWEST, LOWEST) == 0
    assert pack(HIGHEST, HIGHEST, HIGHEST) == 2**63 - 1


@settings(deadline=None)
@given(st.sets(triples, max_size=60), st.sets(triples, max_size=20))
def test_what_was_inserted_is_found_after_growth(
    inside: set[tuple[int, int, int]], others: set[tuple[int, int, int]]
) -> None:
    keys = [pack(*i) for i in sorted(inside)]
    slots_key, slots_row = new_slots(16)
    for row, key in enumerate(keys):
        if 2 * (row + 1) > slots_key.size:
            slots_key, slots_row = grown(slots_key, slots_row)
        assert find(slots_key, slots_row, key) == -1
        insert(slots_key, slots_row, key, row)
    assert slots_key.size >= 2 * len(keys)
    assert [find(slots_key, slots_row, key) for key in keys] == list(range(len(keys)))
    for index in others - inside:
        assert find(slots_key, slots_row, pack(*index)) == -1


def test_keys_of_one_slot_are_told_apart() -> None:
    # the last slot but one, so that the search goes round the end of the table
    size, wanted = 16, 14
    candidates = [pack(h, 0, 0) for h in range(2000)]
    same = [key for key in candidates if voxel_table._slot(key, size) == wanted][:7]
    assert len(same) == 7
    slots_key, slots_row = new_slots(size)
    for row, key in enumerate(same[:6]):
        insert(slots_key, slots_row, key, row)
    assert [find(slots_key, slots_row, key) for key in same] == [0, 1, 2, 3, 4, 5, -1]
    occupied = np.flatnonzero(slots_key != voxel_table.EMPTY)
    np.testing.assert_array_equal(np.sort((wanted + np.arange(6)) % size), occupied)


def test_neighbouring_voxels_are_spread_over_the_table() -> None:
    keys = [pack(h, k, l) for h in range(-5, 6) for k in range(-5, 6) for l in range(-5, 6)]
    slots = {voxel_table._slot(key, 4096) for key in keys}
    # a random function would fill 1 - exp(-1331/4096) of the slots
    assert len(slots) > 0.8 * 4096 * (1 - np.exp(-1331 / 4096))
    assert min(slots) >= 0
    assert max(slots) < 4096


def test_build_numbers_the_rows() -> None:
    keys = packed(np.random.default_rng(3).integers(-90, 90, (500, 3)))
    keys = np.unique(keys)
    slots_key, slots_row = build(keys)
    assert slots_key.size >= 2 * keys.size
    assert [find(slots_key, slots_row, key) for key in keys] == list(range(keys.size))
    assert find(slots_key, slots_row, pack(1000, 0, 0)) == -1
    assert find(*build(np.empty(0, np.int64)), 5) == -1
