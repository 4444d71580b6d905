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
