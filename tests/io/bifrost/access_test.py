from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ewaldite.io.bifrost.access import instants, numbers, text

DAY = 86_400 * 10**9


@pytest.mark.parametrize(
    ("values", "attributes", "expected"),
    [
        ([0, 5], {"units": "ns"}, [0, 5]),
        ([1, 2], {"units": "us", "start": "1970-01-02T00:00:00"}, [DAY + 1000, DAY + 2000]),
        ([1.5], {"units": "s", "offset": "1970-01-02T00:00:00Z"}, [DAY + 1_500_000_000]),
        ([0], {"units": "s", "start": "1970-01-02T02:00:00+02:00"}, [DAY]),
        (
            np.array([1_700_000_000_123_456_789], np.uint64),
            {"units": "ns"},
            [1_700_000_000_123_456_789],
        ),
        (
            [123_456_789],
            {"units": "ns", "start": "2026-01-01T00:00:00.000001"},
            [1_767_225_600_123_457_789],
        ),
    ],
)
def test_times_keep_their_nanoseconds(
    tmp_path: Path, values: Any, attributes: dict[str, str], expected: list[int]
) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["t"] = values
        file["t"].attrs.update(attributes)
        assert instants(file["t"]).tolist() == expected


def test_numbers_are_converted(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["x"] = [180.0, 90.0]
        file["x"].attrs["units"] = "degrees"
        np.testing.assert_allclose(numbers(file["x"], "rad"), [np.pi, np.pi / 2])


@pytest.mark.parametrize("value", ["abc", b"abc", np.array(["abc"], dtype=object)])
def test_text_is_text(value: Any) -> None:
    assert text(value) == "abc"
