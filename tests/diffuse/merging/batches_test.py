from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from diffuse.merging.three_batches import observe, pieces
from ewaldite.crystal.symmetry import space_group
from ewaldite.diffuse.merging.batches import BatchSums
from ewaldite.diffuse.merging.blocks import Blocks
from ewaldite.diffuse.merging.entries import Entries
from ewaldite.diffuse.merging.merge_sums import Merger
from ewaldite.diffuse.observations import Observations

GROUP = space_group("P 21 21 21")


def entries_of(table: Observations, cuts: list[int], places: int) -> tuple[Entries, Merger]:
    """Entries with as many places as told: fewer than observations are found by hashing."""
    blocks = Blocks(lambda: pieces(table, cuts))
    survey = blocks.survey(GROUP)
    merger = Merger(survey, "ratio", 0)
    sums = BatchSums(3, len(merger.voxels), places, angle=lambda o: o.iz, width=10.0, seed=1)
    for block in blocks.predicted(survey.rates):
        row, w = merger.add(block)
        sums.add(row, block, w)
    assert sums.range.tolist() == [[0, 8]] * 3
    for block in blocks.predicted(survey.rates):
        sums.deal(merger.rows(block), block, merger.weights(block))
    return sums.entries(), merger


@pytest.fixture(scope="module")
def table() -> Observations:
    rng = np.random.default_rng(1)
    found = observe(rng, 20.0, voxels=200, background=1.0)
    # the batches saw different voxels
    return found.select(rng.random(len(found)) < 0.2 + 0.3 * found.sweep)


def test_hashed_or_not_entries_are_the_same_bits(table: Observations) -> None:
    dense, _ = entries_of(table, [], 10_000)
    hashed, _ = entries_of(table, [100, 350], 0)
    for f in fields(Entries):
        first, second = getattr(dense, f.name), getattr(hashed, f.name)
        if f.name == "halves":
            for a, b in zip(first, second, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-9)
        else:
            np.testing.assert_allclose(first, second, rtol=1e-12)
            assert first.dtype == second.dtype
    assert np.all(np.diff(dense.row.astype(int) * 3 + dense.batch) > 0)


def test_entries_are_what_each_batch_saw(table: Observations) -> None:
    entries, merger = entries_of(table, [333], 0)
    assert entries.number.sum() == len(table)
    assert (
        np.bincount(entries.batch, entries.number).tolist() == np.bincount(table.sweep).tolist()
    )
    # batches add up to the whole
    total = np.bincount(entries.row, entries.q)
    level = np.bincount(entries.row, entries.q * entries.intensity) / total
    np.testing.assert_allclose(level, merger.sums.intensity)
    a, b = entries.halves
    assert np.array_equal(np.isfinite(a), entries.number > 1)
    both = np.isfinite(a)
    low, high = np.minimum(a, b)[both], np.maximum(a, b)[both]
    assert np.all(low <= entries.intensity[both] + 1e-9)
    assert np.all(entries.intensity[both] <= high + 1e-9)
    assert entries.first_bin.min() >= 0
    assert entries.first_bin.max() <= 8
