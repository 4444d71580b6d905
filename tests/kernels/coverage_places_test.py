"""Places of edges and pixels in a cut, and which intervals are looked at."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from ewaldite.kernels.coverage_places import (
    block_limits,
    interval_range,
    place_edges,
    place_pixels,
    window,
)
from ewaldite.kernels.coverage_readings import blocks_of
from ewaldite.kernels.cut_walk import BLOCK
from kernels.cuda.cuts import K2, tables
from kernels.plain_cut import bin_of, coordinates

CUT = tables(pixels=20, steps=3, cells=25)
PIXEL, FLUX, VIEWS, GRID = CUT.values()


def test_edges_of_one_pixel() -> None:
    edge = FLUX.edges[:26]
    for v in (0, 1, 4):
        for p in (0, 7):
            start, end = np.full((4, 27), np.nan), np.full((4, 25), np.nan)
            offset, along = VIEWS.kf[v] @ PIXEL.k_f[p], VIEWS.beam[v] @ PIXEL.k_f[p]
            energy = PIXEL.table[p, 0]
            place_edges(edge, VIEWS.ki[v], offset, energy, along, K2, GRID.rows, start, end)
            expected = coordinates(CUT, v, p, edge).T
            assert_allclose(start[:, :26], expected, rtol=1e-12, atol=1e-12)
            assert_allclose(end, expected[:, 1:], rtol=1e-12, atol=1e-12)
            assert np.isnan(start[:, 26]).all()  # beyond the edges nothing is written


def test_pixels_at_one_wavenumber() -> None:
    k_f = np.ascontiguousarray(np.vstack([PIXEL.k_f.T, PIXEL.table[:, 0]]))
    for v in (0, 3):
        places = np.empty((4, 20))
        sight = (VIEWS.ki[v], VIEWS.kf[v], VIEWS.beam[v])
        place_pixels(1.31, *sight, k_f, K2, GRID.rows, places)
        expected = np.stack([coordinates(CUT, v, p, 1.31)[0] for p in range(20)], axis=1)
        assert_allclose(places, expected, rtol=1e-12, atol=1e-12)


def test_a_pixel_straight_on_has_no_momentum_and_no_error_of_rounding() -> None:
    k = math.sqrt(5.0 / K2)
    rows, zero = np.array([[0.0, 1.0, 0.0, 1.0]]), np.zeros(1)
    start, end = np.empty((1, 2)), np.empty((1, 1))
    place_edges(np.array([k, k]), zero, zero, 5.0, k * (1 + 1e-15), K2, rows, start, end)
    assert np.all((start >= 0) & (start < 1e-7))
    places = np.empty((1, 1))
    beam = np.array([0.0, 0.0, 1.0])
    ahead = np.array([[0.0], [0.0], [k * (1 + 1e-15)], [5.0]])
    place_pixels(k, zero, np.zeros((1, 3)), beam, ahead, K2, rows, places)
    assert 0 <= places[0, 0] < 1e-7


row_of = st.sampled_from(
    [(1.0, 0.0), (-0.7, 0.0), (0.0, 1.0), (0.0, -2.0), (0.0, 0.0), (0.5, 1.0)]
)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(
    st.lists(st.tuples(row_of, st.floats(-2, 2), st.floats(0.1, 3)), min_size=1, max_size=3),
    st.lists(st.floats(-1.5, 1.5), min_size=3, max_size=3),
)
def test_nothing_that_is_inside_is_beyond_the_window(
    given_rows: list[tuple[tuple[float, float], float, float]], offsets: list[float]
) -> None:
    n = len(given_rows)
    a = np.array([row[0] for row, _, _ in given_rows])
    c = np.array([row[1] for row, _, _ in given_rows])
    low = np.array([bottom for _, bottom, _ in given_rows])
    inverse = np.array([4.0 / width for _, _, width in given_rows])
    rows = np.stack([low, inverse, c, np.zeros(n)], axis=1)
    offset, number = np.array(offsets[:n]), np.full(n, 4)
    first, last = window(a, offset, rows, number, 4.0, K2, 0.9, 2.1)
    k = np.linspace(0.9, 2.1, 401)
    u = (a * k[:, None] - offset + c * (K2 * k[:, None] ** 2 - 4.0) - low) * inverse
    inside = np.all((u > 1e-9) & (u < 4 - 1e-9), axis=1)
    assert np.all((k[inside] >= first - 1e-9) & (k[inside] <= last + 1e-9))
    if n == 1 and inside.any() and c[0] * a[0] == 0.0:
        # one row of one term: as narrow as it can be
        step = k[1] - k[0]
        assert k[inside].min() - step <= max(first, 0.9) <= k[inside].min() + 1e-9
        assert k[inside].max() - 1e-9 <= min(last, 2.1) <= k[inside].max() + step


def test_a_row_that_holds_the_length_of_q_or_two_terms_narrows_nothing() -> None:
    zero, number = np.zeros(1), np.array([1])
    for row in ([5.0, 1.0, 0.0, 1.0], [5.0, 1.0, 1.0, 0.0]):
        a = np.array([0.0 if row[3] else 1.0])
        assert window(a, zero, np.array([row]), number, 5.0, K2, 1.0, 1.5) == (1.0, 1.5)


def test_a_constant_row_lets_all_in_or_nothing() -> None:
    rows, number = np.array([[-0.5, 2.0, 0.0, 0.0]]), np.array([2])  # from -0.5 to 0.5
    for offset, inside in (
        (0.0, True),
        (0.5, True),
        (-0.51, False),
        (-0.5, False),
        (0.51, False),
    ):
        low, high = window(np.zeros(1), np.array([offset]), rows, number, 5.0, K2, 1.0, 1.5)
        assert (low <= high) == inside


@pytest.mark.parametrize("edges", [2, 26])
def test_all_intervals_with_a_bin_are_in_the_range(edges: int) -> None:
    edge = np.ascontiguousarray(FLUX.edges[:edges])
    narrow = 0
    for v in range(VIEWS.step.size):
        for p in range(20):
            offset = VIEWS.kf[v] @ PIXEL.k_f[p]
            first, last = interval_range(
                edge, VIEWS.ki[v], offset, PIXEL.table[p, 0], K2, GRID.rows, GRID.number
            )
            assert 0 <= first <= last <= edges - 1
            u = coordinates(CUT, v, p, np.linspace(edge[0], edge[-1], 500))
            k = np.linspace(edge[0], edge[-1], 500)[bin_of(CUT, u) >= 0]
            m = np.searchsorted(edge, k, side="right") - 1
            m = m[m < edges - 1]
            assert np.all((m >= first) & (m < last))
            narrow += last - first < edges - 1
    assert edges == 2 or narrow > 0


def test_limits_of_a_block_hold_those_of_its_pixels() -> None:
    chosen = np.array([3, 0, 11])
    k_f = blocks_of(chosen, PIXEL)
    assert k_f.shape == (1, 4, BLOCK)
    assert_allclose(k_f[0, :3, :3].T, PIXEL.k_f[chosen])
    assert_allclose(k_f[0, 3, 2:], PIXEL.table[11, 0])  # the last one fills the block
    flux = FLUX._replace(cells=np.array([25, 0, 25]))
    limits = block_limits(k_f, flux, VIEWS, GRID, K2)
    assert limits.shape == (6, 1, 2)
    assert not limits[2:4].any()  # a step without flux
    for v in (0, 1, 4, 5):
        edge = np.ascontiguousarray(flux.edges[flux.edge_of[v // 2] :][:26])
        ranges = [
            interval_range(
                edge, VIEWS.ki[v], VIEWS.kf[v] @ PIXEL.k_f[p], PIXEL.table[p, 0], K2, GRID.rows,
                GRID.number,
            )
            for p in chosen
        ]  # fmt: skip
        some = [r for r in ranges if r[0] < r[1]]
        expected = [min(r[0] for r in some), max(r[1] for r in some)] if some else [0, 0]
        assert limits[v, 0].tolist() == expected
