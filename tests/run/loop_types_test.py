from __future__ import annotations

import json
from typing import NamedTuple

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ewaldite.kernels.cut_tables import PixelTable
from ewaldite.run.loop_types import from_words, in_words

DTYPES = ("bool", "int8", "uint16", "int32", "uint32", "int64", "float32", "float64")


class Pair(NamedTuple):
    left: int
    right: float


@st.composite
def values(draw: st.DrawFn, deep: int = 2) -> object:
    """Arguments as loops are given: numbers, arrays in any order, tuples."""
    kind = draw(st.sampled_from(("number", "array", "tuple", "named") if deep else ("array",)))
    if kind == "number":
        return draw(st.sampled_from((True, 3, 0.5, np.uint16(3), np.float32(2))))
    if kind == "named":
        return Pair(1, 2.0)
    if kind == "tuple":
        inside = st.lists(values(deep - 1), max_size=3)
        return tuple(draw(inside))
    dimensions = draw(st.integers(1, 3))
    dtype = draw(st.sampled_from(DTYPES))
    array = np.zeros((4,) * dimensions, dtype)
    if draw(st.booleans()):
        array = array[::2]
    array.flags.writeable = draw(st.booleans())
    return array.T if draw(st.booleans()) else array


@given(values())
def test_types_survive_words_and_json(value: object) -> None:
    known = numba.typeof(value)
    said = json.loads(json.dumps(in_words(known)))
    assert from_words(said) == known


def test_a_type_in_words() -> None:
    image = np.zeros((2, 3), np.uint32)
    assert in_words(numba.typeof(image)) == "uint32[2C]"
    image.flags.writeable = False
    assert in_words(numba.typeof(image[:, ::2])) == "uint32[2A] readonly"
    table = PixelTable(np.zeros((2, 2)), np.zeros((2, 2)), np.zeros(2))
    name = "ewaldite.kernels.cut_tables:PixelTable"
    assert in_words(numba.typeof(table)) == {
        name: ["float64[2C]", "float64[2C]", "float64[1C]"]
    }


@pytest.mark.parametrize("value", ["text", None, np.zeros(2, "M8[s]")])
def test_what_no_loop_of_ours_takes_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="cannot be listed"):
        in_words(numba.typeof(value))
