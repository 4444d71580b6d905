"""Spectra of single pixels: events, coverage, and the pixels of Horace that they make."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from ewaldite.kernels import cut_events as why
from ewaldite.kernels import spectra as kernel
from kernels.cuda.cuts import K2, tables
from kernels.plain_cut import masked

CUT = tables(pixels=8, steps=4, cells=15)
PIXEL, FLUX = CUT["pixel"], CUT["flux"]
LOW, WIDTH, RANGES = -1.2, 0.25, 9
TOP = LOW + WIDTH * RANGES


def counted(first_pixel: int, first_step: int, shape: tuple[int, ...], *given: Any) -> Any:
    out, tally = np.zeros(shape, np.uint32), np.zeros(why.REASONS, np.int64)
    kernel.count_events(*given, first_pixel, first_step, PIXEL, LOW, WIDTH, K2, out, tally)
    return out, tally


def some_events(n: int = 2000) -> tuple[Any, ...]:
    rng = np.random.default_rng(2)
    pixel = rng.integers(0, 8, n).astype(np.int32)
    step = rng.integers(-1, 4, n).astype(np.int32)
    reason = rng.choice([why.IN_CUT, why.NO_FLUX, why.MASKED], n, p=[0.8, 0.1, 0.1])
    return pixel, rng.uniform(1.0, 1.8, n), step, reason.astype(np.int8)


def test_events_are_counted_by_pixel_step_and_transfer() -> None:
    pixel, k_i, step, reason = some_events()
    out, tally = counted(0, 0, (4, 8, RANGES), pixel, k_i, step, reason)
    transfer = K2 * k_i**2 - PIXEL.table[pixel, 0]
    good = (step >= 0) & (reason == why.IN_CUT)
    expected, _ = np.histogramdd(
        np.stack([step[good], pixel[good], transfer[good]], axis=1),
        [np.arange(5), np.arange(9), LOW + WIDTH * np.arange(RANGES + 1)],
    )
    assert_array_equal(out, expected)
    inside = good & (transfer >= LOW) & (transfer < TOP)
    assert tally[why.IN_CUT] == inside.sum() == out.sum()
    assert tally[why.OUTSIDE] == (good & ~inside).sum() > 0
    assert tally[why.NO_STEP] == (step < 0).sum()
    for one in (why.NO_FLUX, why.MASKED):
        assert tally[one] == ((step >= 0) & (reason == one)).sum()
    assert tally.sum() == pixel.size


def test_blocks_of_steps_and_pixels_make_the_whole() -> None:
    given = some_events()
    whole, tally = counted(0, 0, (4, 8, RANGES), *given)
    out, sums = np.zeros_like(whole), np.zeros_like(tally)
    for pixels in (slice(0, 3), slice(3, 8)):
        # as when triplets are counted one after the other: each has events of its own
        own = (given[0] >= pixels.start) & (given[0] < pixels.stop)
        for steps in (slice(0, 1), slice(1, 4)):
            shape = (steps.stop - steps.start, pixels.stop - pixels.start, RANGES)
            part = counted(pixels.start, steps.start, shape, *(a[own] for a in given))
            out[steps, pixels] = part[0]
            sums += part[1]
    assert_array_equal(out, whole)
    assert_array_equal(sums, tally)


def plain_cover(first_pixel: int, first_step: int, shape: tuple[int, int, int]) -> Any:
    coverage, covered = np.zeros(shape), np.zeros(shape)
    bounds = LOW + WIDTH * np.arange(shape[2] + 1)
    for s, c in np.ndindex(shape[:2]):
        j, p = first_step + s, first_pixel + c
        if not PIXEL.table[p, 1] > 0:
            continue
        edges = K2 * FLUX.edges[FLUX.edge_of[j] :][:16] ** 2 - PIXEL.table[p, 0]
        for m in range(15):
            n = FLUX.counts[FLUX.count_of[j] + m]
            if n < 0 or masked(CUT, j, p, m):
                continue
            part = np.diff(np.clip(bounds, edges[m], edges[m + 1]))
            coverage[s, c] += n * PIXEL.table[p, 1] * part / (edges[m + 1] - edges[m])
            covered[s, c] += part / WIDTH
    return coverage, covered


def test_cells_are_shared_out_by_energy() -> None:
    for first_pixel, first_step, shape in ((0, 0, (4, 8, RANGES)), (2, 1, (2, 3, RANGES))):
        coverage, covered = np.zeros(shape), np.zeros(shape)
        kernel.cover(first_pixel, first_step, PIXEL, FLUX, LOW, WIDTH, K2, coverage, covered)
        expected = plain_cover(first_pixel, first_step, shape)
        assert_allclose(coverage, expected[0], rtol=1e-9, atol=1e-9)
        assert_allclose(covered, expected[1], rtol=1e-9, atol=1e-9)
        assert covered.max() <= 1.0 + 1e-12
        assert np.any((covered > 0.01) & (covered < 0.99))


def test_pixels_of_horace() -> None:
    rng = np.random.default_rng(6)
    shape = (2, 3, RANGES)
    counts = rng.poisson(3.0, shape).astype(np.uint32)
    coverage = rng.uniform(0.0, 5.0, shape) * (rng.random(shape) < 0.8)
    covered = rng.uniform(0.0, 1.0, shape)
    covered[0, 0, 0], coverage[0, 0, 0] = 0.5, 2.0  # just enough
    along, turn = rng.normal(size=(2, 3)), rng.normal(size=(2, 3, 3))
    pixel = PIXEL._replace(table=PIXEL.table.copy())
    pixel.table[:, 1] = 1.0
    pixel.table[5, 1] = 0.0
    out = np.full((counts.size, kernel.PIXEL_COLUMNS), np.nan, np.float32)
    found = kernel.fill_pixels(
        counts, coverage, covered, 0.5, 1.7, 4, pixel, along, turn, 11, LOW, WIDTH, K2, out
    )
    taken = (coverage > 0) & (covered >= 0.5)
    taken[:, 1] = False
    where = np.argwhere(taken)
    assert found == len(where) > 10
    assert np.isnan(out[found:]).all()
    for row, (s, c, i) in zip(out, where, strict=False):
        transfer = LOW + (i + 0.5) * WIDTH
        k = np.sqrt((transfer + pixel.table[4 + c, 0]) / K2)
        q = k * along[s] - turn[s] @ pixel.k_f[4 + c]
        one = 1.7 / coverage[s, c, i]
        n = counts[s, c, i]
        expected = [*q, transfer, 11 + s, 4 + c + 1, i + 1, n * one, n * one**2]
        assert_allclose(row, expected, rtol=1e-5, atol=1e-6)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.lists(st.tuples(*[st.floats(-3, 6, width=32)] * 3), max_size=12))
def test_bins_of_the_image(points: list[tuple[float, ...]]) -> None:
    table = np.array(points, np.float32).reshape(-1, 3)
    low, inverse, number = np.array([-1.0, 0.0, 2.0]), np.array([2.0, 1.0, 4.0]), (4, 3, 5)
    found = kernel.image_bins(table, low, inverse, np.array(number))
    i = np.floor((table.astype(np.float64) - low) * inverse).astype(int)
    i = np.clip(i, 0, np.array(number) - 1)
    assert_array_equal(found, np.ravel_multi_index(tuple(i.T), number, order="F"))
