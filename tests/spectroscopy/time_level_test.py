"""Levels of a constant background."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.spectroscopy.design import design_triplets
from ewaldite.spectroscopy.instrument import Instrument
from ewaldite.spectroscopy.time_level import (
    TimeLevel,
    check_measured,
    disagreement,
    level_lines,
    level_notes,
    time_level,
)

INSTRUMENT = Instrument.from_triplets(design_triplets()[:10])
ROWS = len(INSTRUMENT)


@pytest.mark.parametrize(
    ("by", "groups"), [("instrument", 1), ("arc", 5), ("triplet", 10), ("tube", 30)]
)
def test_counts_over_the_time_of_a_group(by: str, groups: int) -> None:
    rng = np.random.default_rng(1)
    events, live = rng.poisson(3.0, ROWS), rng.uniform(1, 2, ROWS)
    level = time_level(INSTRUMENT, events, live, by)  # type: ignore[arg-type]
    assert len(level) == groups
    assert level.events.sum() == events.sum()
    for g in range(groups):
        mine = level.group == g
        n, x = events[mine].sum(), live[mine].sum()
        assert level.value[g] == pytest.approx(n / x)
        assert level.error[g] == pytest.approx(np.sqrt(n + 1) / x)
        for name, values in level.places.items():
            assert set(getattr(INSTRUMENT, name)[mine]) == {values[g]}


def test_no_event_is_a_level_of_zero_with_the_error_of_one() -> None:
    level = time_level(INSTRUMENT, np.zeros(ROWS), np.full(ROWS, 2.0), "arc")
    assert not level.value.any()
    np.testing.assert_allclose(level.error, 1.0 / level.live)


def test_the_error_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    for mean in (0.5, 3.0, 30.0):
        number = rng.poisson(mean, 4000)
        level = TimeLevel(np.zeros(0, np.int64), {}, number, np.full(4000, 10.0))
        inside = np.abs(level.value - mean / 10) <= level.error
        assert inside.mean() > 0.66


@given(st.lists(st.integers(0, 50), min_size=ROWS // 100, max_size=ROWS // 100))
@settings(max_examples=20)
def test_it_goes_through_a_file(counts: list[int]) -> None:
    live = np.repeat(np.arange(ROWS // 100) % 3, 100)
    level = time_level(INSTRUMENT, np.repeat(counts, 100) * (live > 0), live, "tube")
    stored = level.to_scipp()
    again = TimeLevel.from_scipp(stored)
    for name in ("group", "events", "live", "value", "error"):
        np.testing.assert_array_equal(getattr(again, name), getattr(level, name))
    assert again.name(4) == level.name(4) == "arc 1, channel 2, tube 2"
    assert str(stored["level"].unit) == "counts/s"


def test_a_group_whose_time_is_masked_is_refused() -> None:
    live = np.where(INSTRUMENT.channel == 1, 0.0, 1.0)
    level = time_level(INSTRUMENT, np.zeros(ROWS), live, "triplet")
    keep = np.ones(ROWS, bool)
    with pytest.raises(UserError, match=r"s\.nxs.*forbidden time of arc 1, channel 2"):
        check_measured(level, keep, "s.nxs")
    check_measured(level, INSTRUMENT.channel != 1, "s.nxs")


def test_disagreement_is_a_chance() -> None:
    rng = np.random.default_rng(3)
    live = rng.uniform(50, 100, 20)
    chances = [disagreement(rng.poisson(live), live) for _ in range(1000)]
    assert np.histogram(chances, 4, (0, 1))[0] == pytest.approx(250, abs=60)
    assert disagreement(rng.poisson(live * np.linspace(0.5, 2, 20)), live) < 1e-6
    assert disagreement([0, 3], [1.0, 1.0]) is None
    assert disagreement([10, 0], [1.0, 0.0]) is None


def test_notes_are_of_what_does_not_agree() -> None:
    level = time_level(INSTRUMENT, np.full(ROWS, 1), np.ones(ROWS))
    one, two = np.array([1000.0, 1000.0]), np.array([5.0, 5.0])
    even = (one, two)
    assert level_notes(level, even, even, ["a", "b"]) == []
    uneven = (np.array([1000.0, 1300.0]), two)
    (leaks,) = level_notes(level, uneven, even, ["a", "b"])
    assert "1,000 events in its earlier half and 1,300 in the later" in leaks
    (apart,) = level_notes(level, even, uneven, ["a", "b"])
    assert "the level of b is 1.30 times that of a" in apart
    events = np.where(INSTRUMENT.arc == 0, 2, 1)
    (differ,) = level_notes(
        time_level(INSTRUMENT, events, np.ones(ROWS)), even, even, ["a", "b"]
    )
    assert "levels of 10 groups differ" in differ


def test_lines_state_level_error_and_counts() -> None:
    level = time_level(INSTRUMENT, np.full(ROWS, 2), np.full(ROWS, 4.0), "arc")
    lines = level_lines(level)
    assert lines[0].startswith("6,000 events in forbidden time, 0.5 counts/s and pixel")
    assert lines[2] == "arc 1: 0.5 ± 0.014 counts/s and pixel (1,200 events)"
    assert len(lines) == 2 + 5
