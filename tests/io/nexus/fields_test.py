"""A variable comes back from HDF5 bit by bit."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import h5py
import numpy as np
import pytest
import scipp as sc
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ewaldite.errors import UserError
from ewaldite.io.nexus.fields import extend_variable, read_variable, write_variable

UNITS = st.sampled_from(
    ["one", None, "counts/mrad**2/s", "mrad**2*s", "1/angstrom**3", "meV", "kg*m**1*rad**-3"]
)
NUMBERS = ["float64", "float32", "int64", "int32", "bool"]


@pytest.fixture
def group() -> Iterator[h5py.Group]:
    with memory_file() as file:
        yield file


def memory_file() -> h5py.File:
    return h5py.File("x", "w", driver="core", backing_store=False)


@st.composite
def variables(draw: st.DrawFn) -> sc.Variable:
    dtype = draw(st.sampled_from(NUMBERS))
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, max_side=4, min_side=0))
    dims = ["voxel", "k", "l"][: len(shape)]
    values = draw(hnp.arrays(dtype, shape))
    variances = draw(hnp.arrays(dtype, shape)) if dtype.startswith("float") else None
    if draw(st.booleans()):
        variances = None
    unit = draw(UNITS)
    variable = sc.empty(
        dims=dims, shape=shape, dtype=dtype, unit=unit, with_variances=variances is not None
    )
    if shape:
        variable.values = values
        if variances is not None:
            variable.variances = variances
        return variable
    spread = {} if variances is None else {"variance": variances.item()}
    return sc.scalar(values.item(), unit=unit, dtype=dtype, **spread)


@settings(deadline=None, max_examples=150)
@given(variable=variables())
def test_numbers_of_any_shape_unit_and_spread(variable: sc.Variable) -> None:
    with memory_file() as file:
        again = read_variable(write_variable(file, "x", variable, role="value"))
    assert again.dtype == variable.dtype
    assert again.unit == variable.unit
    assert sc.identical(again, variable, equal_nan=True)


@settings(deadline=None)
@given(
    text=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
)
def test_text(text: list[str]) -> None:
    variable = sc.empty(dims=["voxel"], shape=[len(text)], dtype=sc.DType.string)
    variable.values = text
    with memory_file() as file:
        again = read_variable(write_variable(file, "x", variable, role="value"))
    assert sc.identical(again, variable)


@pytest.mark.parametrize(
    "variable",
    [
        sc.scalar("P 21 21 21"),
        sc.scalar(2.5, variance=0.1, unit="angstrom", dtype="float32"),
        sc.scalar(3, unit="counts"),
        sc.scalar(True),
        sc.vector([1.0, 2.0, 3.0], unit="angstrom"),
        sc.vectors(dims=["voxel"], values=np.arange(6.0).reshape(2, 3), unit="1/angstrom"),
        sc.datetimes(dims=["voxel"], values=[1, 2**40], unit="ns"),
        sc.datetime("2026-01-01T12:00:00", unit="s"),
    ],
)
def test_other_kinds(variable: sc.Variable, group: h5py.Group) -> None:
    again = read_variable(write_variable(group, "x", variable, role="value"))
    assert sc.identical(again, variable)


def test_the_unit_is_spelled_for_people(group: h5py.Group) -> None:
    """The plain str() of this unit is Mcounts*s^-1*rad^-2."""
    variable = sc.scalar(1.0, unit="counts/mrad**2/s")
    dataset = write_variable(group, "x", variable, role="value")
    assert dataset.attrs["units"] == "counts/mrad^2/s"


def test_errors_are_the_roots_of_the_variances(group: h5py.Group) -> None:
    variable = sc.array(dims=["q"], values=[1.0, 2.0], variances=[4.0, 9.0], unit="counts")
    write_variable(group, "x", variable, role="value")
    np.testing.assert_array_equal(group["x_errors"][()], [2.0, 3.0])
    assert group["x_errors"].attrs["units"] == "counts"
    assert sc.Unit(group["x_variances"].attrs["units"]) == sc.Unit("counts**2")


def test_a_name_that_hdf5_cannot_have(group: h5py.Group) -> None:
    first = write_variable(group, "a/b.", sc.scalar(1.0), role="value")
    second = write_variable(group, "a b,", sc.scalar(2.0), role="value")
    assert first.attrs["name"] == "a/b."
    assert second.attrs["name"] == "a b,"
    assert first.name != second.name
    assert list(group) == [first.name[1:], second.name[1:]]


def test_a_coordinate_may_be_called_like_the_errors_of_another(group: h5py.Group) -> None:
    spread = sc.scalar(1.0, variance=2.0)
    other = write_variable(group, "x_errors", sc.scalar(5.0), role="coord")
    own = write_variable(group, "x", spread, role="signal")
    assert sc.identical(read_variable(own), spread)
    assert sc.identical(read_variable(other), sc.scalar(5.0))


@pytest.mark.parametrize("value", [{"a": 1}, "null \0 inside"])
def test_what_has_no_place_is_refused(value: Any, group: h5py.Group) -> None:
    with pytest.raises(UserError, match="store 'odd'"):
        write_variable(group, "odd", sc.scalar(value), role="value")


@settings(deadline=None)
@given(cuts=st.lists(st.integers(0, 50), max_size=4), spread=st.booleans())
def test_rows_can_be_appended(cuts: list[int], spread: bool) -> None:
    values = np.arange(50.0)
    whole = sc.array(dims=["voxel"], values=values, variances=values**2 if spread else None)
    edges = [0, *sorted(cuts), 50]
    blocks = [whole["voxel", a:b] for a, b in pairwise(edges)]
    with memory_file() as file:
        dataset = write_variable(file, "x", blocks[0], role="value", grows=True)
        for block in blocks[1:]:
            extend_variable(dataset, block)
        assert sc.identical(read_variable(dataset), whole)
        assert sc.identical(read_variable(dataset, {"voxel": slice(7, 9)}), whole["voxel", 7:9])


@pytest.mark.parametrize("grows", [True, False])
def test_large_arrays_need_no_plugin(group: h5py.Group, grows: bool) -> None:
    variable = sc.array(dims=["voxel"], values=np.arange(100_000.0))
    dataset = write_variable(group, "x", variable, role="value", grows=grows)
    assert dataset.compression == "gzip"
    assert dataset.shuffle
    assert dataset.fletcher32
    assert dataset.id.get_storage_size() < 0.3 * variable.values.nbytes


def test_small_arrays_are_not_compressed(group: h5py.Group) -> None:
    variable = sc.array(dims=["voxel"], values=np.arange(10.0))
    assert write_variable(group, "x", variable, role="value").chunks is None


def test_a_dtype_of_the_future_is_refused(group: h5py.Group) -> None:
    dataset = write_variable(group, "x", sc.scalar(1.0), role="value")
    dataset.attrs["dtype"] = "complex"
    with pytest.raises(ValueError, match="complex"):
        read_variable(dataset)
