"""Angles in a raw file: where they are, and what stands there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ewaldite.errors import UserError
from ewaldite.io.bifrost.angles import read_angle, sample_table
from ewaldite.io.bifrost.logs import log_group, read_entries, read_log
from spectroscopy.raw_files import START, group, log


@pytest.fixture
def entry(tmp_path: Path) -> Iterator[h5py.Group]:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        yield group(file, "entry", "NXentry")


def test_the_place_of_the_sample_table(entry: h5py.Group) -> None:
    instrument = group(entry, "instrument", "NXinstrument")
    assert sample_table(entry, instrument, None) is None
    # from the least to the most certain
    for path in (
        "parameters/a3",
        "instrument/rotation_stage",
        "instrument/sample_rotation",
        "instrument/114_sample_stack/rotation_stage",
    ):
        made = entry.create_group(path)
        found = sample_table(entry, instrument, None)
        assert found == made
    entry.create_group("instrument/115_sample_stack")  # without a stage
    found = sample_table(entry, instrument, None)
    assert found.name.endswith("114_sample_stack/rotation_stage")
    assert sample_table(entry, instrument, "parameters/a3") == entry["parameters/a3"]
    assert sample_table(entry, instrument, "nowhere") is None


def test_a_single_value_holds_all_the_time(entry: h5py.Group) -> None:
    notes: list[str] = []
    entry["a3"] = np.pi / 2
    entry["a3"].attrs["units"] = "rad"
    found = read_angle(entry["a3"], 0, 2.0, notes)
    assert_allclose(found.at([-1e9, 0.0, 1e9]), 90.0)
    assert len(notes) == 1
    assert "/entry/a3 is a single value, not a log" in notes[0]


def test_several_values_need_times(entry: h5py.Group) -> None:
    entry["a3"] = [1.0, 2.0]
    entry["a3"].attrs["units"] = "deg"
    with pytest.raises(UserError, match="it has 2 values and no times"):
        read_angle(entry["a3"], 0, 2.0, [])
    with pytest.raises(UserError, match="it is a single value"):
        read_entries(entry["a3"], "deg")


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_log_may_be_nested(entry: h5py.Group, depth: int) -> None:
    node = top = group(entry, "a3", "NXpositioner")
    for _ in range(depth):
        node = group(node, "value", "NXlog")
    log(node, [(0.0, 5.0), (1.0, 7.0)], "degrees")
    assert log_group(top) == node
    found = read_angle(top, 0, 2.0, notes := [])
    reference = np.datetime64(START).astype("datetime64[ns]").astype(int)
    assert_allclose(found.time, [reference * 1e-9, reference * 1e-9 + 1.0])
    assert_allclose(found.value, [5.0, 7.0])
    assert notes == []


def test_the_unit_may_stand_on_the_group_alone(entry: h5py.Group) -> None:
    node = group(entry, "a3", "NXlog")
    log(node, [(0.0, 1.0), (2.0, 2.0)], "deg")
    del node["value"].attrs["units"]
    with pytest.raises(UserError, match="no attribute 'units'"):
        read_entries(node, "deg")
    node.attrs["units"] = "rad"
    assert_allclose(read_entries(node, "deg")[1], np.rad2deg([1.0, 2.0]))


def test_of_doubled_entries_the_last_one_holds(entry: h5py.Group) -> None:
    node = group(entry, "a3", "NXlog")
    log(node, [(0.0, 1.0), (1.0, 2.0), (1.0, 3.0), (1.0, 4.0), (2.0, 5.0)], "deg")
    time, value = read_entries(node, "deg")
    assert_array_equal(value, [1.0, 4.0, 5.0])
    assert_array_equal(np.diff(time), [10**9, 10**9])


def test_entries_that_are_no_numbers_are_counted(entry: h5py.Group) -> None:
    node = group(entry, "a3", "NXlog")
    log(node, [(0.0, 1.0), (1.0, np.nan), (2.0, np.inf)], "deg")
    with pytest.raises(UserError, match="2 of its 3 entries are no numbers, as entry 2"):
        read_log(node, "deg", 0)


def test_times_count_from_the_reference(entry: h5py.Group) -> None:
    node = group(entry, "a3", "NXlog")
    node["time"] = np.array([0.5, 1.5])
    node["time"].attrs["units"] = "s"  # since 1970, in floating point
    node["value"] = np.array([1.0, 2.0])
    node["value"].attrs["units"] = "deg"
    found = read_log(node, "deg", 250_000_000, 9.0)
    assert_allclose(found.time, [0.25, 1.25])
    assert found.longest_gap == 9.0
