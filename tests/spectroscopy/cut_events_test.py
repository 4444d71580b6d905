"""Events in the bins of a cut: numbers, weights, and the order in which they come."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ewaldite.crystal.symmetry import space_group
from ewaldite.geometry.neutron import energy
from ewaldite.spectroscopy.cut import Cut
from ewaldite.spectroscopy.cut_events import EventCounts, EventSums
from ewaldite.spectroscopy.cut_grid import cut_grid
from ewaldite.spectroscopy.event_mask import MaskCounts
from spectroscopy.coverage_test import BAND, CUBIC_HKL, TWO, setup

FloatArray = NDArray[np.float64]
EVENTS = st.integers(0, 2**32 - 1).map(np.random.default_rng)
ENERGY = Cut(name="e", axes=["energy_transfer"], bins={"energy_transfer": (-1, 2, 0.5)})


def draw(rng: np.random.Generator, n: int = 400) -> tuple[NDArray[np.int64], ...]:
    k = rng.uniform(BAND.edges[0] - 0.01, BAND.edges[-1] + 0.01, n)
    return rng.integers(0, 35, n), k, rng.integers(-1, 4, n)  # type: ignore[return-value]


def sums_of(cut: Cut = TWO, spread: float = 1.0) -> EventSums:
    """Weights of pixels over so many decades."""
    pixel, _, _, steps = setup()
    table = pixel.table.copy()
    table[:, 1] *= np.logspace(0, -spread, 35)
    return EventSums(cut_grid(cut, CUBIC_HKL), replace(pixel, table=table), steps)


@settings(deadline=None, max_examples=20)
@given(EVENTS, st.floats(0, 6))
def test_weights_are_those_of_the_formula(rng: np.random.Generator, decades: float) -> None:
    sums = sums_of(ENERGY, decades)
    pixel, k, step = draw(rng)
    sums.add(pixel, k, step)
    cell = np.searchsorted(BAND.edges, k, side="right") - 1
    inside = (cell >= 0) & (cell < len(BAND)) & (step >= 0)
    cell = np.clip(cell, 0, len(BAND) - 1)
    exposed = sums.exposed
    counts = exposed.counts.reshape(4, -1)[step, cell]
    usable = exposed.usable.reshape(4, -1)[step, cell]
    inside &= counts >= 0
    w = np.where(usable, BAND.width[cell] / np.where(usable, counts, 1.0), 0.0)
    w = w / sums.pixel.table[pixel, 1]
    bin_ = np.floor((energy(k) - sums.pixel.table[pixel, 0] + 1) / 0.5).astype(int)
    inside &= (bin_ >= 0) & (bin_ < 6)
    expected = np.zeros((6, 4))
    for column, value in enumerate((np.ones(k.size), np.ones(k.size), w, w**2)):
        np.add.at(expected[:, column], bin_[inside], value[inside])
    scale = expected.max(axis=0, keepdims=True)
    np.testing.assert_array_equal(sums.sums[:, :2], expected[:, :2])
    np.testing.assert_allclose(sums.sums, expected, rtol=1e-9, atol=1e-15 * scale.max())
    assert sums.reasons["in_cut"] == np.count_nonzero(inside)


@settings(deadline=None, max_examples=20)
@given(EVENTS, st.integers(0, 400), st.sampled_from([None, "P m -3 m"]))
def test_the_order_of_events_changes_no_bit(
    rng: np.random.Generator, split: int, group: str | None
) -> None:
    operations = None if group is None else space_group(group).point_operations
    base = sums_of()
    grid = cut_grid(TWO, CUBIC_HKL, operations)
    whole, one, two = (EventSums(grid, base.pixel, base.exposed) for _ in range(3))
    events = draw(rng)
    whole.add(*events)
    order = rng.permutation(events[0].size)
    one.add(*(column[order[:split]] for column in events))
    two.add(*(column[order[split:]] for column in events))
    total = two.total.add(one.total)
    np.testing.assert_array_equal(total.counts, whole.total.counts)
    np.testing.assert_array_equal(total.tally, whole.total.tally)
    assert total.tally.sum() == 400


def test_angles_of_events_change_nothing_where_nothing_moves() -> None:
    still, moving = sums_of(), sums_of()
    pixel, k, step = draw(np.random.default_rng(1), 4000)
    still.add(pixel, k, step)
    moving.add(pixel, k, step, a3=still.exposed.a3[step], a4=still.exposed.a4[step])
    np.testing.assert_array_equal(still.total.counts[:, :2], moving.total.counts[:, :2])
    np.testing.assert_allclose(still.sums, moving.sums, rtol=1e-12)


def test_counts_come_back_from_arrays() -> None:
    sums = sums_of()
    sums.add(*draw(np.random.default_rng(2)))
    sums.total.masks.plus(MaskCounts(7, 3, {"dead": 2, "late": 1}))
    back = EventCounts.of_arrays(sums.total.arrays())
    np.testing.assert_array_equal(back.counts, sums.total.counts)
    np.testing.assert_array_equal(back.tally, sums.total.tally)
    assert back.masks == sums.total.masks
    twice = back.add(sums.total)
    assert twice.masks == MaskCounts(14, 6, {"dead": 4, "late": 2})


def test_a_cut_without_flux_takes_no_weight() -> None:
    sums = sums_of()
    table = np.zeros_like(sums.pixel.table)
    none = EventSums(sums.grid, replace(sums.pixel, table=table), sums.exposed)
    none.add(*draw(np.random.default_rng(3)))
    assert none.sums.sum() == 0
    assert none.reasons["no_pixel"] + none.reasons["no_step"] == 400
    assert pytest.approx(1.0) == none.units[0]
