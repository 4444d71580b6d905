"""Which frames are read."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.io.images.selection import select_frames

NUMBERS = st.sets(st.integers(0, 40), min_size=1)


def name(number: int) -> str:
    return f"a_{number:04d}.cbf"


@settings(deadline=None)
@given(
    available=NUMBERS,
    low=st.integers(0, 40),
    length=st.integers(0, 40),
    exclude=st.lists(st.integers(0, 60), max_size=5),
)
def test_chosen_missing_and_excluded_make_up_the_range(
    available: set[int], low: int, length: int, exclude: list[int]
) -> None:
    wanted = (low, low + length)
    span = set(range(low, low + length + 1))
    if not (span & available) - set(exclude):
        with pytest.raises(UserError, match="no frame is left"):
            select_frames(available, wanted, exclude, "skip", name)
        return
    chosen = select_frames(available, wanted, exclude, "skip", name)
    assert list(chosen.frames) == sorted((span & available) - set(exclude))
    assert set(chosen.missing) == span - available - set(exclude)
    if chosen.missing:
        with pytest.raises(UserError, match=name(chosen.missing[0])):
            select_frames(available, wanted, exclude, "error", name)
    else:
        assert select_frames(available, wanted, exclude, "error", name) == chosen


def test_without_a_range_all_are_taken() -> None:
    assert select_frames({3, 4, 5}, None, (), "error", name).frames == (3, 4, 5)


def test_a_gap_names_the_missing_file_and_what_to_do() -> None:
    with pytest.raises(UserError) as caught:
        select_frames({1, 2, 5}, None, (), "error", name)
    assert "a_0003.cbf (frame 3) and 1 more are missing" in str(caught.value)
    assert "exclude" in str(caught.value)


def test_an_excluded_gap_is_none() -> None:
    assert select_frames({1, 3}, None, [2], "error", name).missing == ()


def test_a_range_upside_down() -> None:
    with pytest.raises(UserError, match="behind the last"):
        select_frames({1, 2}, (2, 1), (), "error", name)


def test_a_range_beyond_the_files_says_where_they_are() -> None:
    with pytest.raises(UserError, match="run from 1 to 9"):
        select_frames(set(range(1, 10)), (20, 30), (), "error", name)
