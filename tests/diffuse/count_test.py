from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from diffuse.setups import (
    SHAPE,
    Setup,
    by_voxel,
    images,
    in_order,
    labelled,
    pairs_of,
    setup,
)
from ewaldite.diffuse.count import NO_CEILING, Limits, Tally, count_frames, retract_rejected
from ewaldite.diffuse.paths import Trace
from ewaldite.kernels import walk
from ewaldite.model.grid import Grid
from ewaldite.model.partition import Partition

FILTER = Grid((3, 3, 3))
PARTITIONS = {
    "histogram path": Partition.of(FILTER),
    "counts path": Partition.of(FILTER, Grid((2, 1, 4))),
    "finer": Partition.of(FILTER, Grid((6, 6, 6), "split")),
}


def counted(
    given: Setup,
    partition: Partition,
    frames: list[NDArray[Any]],
    bins: int = 5,
    ceiling: int = NO_CEILING,
    floor: int = 0,
) -> tuple[Trace, Tally]:
    trace = given.trace(partition)
    tally = count_frames(
        paths=trace,
        frames=frames,
        partition=partition,
        filter_grid=FILTER,
        bins=bins,
        limits=Limits(floor, ceiling),
    )
    return trace, tally


def valid_pairs(
    given: Setup, frames: list[NDArray[Any]], ceiling: int = NO_CEILING
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Values of all pairs, and which are counts; dims (frame, good pixel)."""
    values = np.stack([f[given.good].astype(np.int64) for f in frames])
    return values, (values >= 0) & (values < ceiling)


def pairs_in(tally: Tally) -> list[tuple[int, int, int]]:
    """Pixel, kind and frame of what was rejected."""
    return [
        (r >> 34, r >> 32 & 3, frame)
        for r in tally.rejected.tolist()
        for frame in range(r >> 16 & 0xFFFF, (r & 0xFFFF) + 1)
    ]


def brute_tally(
    given: Setup, frames: list[NDArray[Any]], bins: int, ceiling: int = NO_CEILING
) -> dict[tuple[int, ...], tuple[list[int], list[int], list[int]]]:
    """Histogram, overflow and the summed counts by filter voxel, pair by pair."""
    voxels = pairs_of(given).labels((FILTER,))
    values, valid = valid_pairs(given, frames, ceiling)
    out: dict[tuple[int, ...], tuple[list[int], list[int], list[int]]] = {}
    for frame, pixel in np.ndindex(values.shape):
        histogram, overflow, total = out.setdefault(
            tuple(voxels[frame, pixel].tolist()), ([0] * bins, [0, 0], [0])
        )
        c = int(values[frame, pixel])
        if not valid[frame, pixel]:
            continue
        total[0] += c
        if c < bins:
            histogram[c] += 1
        else:
            overflow[0] += 1
            overflow[1] += c
    return out


def with_bad_values(frames: list[NDArray[Any]], seed: int = 8) -> list[NDArray[Any]]:
    """Strew markers and overloads over frames; one pixel is dead, one voxel-rich row too."""
    rng = np.random.default_rng(seed)
    out = []
    for frame in frames:
        bad = frame.copy()
        bad[rng.random(SHAPE) < 0.1] = -1
        bad[rng.random(SHAPE) < 0.05] = -2
        bad[rng.random(SHAPE) < 0.05] = 1000
        bad[3, :] = 1_000_000
        bad[10, 5] = -1
        out.append(bad)
    return out


@pytest.mark.parametrize("partition", PARTITIONS.values(), ids=PARTITIONS)
@pytest.mark.parametrize("ceiling", [NO_CEILING, 1000, 4])
def test_every_pair_is_where_brute_force_puts_it(partition: Partition, ceiling: int) -> None:
    given = setup()
    frames = with_bad_values(images(given))
    expected = brute_tally(given, frames, 5, ceiling)
    trace, tally = counted(given, partition, frames, ceiling=ceiling)
    found = [tuple(i) for i in tally.filter_index.tolist()]
    assert len(found) == len(set(found)) == len(expected)
    counts = np.bincount(tally.to_filter, tally.counts, minlength=len(found))
    dense = tally.histogram.dense()
    for row, voxel in enumerate(found):
        histogram, overflow, total = expected[voxel]
        assert dense[row].tolist() == histogram
        assert tally.overflow[row].tolist() == overflow
        assert counts[row] == total[0]
    np.testing.assert_array_equal(
        partition.voxel(FILTER, trace.index), tally.filter_index[tally.to_filter]
    )
    values, valid = valid_pairs(given, frames, ceiling)
    pixel = np.flatnonzero(given.good.reshape(-1))
    frame, column = np.nonzero(~valid)
    over = (values[frame, column] >= ceiling).astype(np.int64)
    noted = [*zip(pixel[column].tolist(), over.tolist(), frame.tolist(), strict=True)]
    assert sorted(pairs_in(tally)) == sorted(noted)
    assert over.any() == (ceiling != NO_CEILING)
    assert tally.counts.sum() == values[valid].sum()
    assert tally.rejections().tolist() == [(over == 0).sum(), (over == 1).sum(), 0]


def test_without_histograms_counts_are_the_same() -> None:
    given = setup()
    frames = with_bad_values(images(given))
    for partition in PARTITIONS.values():
        trace, with_bins = counted(given, partition, frames)
        again, without = counted(given, partition, frames, bins=0)
        np.testing.assert_array_equal(trace.keys, again.keys)
        np.testing.assert_array_equal(with_bins.counts, without.counts)
        np.testing.assert_array_equal(np.sort(with_bins.rejected), np.sort(without.rejected))
        assert without.histogram.bins == 0


def test_few_voxels_with_one_segment_each() -> None:
    # as many segments as filter voxels, but in another order
    given = setup(2, 0.01)
    pairs = pairs_of(given)
    left = pairs.pixel % SHAPE[1] < 19
    pixel, h = pairs.pixel[left], pairs.labels((FILTER,))[0, left, 0]
    first = h.argmax()
    second = first + 1 + h[first + 1 :].argmin()
    good = np.zeros(SHAPE, bool)
    good.reshape(-1)[pixel[[first, second]]] = True
    given = replace(given, good=good)
    frames = images(given, 3.0)
    expected = brute_tally(given, frames, 5)
    trace, tally = counted(given, PARTITIONS["finer"], frames)
    assert trace.keys.size == len(tally.filter_index) == len(expected) == 2
    assert tally.to_filter.tolist() == [1, 0]
    for row, voxel in enumerate(tally.filter_index.tolist()):
        assert tally.histogram.dense()[row].tolist() == expected[tuple(voxel)][0]


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.uint32])
def test_integer_types_give_one_result(dtype: type[np.integer[Any]]) -> None:
    given = setup()
    frames = images(given)
    _, expected = counted(given, PARTITIONS["histogram path"], frames)
    _, tally = counted(given, PARTITIONS["histogram path"], [f.astype(dtype) for f in frames])
    np.testing.assert_array_equal(tally.histogram.dense(), expected.histogram.dense())
    np.testing.assert_array_equal(tally.counts, expected.counts)


@pytest.mark.parametrize("partition", PARTITIONS.values(), ids=PARTITIONS)
@pytest.mark.parametrize(
    "given", [setup(), setup(26, 30.0, seed=2), setup().without_background()],
    ids=["wedge", "turns", "no background"],
)  # fmt: skip
def test_retracted_pairs_leave_no_trace(given: Setup, partition: Partition) -> None:
    frames = with_bad_values(images(given))
    trace, tally = counted(given, partition, frames, ceiling=1000)
    before = trace.sums.copy()
    retracted = retract_rejected(
        trace=trace,
        rejected=tally.rejected,
        features=given.features,
        partition=partition,
        clock=given.clock,
        background=given.background,
    )
    values, valid = valid_pairs(given, frames, 1000)
    pairs = pairs_of(given)
    labels, sums = pairs.sums(partition.grids, valid)
    seen = trace.sums[:, walk.PIXELS] > 0.5
    found = labelled(partition, trace.index[seen])
    order = in_order(found)
    np.testing.assert_array_equal(found[order], labels)
    scale = np.abs(before).max(axis=0)
    columns = min(trace.sums.shape[1], walk.COLUMNS)
    difference = np.abs(trace.sums[seen, :columns][order] - sums[:, :columns])
    assert np.all(difference <= 5e-9 * np.abs(sums[:, :columns]) + 1e-12 * scale[:columns])
    # and the rows without any count hold only rounding, so that they may be left out
    assert np.all(np.abs(trace.sums[~seen]) <= 1e-12 * scale)
    for which, grid in enumerate(partition.grids if given.background is not None else ()):
        column = trace.sums[seen, walk.BACKGROUND_VARIANCE + which]
        found, variance = by_voxel(partition, grid, trace.index[seen], column)
        voxel, expected = pairs.variance(grid, valid)
        np.testing.assert_array_equal(found, voxel)
        np.testing.assert_allclose(variance, expected, rtol=1e-9, atol=1e-12 * scale[-1])
    assert retracted[:, 0].sum() == len(pairs_in(tally)) == (~valid).sum() > 500
    np.testing.assert_array_equal(
        before[:, walk.PIXELS] - retracted[:, 0], np.rint(trace.sums[:, walk.PIXELS])
    )
    # those with too high a count, segment by segment
    every, at = np.unique(
        pairs.labels(partition.grids).reshape(-1, 3 * len(partition.grids)),
        axis=0, return_inverse=True,
    )  # fmt: skip
    over = np.bincount(at, (values >= 1000).reshape(-1), minlength=len(every))
    rows = in_order(labelled(partition, trace.index))
    np.testing.assert_array_equal(retracted[rows, 1], over)
    assert 0 < over.sum() < (~valid).sum()


def test_what_stays_of_a_voxel_when_a_segment_of_it_is_gone() -> None:
    # every pixel gives no count as long as it is in some of the segments
    given, partition = setup(), PARTITIONS["counts path"]
    pairs = pairs_of(given)
    labels = pairs.labels(partition.grids)
    gone = labels.sum(axis=-1) % 3 == 0
    frames = images(given)
    for frame, bad in zip(frames, gone, strict=True):
        frame.reshape(-1)[pairs.pixel[bad]] = -1
    trace, tally = counted(given, partition, frames)
    retracted = retract_rejected(
        trace=trace,
        rejected=tally.rejected,
        features=given.features,
        partition=partition,
        clock=given.clock,
        background=given.background,
    )
    np.testing.assert_array_equal(retracted.sum(axis=0), [gone.sum(), 0])
    seen = trace.sums[:, walk.PIXELS] > 0.5
    assert 100 < seen.sum() < len(seen) - 100
    for which, grid in enumerate(partition.grids):
        column = trace.sums[:, walk.BACKGROUND_VARIANCE + which]
        assert np.all(np.abs(column[~seen]) <= 1e-12 * column.max())
        found, variance = by_voxel(partition, grid, trace.index[seen], column[seen])
        voxel, expected = pairs.variance(grid, ~gone)
        np.testing.assert_array_equal(found, voxel)
        np.testing.assert_allclose(variance, expected, rtol=1e-9, atol=1e-14)


def test_nothing_rejected_changes_nothing() -> None:
    given, partition = setup(), PARTITIONS["histogram path"]
    trace, tally = counted(given, partition, images(given))
    before = trace.sums.copy()
    assert tally.rejected.size == 0
    retracted = retract_rejected(
        trace=trace,
        rejected=tally.rejected,
        features=given.features,
        partition=partition,
        clock=given.clock,
        background=given.background,
    )
    np.testing.assert_array_equal(trace.sums, before)
    assert not retracted.any()
