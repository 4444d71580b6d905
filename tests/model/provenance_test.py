"""The record of how a result came about."""

from __future__ import annotations

import json
from importlib import metadata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.model import provenance
from ewaldite.model.provenance import Provenance, installed_version

names = st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3)
records = st.builds(
    Provenance,
    version=st.text(min_size=1, max_size=8),
    command=st.text(max_size=20),
    options=st.text(max_size=40),
    inputs=names,
    tables=names,
    seeds=st.dictionaries(st.text(max_size=8), st.integers(0, 2**64), max_size=3),
    notes=st.lists(st.text(max_size=10), max_size=3).map(tuple),
)


@settings(deadline=None)
@given(record=records)
def test_a_record_survives_json(record: Provenance) -> None:
    again = Provenance.from_dict(json.loads(json.dumps(record.to_dict())))
    assert again == record


@settings(deadline=None)
@given(record=records)
def test_unknown_keys_of_another_version_are_ignored(record: Provenance) -> None:
    assert Provenance.from_dict(record.to_dict() | {"moon": 3}) == record


def test_missing_keys_take_their_default() -> None:
    assert Provenance.from_dict({"version": "1"}) == Provenance(version="1")
    assert Provenance.from_dict({}).version == "unknown"


@pytest.mark.parametrize(
    "stored", [{"notes": "text"}, {"inputs": ["a"]}, {"seeds": 3}, {"version": 1}]
)
def test_a_wrong_type_is_refused(stored: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(stored))):
        Provenance.from_dict(stored)


def test_notes_are_added_once_and_in_order() -> None:
    record = Provenance(notes=("a",)).with_notes("b", "a", "c", "b")
    assert record.notes == ("a", "b", "c")


def test_a_record_is_frozen() -> None:
    with pytest.raises(AttributeError):
        Provenance().command = "x"  # type: ignore[misc]


def test_the_version_is_that_of_the_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    assert installed_version() == metadata.version("ewaldite")
    assert Provenance().version == metadata.version("ewaldite")

    def absent(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(provenance, "version", absent)
    assert installed_version() == "unknown"
