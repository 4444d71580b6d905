"""Sums of a wedge come back from their file to the bit."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ewaldite.diffuse.collect import Collected, CollectedWedge, collect
from ewaldite.diffuse.shard_file import (
    load_collected,
    load_masked,
    load_summary,
    load_wedge,
    save_collected,
    save_wedge,
)
from ewaldite.diffuse.wedge_sums import WedgeSums
from ewaldite.model.grid import Grid
from ewaldite.model.partition import Partition
from ewaldite.model.sums import Sums

GRIDS = (Grid((3, 3, 3)), Grid((2, 4, 1), "split"), Grid((1, 1, 1)))
NAMES = ("pixels", "exposure", "background_variance 0", "background_variance 2")
DOUBLES = st.floats(width=64, allow_nan=True, allow_infinity=True)


@st.composite
def tables(draw: st.DrawFn) -> Sums:
    """Any table, special values and none among them."""
    n = draw(st.integers(0, 6))
    index = draw(arrays(np.int64, (n, 3), elements=st.integers(-1000, 1000)))
    columns = {name: draw(arrays(np.float64, n, elements=DOUBLES)) for name in NAMES}
    counts = draw(arrays(np.int64, n, elements=st.integers(-(2**63), 2**63 - 1)))
    return Sums(index, {**columns, "rejected": counts})


@st.composite
def wedges(draw: st.DrawFn) -> WedgeSums:
    masked = draw(arrays(np.int64, (draw(st.integers(0, 4)), 3), elements=st.integers(-9, 9)))
    finite = st.floats(allow_nan=False, allow_infinity=False)
    summary = draw(st.dictionaries(st.sampled_from(["counts", "frames", "voxels"]), finite))
    grids = draw(st.permutations(GRIDS))
    return WedgeSums(Partition.of(*grids), grids[0], draw(tables()), masked, summary)


def assert_same_bits(first: Sums, second: Sums) -> None:
    assert first.index.dtype == second.index.dtype == np.int64
    np.testing.assert_array_equal(first.index, second.index)
    assert list(first.columns) == list(second.columns)
    for name, column in first.columns.items():
        assert column.dtype == second[name].dtype
        assert column.tobytes() == second[name].tobytes()


@settings(deadline=None, max_examples=40)
@given(wedges())
def test_a_wedge_comes_back_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, sums: WedgeSums
) -> None:
    path = tmp_path_factory.mktemp("wedge") / "w.npz"
    save_wedge(sums, path)
    back = load_wedge(path)
    assert_same_bits(back.segments, sums.segments)
    assert back.masked.dtype == np.int64
    np.testing.assert_array_equal(back.masked, sums.masked)
    assert back.summary == sums.summary
    assert back.filter_grid == sums.filter_grid
    assert back.partition.grids == sums.partition.grids
    np.testing.assert_array_equal(back.partition.segment, sums.partition.segment)


@settings(deadline=None, max_examples=40)
@given(
    st.dictionaries(st.sampled_from(["map", "table", "bragg"]), st.tuples(tables(), tables()))
)
def test_a_wedge_on_several_grids_comes_back_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, given_tables: dict[str, tuple[Sums, Sums]]
) -> None:
    path = tmp_path_factory.mktemp("grids") / "g.npz"
    collected = {name: Collected(*pair) for name, pair in given_tables.items()}
    save_collected(CollectedWedge(collected, {"voxels masked": 2.0}), path)
    back = load_collected(path)
    assert back.summary == load_summary(path) == {"voxels masked": 2.0}
    assert list(back.grids) == list(collected)
    for name, one in collected.items():
        assert_same_bits(back.grids[name].included, one.included)
        assert_same_bits(back.grids[name].excluded, one.excluded)


def a_wedge() -> WedgeSums:
    rng = np.random.default_rng(1)
    partition = Partition.of(*GRIDS)
    n = 50
    index = np.unique(rng.integers(-20, 20, (n, 3)), axis=0)
    size = len(index)
    columns = {name: rng.normal(size=size) for name in ("counts", "pixels", "exposure")}
    columns |= {f"background_variance {i}": rng.random(size) for i in range(3)}
    masked = partition.voxel(GRIDS[0], index[::5])
    return WedgeSums(partition, GRIDS[0], Sums(index, columns), masked, {"voxels": 3.0})


def test_a_part_that_is_not_what_was_written_is_seen(tmp_path: Path) -> None:
    sums = a_wedge()
    path = tmp_path / "w.npz"
    save_wedge(sums, path)
    np.testing.assert_array_equal(load_masked(path), sums.masked)
    whole = bytearray(path.read_bytes())
    whole[whole.index(sums.masked.tobytes())] ^= 1
    path.write_bytes(whole)
    with pytest.raises(ValueError, match="CRC-32"):
        load_masked(path)


def test_what_is_made_of_it_is_the_same(tmp_path: Path) -> None:
    """A run that goes on from checkpoints gives what one without a stop gives."""
    sums = a_wedge()
    save_wedge(sums, tmp_path / "w.npz")
    back = load_wedge(tmp_path / "w.npz")
    for grid in GRIDS:
        first, second = (collect(x, grid, x.masked) for x in (sums, back))
        assert_same_bits(first.included, second.included)
        assert_same_bits(first.excluded, second.excluded)


def test_the_name_is_taken_as_it_is(tmp_path: Path) -> None:
    """A checkpoint is written under a temporary name, which numpy must not complete."""
    save_wedge(a_wedge(), tmp_path / "w.part")
    assert [path.name for path in tmp_path.iterdir()] == ["w.part"]
    assert load_wedge(tmp_path / "w.part").summary == {"voxels": 3.0}


def test_a_truncated_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    save_wedge(a_wedge(), path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises((zipfile.BadZipFile, ValueError, OSError)):
        load_wedge(path)
