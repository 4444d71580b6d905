from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.run.sizes import counted, format_bytes, format_seconds, parse_bytes


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1.5 GB", 1_500_000_000),
        ("800 MiB", 800 * 2**20),
        ("1tib", 2**40),
        (" 7 kB ", 7000),
        (".5 kib", 512),
        ("12 B", 12),
        ("3. PB", 3 * 10**15),
    ],
)
def test_reads_sizes_of_iec_80000_13(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "12", "GB", "-1 GB", "1,5 GB", "1 GBit", "1 G", "1e9 B"])
def test_refuses_what_is_no_size(text: str) -> None:
    assert parse_bytes(text) is None


@settings(deadline=None)
@given(st.integers(0, 10**17))
def test_a_written_size_reads_back_enough_and_not_much_more(size: int) -> None:
    back = parse_bytes(format_bytes(size))
    assert back is not None
    assert size <= back <= size * 1.011 + 1


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1_230_000_000, "1.23 GB"),
        (1_230_000_001, "1.24 GB"),
        (45_678_000, "45.7 MB"),
        (0.2, "1 B"),
    ],
)
def test_writes_three_digits_rounded_up(size: float, text: str) -> None:
    assert format_bytes(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (106, "1 min 46 s"),
        (3599.7, "1 h 00 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_writes_spans_of_time(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 frames"), (1, "1 frame"), (2, "2 frames"), (21, "21 frames")]
)
def test_one_is_not_many(number: int, text: str) -> None:
    assert counted(number, "frames") == text
