from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.run.digest import FileStamp
from ewaldite.run.records import StepRecord, made_files, read_records, write_records

TEXTS = st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3)
RECORDS = st.builds(
    StepRecord,
    options=TEXTS,
    needs=TEXTS,
    files=st.lists(
        st.builds(
            FileStamp, path=st.text(), size=st.integers(0, 2**60), mtime=st.integers(0, 2**62)
        ),
        max_size=3,
    ),
)


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.text(max_size=5), RECORDS, max_size=4))
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory, records: dict[str, StepRecord]
) -> None:
    state = tmp_path_factory.mktemp("s") / "state.json"
    write_records(state, records)
    back = read_records(state)
    assert back == records
    assert list(back) == list(records)
    for name, record in records.items():
        assert back[name].fingerprint == record.fingerprint


def test_the_fingerprint_sees_everything() -> None:
    stamp = FileStamp("x", 1, 2)
    records = [
        StepRecord({"a": "1"}, {"b": "2"}, [stamp]),
        StepRecord({"a": "2"}, {"b": "2"}, [stamp]),
        StepRecord({"a": "1"}, {"b": "3"}, [stamp]),
        StepRecord({"a": "1"}, {"b": "2"}, [FileStamp("x", 1, 3)]),
        StepRecord({"a": "1"}, {"b": "2"}, []),
    ]
    assert len({record.fingerprint for record in records}) == len(records)


def test_no_file_no_records_and_no_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert read_records(tmp_path / "state.json") == {}
    assert caplog.records == []


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"format": 99, "steps": {}}', '{"format": 1}',
     '{"format": 1, "steps": []}', '{"format": 1, "steps": {"a": {"options": {}}}}',
     '{"format": 1, "steps": {"a": 3}}'],
)  # fmt: skip
def test_a_file_that_is_not_ours_is_said_and_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    state = tmp_path / "state.json"
    state.write_text(text)
    assert read_records(state) == {}
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert str(state) in caplog.text


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state.json"
    record = StepRecord({}, {}, [])
    write_records(state, {"a": record})

    def replace(a: Path, b: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(KeyboardInterrupt):
        write_records(state, {"b": record})
    assert list(json.loads(state.read_text())["steps"]) == ["a"]


def test_paths_are_relative_so_that_a_folder_can_be_moved(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "x.nxs").write_text("abc")
    before = made_files(folder, [folder / "x.nxs"])
    folder.rename(tmp_path / "elsewhere")
    folder = tmp_path / "elsewhere"
    assert made_files(folder, [folder / "x.nxs"]) == before
    assert before[0].path == "x.nxs"
