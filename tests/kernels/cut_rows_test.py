"""In which bins of a cut neutrons are, against the formula of its rows."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from ewaldite.kernels.cut_rows import flat_bin, length_of, offset_of, place, row_offset
from kernels.cuda.cuts import K2, tables
from kernels.plain_cut import bin_of, coordinates

CUT = tables(pixels=40, steps=4, shape=(12, 9))


def found_bin(v: int, p: int, k: float) -> int:
    pixel, views, grid = CUT["pixel"], CUT["views"], CUT["grid"]
    energy = pixel.table[p, 0]
    length = length_of(k, math.sqrt(energy / K2), offset_of(views.beam, v, pixel.k_f, p))
    return flat_bin(k, K2 * k * k - energy, length, v, p, views.ki, views.kf, pixel.k_f, *grid)


def test_neutrons_are_in_the_bins_of_the_formula() -> None:
    rng = np.random.default_rng(0)
    seen = []
    for _ in range(3000):
        v, p = int(rng.integers(0, 8)), int(rng.integers(0, 40))
        k = rng.uniform(1.0, 1.7)
        u = coordinates(CUT, v, p, k)[0]
        if np.abs(u - np.round(u)).min() > 1e-9:
            assert found_bin(v, p, k) == bin_of(CUT, u)
            seen.append(found_bin(v, p, k))
    assert len({i for i in seen if i >= 0}) > 30
    assert 300 < seen.count(-1) < 2900


def test_a_row_holds_its_lower_end_and_not_its_upper_one() -> None:
    rows = np.array([[2.0, 4.0, 0.0, 0.0]])  # from 2 on, bins of 1/4
    zero, one = np.zeros((1, 1, 3)), np.ones((1, 1))
    cut = (one, zero, np.zeros((1, 3)), rows, np.array([4]), np.array([1]))
    for k, expected in ((2.0, 0), (2.25, 1), (2.9999, 3), (3.0, -1), (np.nextafter(2, 0), -1)):
        assert flat_bin(k, 0.0, 0.0, 0, 0, *cut) == expected
    # what is no number is nowhere
    assert flat_bin(math.nan, 0.0, 0.0, 0, 0, *cut) == -1


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    st.floats(0.5, 3), st.tuples(*[st.floats(-2, 2)] * 3), st.floats(-3, 3), st.floats(0.5, 8)
)
def test_a_place_is_linear_in_all_that_it_holds(
    k: float, k_f: tuple[float, ...], low: float, inverse: float
) -> None:
    final = np.array([k_f])
    b = np.array([[[0.3, -1.2, 0.7]]])
    assert_allclose(row_offset(b, 0, 0, final, 0), b[0, 0] @ final[0], atol=1e-14)
    assert_allclose(offset_of(b[0], 0, final, 0), b[0, 0] @ final[0], atol=1e-14)
    rows = np.array([[9.0] * 4, [low, inverse, 1.5, -0.4]])
    found = place(k, 0.8, 0.25, 2.0, 1.1, rows, 1)
    expected = (0.8 * k - 0.25 + 1.5 * 2.0 - 0.4 * 1.1 - low) * inverse
    assert_allclose(found, expected, rtol=1e-13, atol=1e-13)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.floats(0.1, 5), st.floats(0.1, 5), st.floats(0, math.pi))
def test_the_length_of_q_closes_the_triangle(k_i: float, k_f: float, angle: float) -> None:
    expected = math.hypot(k_i - k_f * math.cos(angle), k_f * math.sin(angle))
    assert_allclose(length_of(k_i, k_f, k_f * math.cos(angle)), expected, atol=1e-7)
    # straight on, rounding must not make the square negative
    assert length_of(k_i, k_i, k_i * (1.0 + 1e-15)) == 0.0


def test_strides_make_a_number_of_the_bins() -> None:
    shape = tuple(CUT["grid"].number)
    u = np.stack(np.unravel_index(np.arange(math.prod(shape)), shape), axis=-1) + 0.5
    assert_array_equal(bin_of(CUT, u), np.arange(math.prod(shape)))
