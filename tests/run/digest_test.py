from __future__ import annotations

import enum
import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import BaseModel

from ewaldite.run.digest import FileStamp, digest, digest_parts, file_checksum

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


class Filter(BaseModel):
    window: int = 3
    threshold: float | None = None
    files: list[Path] = []


@dataclass(frozen=True)
class Cut:
    low: float
    high: float


class Mode(enum.Enum):
    NODE = 1
    SPLIT = 2


def test_is_stable_across_processes_and_versions() -> None:
    """SHA-256 of the canonical JSON text, by hashlib on its own."""
    text = '[["list",1,2.5,"a"],["fields","map",["k",null]],["path","x/y"]]'
    expected = hashlib.sha256(text.encode()).hexdigest()
    assert digest([1, 2.5, "a"], {"k": None}, Path("x/y")) == expected
    code = (
        "from pathlib import Path; from ewaldite.run.digest import digest;"
        "import sys; sys.stdout.write(digest([1, 2.5, 'a'], {'k': None}, Path('x/y'))"
        " + digest({'b', 'a', 'c'}))"
    )
    env = os.environ | {"PYTHONHASHSEED": "7"}
    other = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env
    )
    assert other.stdout == expected + digest({"c", "b", "a"})


@settings(deadline=None)
@given(PLAIN, PLAIN)
def test_equal_content_has_equal_digests_and_other_content_has_not(
    a: object, b: object
) -> None:
    assert (digest(a) == digest(b)) == (repr(_sorted(a)) == repr(_sorted(b)))


def _sorted(value: object) -> object:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(v) for v in value] if isinstance(value, list) else value


def test_the_order_of_a_mapping_does_not_count_that_of_a_list_does() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest([1, 2]) != digest([2, 1])
    assert digest((1, 2)) == digest([1, 2])
    assert digest([1], [2]) != digest([1, 2])


def test_kinds_are_told_apart() -> None:
    values = [
        None, True, 1, 1.0, "1", b"1", Path("1"), [1], {1}, {"1": None}, np.array([1]),
        np.array([1.0]), date(2001, 1, 1), "2001-01-01", Mode.NODE, Mode.SPLIT, Cut(1, 2),
        Cut(1, 3), Filter(), Filter(window=4), ["path", "1"], ["list", 1], np.zeros(0),
        np.zeros((0, 2)), np.zeros((2, 0)),
    ]  # fmt: skip
    digests = [digest(value) for value in values]
    assert len(set(digests)) == len(values)


@settings(deadline=None)
@given(arrays(np.float32, (3, 4), elements=st.floats(-9, 9, width=32)))
def test_arrays_by_content_alone(array: np.ndarray) -> None:
    assert digest(array) == digest(np.asfortranarray(array))
    assert digest(array) == digest(array.astype(">f4"))
    assert digest(array) != digest(array.astype(np.float64))
    assert digest(array) != digest(array.reshape(4, 3))
    changed = array.copy()
    changed[1, 2] += 1
    assert digest(array) != digest(changed)


def test_numpy_scalars_are_numbers() -> None:
    assert digest(np.float64(1.5)) == digest(1.5)
    assert digest(np.int32(3)) == digest(3)
    assert digest(np.bool_(True)) == digest(True)


@pytest.mark.parametrize("value", [object(), lambda: 0, np.array([object()]), Cut, 1j])
def test_what_is_not_plain_data_has_no_digest(value: object) -> None:
    with pytest.raises(TypeError, match="no digest"):
        digest(value)


def test_parts_have_dotted_names() -> None:
    value = {"filter": Filter(), "cut": Cut(1, 2), "images": [1, 2], "table": {3: 4}}
    parts = digest_parts(value)
    assert set(parts) == {
        "filter.window", "filter.threshold", "filter.files", "cut.low", "cut.high", "images",
        "table",
    }  # fmt: skip
    other = digest_parts(value | {"filter": Filter(window=9)})
    assert {name for name in parts if parts[name] != other[name]} == {"filter.window"}
    assert digest_parts("abc") == {"": digest("abc")}


def test_a_stamp_sees_a_change(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("one")
    stamp = FileStamp.of(path)
    assert stamp == FileStamp(str(path), 3, path.stat().st_mtime_ns)
    os.utime(path, ns=(0, stamp.mtime + 1))
    assert digest(FileStamp.of(path)) != digest(stamp)
    with pytest.raises(FileNotFoundError):
        FileStamp.of(tmp_path / "absent")


def test_checksum_is_that_of_fips_180_4(tmp_path: Path) -> None:
    """The one-block message of FIPS 180-4's examples for SHA-256."""
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_checksum(path) == expected
