from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.model.sums import Sums, packed

rows = st.lists(
    st.tuples(*[st.integers(-3, 3)] * 3, st.integers(-50, 50)), min_size=1, max_size=40
)


def table(given_rows: list[tuple[int, int, int, int]]) -> Sums:
    array = np.array(given_rows, dtype=np.int64)
    columns = {"counts": array[:, 3].astype(np.int32), "weight": array[:, 3] / 8.0}
    return Sums.grouped(array[:, :3], columns)


def as_dict(sums: Sums) -> dict[tuple[int, ...], tuple[int, float]]:
    return {
        tuple(i): (int(c), float(w))
        for i, c, w in zip(
            sums.index.tolist(), sums["counts"], sums["weight"], strict=True
        )
    }  # fmt: skip


@settings(deadline=None)
@given(rows)
def test_rows_of_a_voxel_are_summed(given_rows: list[tuple[int, int, int, int]]) -> None:
    expected: dict[tuple[int, ...], int] = {}
    for *index, value in given_rows:
        expected[tuple(index)] = expected.get(tuple(index), 0) + value
    sums = table(given_rows)
    assert as_dict(sums) == {i: (v, v / 8.0) for i, v in expected.items()}
    assert sums.index.tolist() == sorted(sums.index.tolist())
    assert np.issubdtype(sums["counts"].dtype, np.integer)
    assert len(sums) == len(expected)


@settings(deadline=None)
@given(rows, rows, rows)
def test_adding_is_associative_and_commutative(
    a: list[tuple[int, int, int, int]],
    b: list[tuple[int, int, int, int]],
    c: list[tuple[int, int, int, int]],
) -> None:
    # eighths of integers add without rounding
    one, two, three = table(a), table(b), table(c)
    whole = as_dict(one.add(two).add(three))
    assert whole == as_dict(one.add(two.add(three)))
    assert whole == as_dict(three.add(one).add(two))
    assert whole == as_dict(table(a + b + c))


@settings(deadline=None)
@given(rows)
def test_grouping_again_changes_nothing(given_rows: list[tuple[int, int, int, int]]) -> None:
    sums = table(given_rows)
    again = Sums.grouped(sums.index, sums.columns)
    assert as_dict(again) == as_dict(sums)
    backwards = Sums.grouped(
        sums.index[::-1], {name: column[::-1] for name, column in sums.columns.items()}
    )
    np.testing.assert_array_equal(backwards.index, sums.index)
    assert as_dict(backwards) == as_dict(sums)


def test_selected_rows() -> None:
    sums = table([(0, 0, 0, 1), (0, 0, 1, 2), (1, 0, 0, 3)])
    part = sums.select(np.array([True, False, True]))
    assert as_dict(part) == {(0, 0, 0): (1, 0.125), (1, 0, 0): (3, 0.375)}


def test_counts_stay_exact_where_floats_would_not() -> None:
    large = 2**53 + 1
    sums = Sums.grouped(
        np.zeros((2, 3), np.int64), {"counts": np.array([large, 1], np.int64)}
    )  # fmt: skip
    assert sums["counts"].tolist() == [large + 1]


def test_order_of_packed_numbers() -> None:
    index = np.random.default_rng(2).integers(-(1 << 20), 1 << 20, (200, 3))
    order = np.argsort(packed(index))
    assert index[order].tolist() == sorted(index.tolist())
