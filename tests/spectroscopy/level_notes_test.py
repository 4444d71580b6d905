"""What is said of levels."""

from __future__ import annotations

import numpy as np
import pytest

from ewaldite.spectroscopy.design import design_triplets
from ewaldite.spectroscopy.instrument import Instrument
from ewaldite.spectroscopy.level_notes import disagreement, level_lines, level_notes
from ewaldite.spectroscopy.time_level import time_level

INSTRUMENT = Instrument.from_triplets(design_triplets()[:10])
ROWS = len(INSTRUMENT)


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
