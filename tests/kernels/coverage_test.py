"""Sums and variances of a coverage, against cells that are shared out one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from ewaldite.kernels.coverage import AMOUNTS, ERRORS, SQUARES, SUMS, by_pixel, cell_amounts
from ewaldite.kernels.coverage_readings import blocks_of, by_interval
from ewaldite.kernels.cut_walk import BLOCK
from kernels.cuda.cuts import K2, readings, room, tables
from kernels.plain_cut import cells_of

FloatArray = NDArray[np.float64]
SMALL: dict[str, Any] = {"pixels": 7, "steps": 3, "cells": 9, "shape": (5, 4)}


def grids(cut: Any, column: int, groups: int) -> FloatArray:
    """Amounts by pixel (column 0) or interval (column 2); dims (group, bin, amount)."""
    out = np.zeros((groups, int(np.prod(cut["grid"].number)), AMOUNTS))
    for cell in cells_of(cut):
        out[cell[column], cell[3]] += cell[4:]
    return out


def close(found: FloatArray, expected: FloatArray) -> None:
    assert np.abs(expected).max() > 0
    assert_allclose(found, expected, rtol=1e-9, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_sums_and_variances_of_pixels(seed: int) -> None:
    cut = tables(**SMALL, seed=seed)
    table = cut["pixel"].table
    bins, record = room(cut)
    terms = by_pixel(np.arange(7), *cut.values(), K2, bins, record)
    own = grids(cut, 0, 7)
    close(bins[:, SUMS : SUMS + AMOUNTS], own.sum(axis=0))
    variance = (own[..., :ERRORS] ** 2 * table[:, 2, None, None]).sum(axis=0)
    close(bins[:, SQUARES:], variance)
    assert not bins[:, :AMOUNTS].any()  # room for the next pixel is left empty
    terms_by_pixel = np.zeros((bins.shape[0], 7))
    np.add.at(terms_by_pixel, (record[0][:terms], record[1][:terms]), record[2][:terms])
    close(terms_by_pixel.T, own[..., 0])


def test_pixels_are_summed_as_chosen_and_add_to_what_is_there() -> None:
    cut = tables(**SMALL)
    whole, record = room(cut)
    by_pixel(np.arange(7), *cut.values(), K2, whole, record)
    parts, record = room(cut)
    for some in ([6, 0], [], [3], [1, 2, 5, 4]):
        by_pixel(np.array(some, np.int64), *cut.values(), K2, parts, record)
    assert_allclose(parts, whole, rtol=1e-12)


def test_terms_beyond_the_room_are_counted_only() -> None:
    cut = tables(**SMALL)
    bins, record = room(cut)
    terms = by_pixel(np.arange(7), *cut.values(), K2, bins, record)
    for size in (0, 3):
        again, short = room(cut, size)
        assert by_pixel(np.arange(7), *cut.values(), K2, again, short) == terms
        np.testing.assert_array_equal(again, bins)
        for one, other in zip(short, record, strict=True):
            np.testing.assert_array_equal(one, other[:size])
    members, bounds, relative = readings(cut)
    of_readings = members, bounds, 0, 9, relative, *cut.values(), K2
    terms = by_interval(*of_readings, bins, record)
    for size in (0, 3):
        again, short = room(cut, size)
        assert by_interval(*of_readings, again, short) == terms > 3
        for one, other in zip(short, record, strict=True):
            np.testing.assert_array_equal(one, other[:size])


@pytest.mark.parametrize("seed", [1, 3])
def test_variances_of_readings(seed: int) -> None:
    cut = tables(**SMALL, seed=seed)
    members, bounds, relative = readings(cut)
    own = grids(cut, 2, 9)
    _, record = room(cut)
    squares = np.full((own.shape[1], ERRORS + 1), 0.5)
    terms = by_interval(members, bounds, 2, 8, relative, *cut.values(), K2, squares, record)
    # an interval that counted nothing has no error of its counts
    flux = cut["flux"]
    counted = np.zeros((9, own.shape[1], ERRORS))
    for _, j, m, i, n_w, width, _ in cells_of(cut):
        if flux.counts[flux.count_of[j] + m] > 0:
            counted[m, i] += (n_w, width)
    expected = (counted[2:8] ** 2 * relative[2:8, None, None]).sum(axis=0)
    close(squares[:, 1:] - 0.5, expected)
    assert np.all(squares[:, 0] == 0.5)  # only the last columns grow
    seen = np.zeros((9, own.shape[1]))
    np.add.at(seen, (record[1][:terms], record[0][:terms]), record[2][:terms])
    close(seen[2:8], counted[2:8, :, 0])
    assert not seen[[0, 1, 8]].any()


def test_more_pixels_than_a_block_and_more_cells_than_a_block() -> None:
    # blocks of the one kernel are of pixels, those of the other of cells
    for shape in ({"pixels": BLOCK + 3, "cells": 3}, {"pixels": 2, "cells": BLOCK + 5}):
        cut = tables(steps=1, shape=(3, 3), seed=4, **shape)
        n = cut["pixel"].table.shape[0]
        bins, record = room(cut)
        by_pixel(np.arange(n), *cut.values(), K2, bins, record)
        close(bins[:, SUMS : SUMS + AMOUNTS], grids(cut, 0, n).sum(axis=0))
        members, bounds, relative = readings(cut)
        squares = np.zeros((bins.shape[0], ERRORS))
        last = bounds.size - 1
        by_interval(members, bounds, 0, last, relative, *cut.values(), K2, squares, record)
        own = grids(cut, 2, last)
        close(squares[:, 0], (own[..., 0] ** 2 * relative[:, None]).sum(axis=0))


def test_nothing_takes_part() -> None:
    cut = tables(**SMALL)
    cut["pixel"].table[:, 1] = 0.0
    bins, record = room(cut)
    members, bounds, relative = readings(cut)
    assert by_pixel(np.arange(7), *cut.values(), K2, bins, record) == 0
    assert by_interval(members, bounds, 0, 9, relative, *cut.values(), K2, bins, record) == 0
    assert not bins.any()
    assert blocks_of(np.zeros(0, np.int64), cut["pixel"]).shape == (0, 4, BLOCK)


def test_a_step_without_flux_adds_nothing() -> None:
    cut = tables(**SMALL)
    flux = cut["flux"]
    bins, record = room(cut)
    by_pixel(np.arange(7), *cut.values(), K2, bins, record)
    only = cut | {"flux": flux._replace(cells=np.array([0, 9, 9]))}
    fewer, record = room(cut)
    by_pixel(np.arange(7), *only.values(), K2, fewer, record)
    close(fewer[:, SUMS : SUMS + AMOUNTS], grids(only, 0, 7).sum(axis=0))
    assert fewer[:, SUMS].sum() < bins[:, SUMS].sum()


def test_amounts_of_cells() -> None:
    cut = tables(**SMALL)
    flux = cut["flux"]
    amounts = cell_amounts(flux, K2)
    for j in range(3):
        edges = flux.edges[flux.edge_of[j] :][:10]
        rows = slice(flux.count_of[j], flux.count_of[j] + 9)
        span = np.where(flux.counts[rows] < 0, 0.0, np.diff(K2 * edges**2))
        assert_allclose(amounts[rows, 0], np.maximum(flux.counts[rows], 0.0))
        assert_allclose(amounts[rows, 1], span * flux.usable[rows])
        assert_allclose(amounts[rows, 2], span)
