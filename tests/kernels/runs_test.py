from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ewaldite.kernels.runs import END, NONE, ROOM, STRIP, relabel, rows_of_pixels, spread


def runs_of(rows: list[int], first: int) -> tuple[list[int], list[int]]:
    """Runs of a strip of pixels, with its end."""
    begin = [i for i in range(len(rows)) if i == 0 or rows[i] != rows[i - 1]]
    return [*(first + i for i in begin), first + len(rows)], [*(rows[i] for i in begin), END]


strips = st.lists(
    st.lists(st.tuples(st.integers(-1, 5), st.integers(1, 90)), min_size=1, max_size=12),
    min_size=1,
    max_size=4,
)


@given(strips, st.integers(0, 50))
def test_runs_become_rows_of_pixels(drawn: list[list[tuple[int, int]]], gap: int) -> None:
    """Strip by strip, in whatever order they lie in the image."""
    rows = [[row for row, n in strip for _ in range(n)] for strip in drawn]
    expected = np.full(sum(len(x) + gap for x in rows), NONE)
    begin: list[int] = []
    row: list[int] = []
    at = expected.size
    for strip in rows:
        at -= len(strip) + gap
        expected[at : at + len(strip)] = strip
        starts, labels = runs_of(strip, at)
        begin += starts
        row += labels
    runs = np.array(begin, np.int32), np.array(row, np.int32)
    np.testing.assert_array_equal(rows_of_pixels(*runs, expected.size), expected)
    out = np.empty(ROOM, np.int32)
    run = 0
    for strip in rows:
        run = spread(*runs, run, out)
        np.testing.assert_array_equal(out[: len(strip)], strip)
        assert runs[1][run] == END
        run += 1
    assert run == len(begin)


@pytest.mark.parametrize("last", [1, 31, 32, 33])
def test_the_longest_strip_has_room(last: int) -> None:
    begin = np.array([7, 7 + STRIP - last, 7 + STRIP], np.int32)
    out = np.full(ROOM + 1, 99, np.int32)
    assert spread(begin, np.array([4, 5, END], np.int32), 0, out[:ROOM]) == 2
    assert np.all(out[: STRIP - last] == 4)
    assert np.all(out[STRIP - last : STRIP] == 5)
    assert out[ROOM] == 99


def test_rows_are_numbered_as_they_are_met() -> None:
    row = np.array(
        [[7, NONE, 2, 7, END, 9], [9, 9, 9, 9, 9, 9], [4, END, 2, 7, 8, 9]], np.int32
    )
    place = np.full(10, -1, np.int32)
    assert relabel(row, np.array([5, 0, 4]), place) == 3
    assert row.tolist() == [[0, -1, 1, 0, END, 9], [9] * 6, [2, END, 1, 0, 8, 9]]
    assert place.tolist() == [-1, -1, 1, -1, 2, -1, -1, 0, -1, -1]
