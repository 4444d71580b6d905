"""Cell, symmetry, orientation and grid come back."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.io.nexus.sample import Sample, read_sample, write_sample
from ewaldite.model.grid import Grid

lengths = st.floats(1, 500)
angles = st.floats(30, 150)
samples = st.builds(
    Sample,
    cell=st.one_of(st.none(), st.tuples(lengths, lengths, lengths, angles, angles, angles)),
    space_group=st.one_of(st.none(), st.sampled_from(["P 1", "P 21 21 21", "R 3 :H"])),
    grid=st.one_of(
        st.none(),
        st.builds(
            Grid, st.tuples(*[st.integers(1, 9)] * 3), st.sampled_from(["node", "split"])
        ),
    ),
    axes=st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
        st.lists(st.floats(-100, 100), min_size=9, max_size=9).map(
            lambda x: np.array(x).reshape(3, 3)
        ),
        max_size=3,
    ),
)


@settings(deadline=None)
@given(sample=samples)
def test_round_trip(sample: Sample) -> None:
    with h5py.File("x", "w", driver="core", backing_store=False) as file:
        write_sample(file, sample)
        assert read_sample(file) == sample
        if sample.cell is not None:
            np.testing.assert_array_equal(file["sample/unit_cell_abc"][()], sample.cell[:3])


def test_no_group_is_an_empty_sample() -> None:
    with h5py.File("x", "w", driver="core", backing_store=False) as file:
        assert read_sample(file) == Sample()


def test_equality_looks_at_the_axes() -> None:
    one, two = np.eye(3), np.eye(3) * 2
    assert Sample(axes={"a": one}) == Sample(axes={"a": one.copy()})
    assert Sample(axes={"a": one}) != Sample(axes={"a": two})
    assert Sample(axes={"a": one}) != Sample(axes={"b": one})
    assert Sample() != Sample(space_group="P 1")
    assert Sample() != 3


def test_an_unknown_mode_is_refused() -> None:
    with h5py.File("x", "w", driver="core", backing_store=False) as file:
        write_sample(file, Sample(grid=Grid((1, 1, 1))))
        del file["sample/grid/mode"]
        file["sample/grid/mode"] = "spiral"
        with pytest.raises(ValueError, match="spiral"):
            read_sample(file)
