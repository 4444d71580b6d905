"""Events in the bins of a cut, one by one from the formulas."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from ewaldite.kernels import cut_events as kernel
from kernels.cuda.cuts import K2, OPERATIONS, tables
from kernels.plain_cut import masked, neutron

CUT = tables(pixels=15, steps=3, cells=20, shape=(5, 6))
CUT["pixel"].table[4, 1] = CUT["pixel"].inverse[4] = 0.0
SIZE = 30
UNITS = np.array([2.0**20, 2.0**18])
RNG = np.random.default_rng(8)


def events(n: int = 1500) -> tuple[Any, Any, Any]:
    pixel = RNG.integers(0, 15, n).astype(np.int32)
    return pixel, RNG.uniform(1.0, 1.7, n), RNG.integers(-1, 3, n).astype(np.int32)


def weighed(pixel: Any, k_i: Any, step: Any) -> tuple[Any, Any]:
    weight, reason = np.full(pixel.size, 9.0), np.full(pixel.size, 77, np.int8)
    kernel.weigh_events(pixel, k_i, step, CUT["pixel"], CUT["flux"], weight, reason)
    return weight, reason


def plain_weight(p: int, k: float, j: int) -> tuple[int, float]:
    """Reason and weight of one event."""
    flux, w = CUT["flux"], CUT["pixel"].table[p, 1]
    if j < 0:
        return kernel.NO_STEP, 0.0
    if not w > 0:
        return kernel.NO_PIXEL, 0.0
    edges = flux.edges[flux.edge_of[j] :][:21]
    m = int(np.searchsorted(edges, k, side="right")) - 1
    n = flux.counts[flux.count_of[j] + m] if 0 <= m < 20 else -1.0
    if n < 0:
        return kernel.NO_FLUX, 0.0
    width = K2 * (edges[m + 1] ** 2 - edges[m] ** 2)
    reason = kernel.MASKED if masked(CUT, j, p, m) else kernel.IN_CUT
    return reason, width / (n * w) if flux.usable[flux.count_of[j] + m] else 0.0


def test_weights_and_reasons() -> None:
    pixel, k_i, step = events()
    edges = CUT["flux"].edges[:21]  # also where intervals begin and end
    k_i[:21], step[:21] = edges, 0
    k_i[21:42], step[21:42] = np.nextafter(edges, 0), 0
    weight, reason = weighed(pixel, k_i, step)
    expected = [plain_weight(*one) for one in zip(pixel, k_i, step, strict=True)]
    assert_array_equal(reason, [why for why, _ in expected])
    assert_allclose(weight, [w for _, w in expected], rtol=1e-12)
    seen = {kernel.IN_CUT, kernel.NO_PIXEL, kernel.NO_FLUX, kernel.NO_STEP, kernel.MASKED}
    assert set(reason.tolist()) == seen
    assert np.any((reason == kernel.IN_CUT) & (weight == 0.0))  # too few to divide by


def plain_sums(found: list[tuple[list[int], float]]) -> Any:
    """Σ m, Σ m², Σ m w, Σ (m w)² from the bins of all images of events."""
    sums = np.zeros((SIZE, 4))
    for bins, w in found:
        for i, m in Counter(i for i in bins if i >= 0).items():
            sums[i] += (m, m * m, m * w, (m * w) ** 2)
    return sums


def as_sums(counts: Any) -> Any:
    """The same from the whole numbers of the kernel."""
    parts = counts[:, [kernel.WEIGHT, kernel.WEIGHT_SQUARE]]
    rest = counts[:, [kernel.WEIGHT + 1, kernel.WEIGHT_SQUARE + 1]]
    return np.hstack([counts[:, :2], (parts + rest * 2.0**-kernel.BITS) / UNITS])


def test_events_of_steps_in_which_nothing_moves() -> None:
    pixel, k_i, step = events()
    weight, reason = weighed(pixel, k_i, step)
    counts = np.zeros((SIZE, kernel.EVENT_COLUMNS), np.int64)
    tally = np.zeros(kernel.REASONS, np.int64)
    kernel.bin_events(
        pixel, k_i, step, weight, reason, CUT["pixel"], CUT["views"], CUT["grid"], K2, UNITS,
        counts, tally,
    )  # fmt: skip
    found, outside = [], 0
    first = CUT["views"].first
    for e in np.flatnonzero(reason == kernel.IN_CUT):
        views = range(first[step[e]], first[step[e] + 1])
        bins = [neutron(CUT, v, int(pixel[e]), float(k_i[e])) for v in views]
        found.append((bins, float(weight[e])))
        outside += max(bins) < 0
    expected = plain_sums(found)
    assert_array_equal(counts[:, :2], expected[:, :2])
    assert_allclose(as_sums(counts), expected, rtol=1e-9, atol=1e-9)
    assert np.any(expected[:, 1] > expected[:, 0])  # an event that is twice in a bin
    tallied = np.bincount(reason, minlength=kernel.REASONS)
    tallied[kernel.OUTSIDE] = outside
    tallied[kernel.IN_CUT] -= outside
    assert_array_equal(tally, tallied)
    assert tally.sum() == pixel.size
    assert tally[kernel.OUTSIDE] > 0


def test_events_with_angles_of_their_own_are_where_those_of_steps_are() -> None:
    # the same angles, step by step; with a tank that stands elsewhere, and pixels the other way
    pixel, k_i, step = events()
    step = np.maximum(step, 0)
    weight, reason = weighed(pixel, k_i, step)
    turn = np.linspace(0.0, 1.5, 3)
    hkl = np.zeros((4, 3))
    hkl[0], hkl[2] = [0, 0, 0.8], [0.8, 0, 0]
    table = np.ascontiguousarray(np.einsum("rx,gxy->gry", hkl, OPERATIONS))
    a4 = RNG.uniform(-0.5, 0.5, pixel.size)
    for tank in (np.zeros(pixel.size), a4):
        counts = np.zeros((SIZE, kernel.EVENT_COLUMNS), np.int64)
        tally = np.zeros(kernel.REASONS, np.int64)
        kernel.bin_moving(
            pixel, k_i, weight, reason, turn[step], tank, CUT["pixel"], table, CUT["grid"], K2,
            UNITS, counts, tally,
        )  # fmt: skip
        found = []
        for e in np.flatnonzero(reason == kernel.IN_CUT):
            c, s = np.cos(tank[e]), np.sin(tank[e])
            turned = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
            one = CUT | {
                "pixel": CUT["pixel"]._replace(k_f=CUT["pixel"].k_f @ turned.T),
                "views": CUT["views"]._replace(kf=_seen(table, turn[step[e]])),
            }
            one["views"] = one["views"]._replace(ki=one["views"].kf[..., 2])
            bins = [neutron(one, v, int(pixel[e]), float(k_i[e])) for v in range(2)]
            found.append((bins, float(weight[e])))
        assert_array_equal(counts[:, :2], plain_sums(found)[:, :2])
        assert_allclose(as_sums(counts), plain_sums(found), rtol=1e-9, atol=1e-9)
        assert tally.sum() == pixel.size
        assert tally[kernel.OUTSIDE] > 0


def _seen(table: Any, a3: float) -> Any:
    """Rows of the sample turned by R_y(-a3), as functions of Q in the laboratory."""
    c, s = np.cos(a3), np.sin(a3)
    return table @ np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])


@settings(derandomize=True, deadline=None, max_examples=80)
@given(
    st.lists(
        st.tuples(st.lists(st.integers(-1, 3), min_size=1, max_size=4), st.floats(0, 1)),
        max_size=8,
    )
)
def test_no_bit_of_a_weight_is_lost(given_events: list[tuple[list[int], float]]) -> None:
    # the largest weight is 4, its square 16, and of both 2^29 units are the largest
    units = np.array([2.0**27, 2.0**25])
    counts = np.zeros((4, kernel.EVENT_COLUMNS), np.int64)
    sums: dict[int, list[Fraction]] = {i: [Fraction(0)] * 2 for i in range(4)}
    for bins, w in given_events:
        kernel.count_images(np.array(bins), len(bins), w, units, counts)
        for i, m in Counter(i for i in bins if i >= 0).items():
            sums[i][0] += m * Fraction(w)
            sums[i][1] += Fraction(m * w) ** 2
    for i in range(4):
        for column, unit in ((0, units[0]), (1, units[1])):
            at = kernel.WEIGHT + 2 * column
            whole, rest = int(counts[i, at]), int(counts[i, at + 1])
            made = (whole + Fraction(rest, 2**kernel.BITS)) / Fraction(unit)
            lost = sums[i][column] - made
            assert abs(lost) <= len(given_events) * Fraction(16, 2**52)


def test_without_a_row_of_the_length_of_q_it_is_not_asked_for() -> None:
    rows = CUT["grid"].rows.copy()
    rows[1] = [-99.0, 1.0 / 198.0, 0.0, 0.0]
    cut = CUT | {"grid": CUT["grid"]._replace(rows=rows)}
    pixel, k_i, step = events(500)
    weight, reason = weighed(pixel, k_i, step)
    counts, tally = np.zeros((SIZE, 6), np.int64), np.zeros(kernel.REASONS, np.int64)
    kernel.bin_events(
        pixel, k_i, step, weight, reason, cut["pixel"], cut["views"], cut["grid"], K2, UNITS,
        counts, tally,
    )  # fmt: skip
    found = []
    for e in np.flatnonzero(reason == kernel.IN_CUT):
        views = (2 * int(step[e]), 2 * int(step[e]) + 1)
        bins = [neutron(cut, v, int(pixel[e]), float(k_i[e])) for v in views]
        found.append((bins, float(weight[e])))
    assert_array_equal(counts[:, :2], plain_sums(found)[:, :2])


def test_images_are_added_in_any_order() -> None:
    pixel, k_i, step = events(400)
    weight, reason = weighed(pixel, k_i, step)
    made = []
    for order in (np.arange(400), np.arange(400)[::-1].copy()):
        counts = np.zeros((SIZE, kernel.EVENT_COLUMNS), np.int64)
        tally = np.zeros(kernel.REASONS, np.int64)
        parts = [a[order] for a in (pixel, k_i, step, weight, reason)]
        for half in (slice(0, 150), slice(150, None)):
            kernel.bin_events(
                *(a[half] for a in parts), CUT["pixel"], CUT["views"], CUT["grid"], K2, UNITS,
                counts, tally,
            )  # fmt: skip
        made.append(counts)
    assert_array_equal(*made)


@pytest.mark.parametrize("n", [0, 1])
def test_few_events(n: int) -> None:
    pixel, k_i, step = events(n)
    weight, reason = weighed(pixel, k_i, np.full_like(step, -1))
    counts, tally = np.zeros((SIZE, 6), np.int64), np.zeros(kernel.REASONS, np.int64)
    kernel.bin_events(
        pixel, k_i, step, weight, reason, CUT["pixel"], CUT["views"], CUT["grid"], K2, UNITS,
        counts, tally,
    )  # fmt: skip
    assert not counts.any()
    assert tally.tolist() == [0, 0, 0, 0, n, 0]
