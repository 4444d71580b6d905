"""Events counted by pixel and mask."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.spectroscopy.event_tally import EventTally

ROWS, NAMES = 7, ("dead", "late", "moving")
EVENTS = st.lists(st.tuples(st.integers(-1, ROWS - 1), st.integers(0, 7)), max_size=60)


def tally(events: list[tuple[int, int]]) -> EventTally:
    made = EventTally.of(ROWS)
    row, flags = np.array(events, dtype=np.int64).reshape(-1, 2).T
    made.add(row.astype(np.int32), flags.astype(np.uint32))
    return made


@settings(deadline=None)
@given(EVENTS)
def test_every_event_is_counted_once_as_kept_or_rejected(
    events: list[tuple[int, int]],
) -> None:
    made = tally(events)
    assert made.total == len(events)
    assert made.kept.sum() == sum(row >= 0 and flag == 0 for row, flag in events)
    assert made.nowhere == sum(row < 0 for row, _ in events)
    for row in range(ROWS):
        mine = [flag for r, flag in events if r == row]
        assert made.kept[row] == mine.count(0)
        assert made.rejected[row] == len(mine) - mine.count(0)
    counts = made.by_name(NAMES)
    for bit, name in enumerate(NAMES):
        assert counts[name] == sum(bool(flag & 1 << bit) for _, flag in events)


@settings(deadline=None)
@given(EVENTS, EVENTS)
def test_tallies_of_parts_add_up(
    one: list[tuple[int, int]], two: list[tuple[int, int]]
) -> None:
    both, whole = tally(one) + tally(two), tally(one + two)
    np.testing.assert_array_equal(both.pixels, whole.pixels)
    np.testing.assert_array_equal(both.masks, whole.masks)
    assert both.nowhere == whole.nowhere


def test_the_last_bit_counts_too() -> None:
    made = EventTally.of(1)
    made.add(np.zeros(1, np.int32), np.full(1, 1 << 31, np.uint32))
    assert made.masks.tolist() == [0] * 31 + [1]
