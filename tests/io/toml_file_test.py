from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.io.toml_file import read_toml, toml_text, toml_value

keys = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=8)
texts = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=20)
scalars = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | texts
    | st.sampled_from(["", "a \"b\" \\ 'c'", "ä\tß", "####", "[x]", "= 1"])
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=6)
tables = st.dictionaries(keys, values, max_size=4)
documents = st.dictionaries(
    keys, values | tables | st.lists(tables.filter(bool), min_size=1, max_size=3), max_size=5
)


@given(documents)
@settings(deadline=None)
def test_plain_data_come_back(tmp_path_factory: Any, document: dict[str, Any]) -> None:
    path = tmp_path_factory.mktemp("toml") / "x.toml"
    path.write_text(toml_text(document), encoding="utf-8")
    assert read_toml(path) == document


@given(scalars)
def test_a_value_alone_is_what_a_document_holds(value: Any) -> None:
    assert toml_text({"key": value}) == f"key = {toml_value(value)}\n"


def test_none_is_left_out_and_paths_are_text(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(toml_text({"a": None, "b": Path("c/d"), "e": {"f": None, "g": (1, 2)}}))
    assert read_toml(path) == {"b": "c/d", "e": {"g": [1, 2]}}


def test_tables_of_tables(tmp_path: Path) -> None:
    document = {"top": 1, "sweep": [{"name": "a", "inner": {"x": 1}}, {"name": "b"}]}
    text = toml_text(document)
    assert text.count("[[sweep]]") == 2
    (tmp_path / "x.toml").write_text(text)
    assert read_toml(tmp_path / "x.toml") == document


@pytest.mark.parametrize(
    ("content", "found", "remedy"),
    [
        (None, "the file does not exist", "ewaldite diffuse init"),
        (b"a = \n", r"not valid TOML: .*line 1", "Correct the line"),
        (b"a = 1\na = 2\n", r"not valid TOML: .*line 2", "Correct the line"),
        (b"\xff\xfe", "utf-8", "UTF-8"),
    ],
)
def test_files_that_are_no_configuration(
    content: bytes | None, found: str, remedy: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=found) as caught:
        read_toml(path)
    assert str(path) in str(caught.value)
    assert remedy in caught.value.remedy


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="it is a folder"):
        read_toml(tmp_path)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: Any, **__: Any) -> str:
        raise PermissionError(13, "Permission denied", "x.toml")

    monkeypatch.setattr(Path, "read_text", forbidden)
    with pytest.raises(UserError, match=r"x\.toml: Permission denied\. See whether"):
        read_toml(tmp_path / "x.toml")


@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_files_of_editors_on_windows(tmp_path: Path, start: str, ending: str) -> None:
    text = f'{start}a = 1{ending}b = "ä"  # μ{ending}[c]{ending}d = [1,{ending}2]{ending}'
    (tmp_path / "x.toml").write_bytes(text.encode())
    assert read_toml(tmp_path / "x.toml") == {"a": 1, "b": "ä", "c": {"d": [1, 2]}}
