from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.run.pace import Pace


def pace(done: int, skipped: int = 0, seconds: float = 10.0, total: int = 100) -> Pace:
    return Pace("integrate", total, "frames", done, skipped, seconds, 850_000_000)


def test_rate_and_time_left() -> None:
    assert pace(50).rate == 5
    assert pace(50).seconds_left == 10


def test_what_an_earlier_run_did_counts_as_done_but_not_in_the_rate() -> None:
    assert pace(60, skipped=40).rate == 2
    assert pace(60, skipped=40).seconds_left == 20


@pytest.mark.parametrize("p", [pace(0), pace(40, skipped=40), pace(5, seconds=0)])
def test_no_rate_before_there_is_one(p: Pace) -> None:
    assert p.rate is None
    assert p.seconds_left is None
    assert p.status == "850 MB"


def test_one_is_not_many() -> None:
    assert pace(0, total=1).amount == "1 frame"
    assert pace(0, total=0).amount == "0 frames"
    assert str(pace(1, total=1)).startswith("integrate: 1 of 1 frame (100 %)")


def test_the_line() -> None:
    line = (
        "integrate: 60 of 100 frames (60 %, 40 of them earlier), 2 frames/s, 20 s left, 850 MB"
    )
    assert str(pace(60, skipped=40)) == line
    assert str(pace(100)) == "integrate: 100 of 100 frames (100 %), 10 frames/s, 850 MB"
    assert str(pace(0, total=0)) == "integrate: 0 of 0 frames (100 %), 850 MB"


@settings(deadline=None)
@given(st.integers(0, 200), st.integers(0, 200), st.floats(0, 1e6), st.integers(0, 200))
def test_never_negative_and_fit_for_json(
    done: int, skipped: int, seconds: float, total: int
) -> None:
    p = pace(done + skipped, skipped, seconds, total)
    assert p.seconds_left is None or p.seconds_left >= 0
    stored = json.loads(json.dumps(p.to_dict(), allow_nan=False))
    assert (stored["done"], stored["skipped"]) == (done + skipped, skipped)
    assert stored["seconds_left"] == p.seconds_left
