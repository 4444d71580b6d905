"""Names, chunks and units in the file."""

from __future__ import annotations

from collections.abc import Iterator

import h5py
import numpy as np
import pytest
import scipp as sc
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ewaldite.io.nexus.layout import clean_name, new_dataset, new_group, text, unit_text


@pytest.fixture
def file() -> Iterator[h5py.File]:
    with h5py.File("x", "w", driver="core", backing_store=False) as file:
        yield file


@settings(deadline=None)
@given(names=st.lists(st.text(max_size=5), max_size=12))
def test_clean_names_are_free_and_plain(names: list[str]) -> None:
    with h5py.File("x", "w", driver="core", backing_store=False) as file:
        for name in names:
            clean = clean_name(file, name)
            assert clean
            assert all(c.isascii() and (c.isalnum() or c == "_") for c in clean)
            for end in ("", "_errors", "_variances"):
                assert clean + end not in file
            file[clean] = 1
        assert len(file) == len(names)


def test_a_plain_name_stays(file: h5py.File) -> None:
    assert clean_name(file, "intensity") == "intensity"
    assert clean_name(file, "d min/Å") == "d_min__"


def is_readable(text: str) -> bool:
    """Whether scipp reads back what it wrote: not so s/mrad³, which it writes as Bs/rad^3."""
    try:
        sc.Unit(text)
    except sc.UnitError:
        return False
    return True


@settings(deadline=None)
@given(
    powers=st.dictionaries(
        st.sampled_from(["counts", "mrad", "s", "angstrom", "meV"]),
        st.integers(-3, 3),
        max_size=3,
    )
)
def test_spelled_units_of_the_field_mean_the_same(powers: dict[str, int]) -> None:
    unit = sc.units.one
    for name, power in powers.items():
        unit = unit * sc.Unit(name) ** power
    assume(is_readable(str(unit)))
    assert sc.Unit(unit_text(unit) or "one") == unit


@pytest.mark.parametrize(
    ("unit", "spelled"),
    [
        ("counts/mrad**2/s", "counts/mrad^2/s"),
        ("mrad**2*s", "mrad^2*s"),
        ("1/angstrom**3", "1/angstrom^3"),
        ("one", ""),
        ("deg", "deg"),
        ("K", "K"),
        ("counts/angstrom/meV", "counts/angstrom/meV"),
        ("(cm^2/meV/sr)^2", "cm^4/meV^2/sr^2"),
        ("(barn/meV/sr)^2", "barn^2/meV^2/sr^2"),
        ("(meV*sr)^2", "meV^2*sr^2"),
    ],
)
def test_spelling(unit: str, spelled: str) -> None:
    assert unit_text(sc.Unit(unit)) == spelled


@pytest.mark.parametrize(
    ("shape", "grows", "chunks"),
    [
        ((10,), False, None),
        ((5000,), False, (5000,)),
        ((200_000,), False, (65536,)),
        ((10,), True, (65536,)),
        ((10, 3), True, (65536, 3)),
        ((40, 50, 60), False, (32, 32, 32)),
        ((2, 50, 60), False, (2, 32, 32)),
        ((0, 50), False, None),
        ((), False, None),
    ],
)
def test_chunks(
    file: h5py.File, shape: tuple[int, ...], grows: bool, chunks: tuple[int, ...] | None
) -> None:
    values = np.ones(shape)
    dataset = new_dataset(file, "x", values, grows=grows)
    assert dataset.chunks == chunks
    assert (dataset.compression == "gzip") == (chunks is not None)
    assert (dataset.maxshape[:1] == (None,)) == grows
    np.testing.assert_array_equal(dataset[()], values)


def test_text_chunks_are_small(file: h5py.File) -> None:
    values = np.array(["a", "ü"], dtype=object)
    dataset = new_dataset(file, "x", values, grows=True)
    assert dataset.chunks == (4096,)
    assert dataset.asstr()[()].tolist() == ["a", "ü"]


def test_text_of_anything_else_is_an_error(file: h5py.File) -> None:
    file["a"], file["b"] = "ä", 3
    file.attrs["c"] = "word"
    assert text(file["a"]) == "ä"
    assert text(file.attrs["c"]) == "word"
    assert text(b"bytes") == "bytes"
    with pytest.raises(ValueError, match="expected text"):
        text(file["b"])


def test_groups_have_a_class(file: h5py.File) -> None:
    assert new_group(file, "g", "NXentry").attrs["NX_class"] == "NXentry"
