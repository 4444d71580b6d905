"""Means of a factor over the bins of a cut, point by point from the formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from ewaldite.kernels import sample_factors as kernel
from kernels.cuda.cuts import K2, tables
from kernels.plain_cut import masked, neutron

CUT = tables(pixels=6, steps=2, cells=12, shape=(5, 4))
SIZE = 20
PER_Q = 40.0
RADIAL = np.exp(-0.3 * (np.arange(200) / PER_Q) ** 2)
TURN = np.array([[0.0, 0.0, 1.0], [np.sin(0.4), 0.0, np.cos(0.4)]])  # of the moment, by step


def summed(kind: int, chosen: Any = None, radial: Any = RADIAL) -> Any:
    sums = np.zeros((SIZE, 2))
    chosen = np.arange(6) if chosen is None else np.asarray(chosen, np.int64)
    along = np.ascontiguousarray(TURN[:, 2])
    kernel.sum_factors(chosen, radial, PER_Q, kind, along, TURN, *CUT.values(), K2, sums)
    return sums


def plain(kind: int) -> Any:
    flux, views, pixel = CUT["flux"], CUT["views"], CUT["pixel"]
    sums = np.zeros((SIZE, 2))
    for p in np.flatnonzero(pixel.table[:, 1] > 0):
        for v, j in enumerate(views.step):
            edges = flux.edges[flux.edge_of[j] :][:13]
            for m in range(12):
                n = flux.counts[flux.count_of[j] + m]
                if n < 0 or masked(CUT, j, p, m):
                    continue
                for k in edges[m] + (edges[m + 1] - edges[m]) * np.array([1, 3, 5]) / 6:
                    i = neutron(CUT, v, int(p), float(k))
                    if i < 0:
                        continue
                    q = k * views.beam[v] - pixel.k_f[p]
                    size = np.linalg.norm(q)
                    factor = np.interp(size, np.arange(200) / PER_Q, RADIAL)
                    # beams of the toy all come along z, so that the moment is a vector
                    square = (q @ TURN[j] / size) ** 2
                    factor *= {0: 1.0, 1: 1.0 + square, 2: 1.0 - square}[kind]
                    sums[i] += n * pixel.table[p, 1] * np.array([1.0, factor])
    return sums


@pytest.mark.parametrize("kind", [kernel.NONE, kernel.TRANSVERSE, kernel.LONGITUDINAL])
def test_sums_are_those_of_the_points(kind: int) -> None:
    expected = plain(kind)
    assert np.count_nonzero(expected[:, 0]) > 5
    assert_allclose(summed(kind), expected, rtol=1e-9)


def test_a_factor_of_one_is_the_coverage() -> None:
    sums = summed(kernel.NONE, radial=np.ones(200))
    assert_allclose(sums[:, 0], sums[:, 1])


def test_pixels_add_up_and_those_without_weight_take_no_part() -> None:
    whole = summed(kernel.TRANSVERSE)
    parts = [summed(kernel.TRANSVERSE, some) for some in ([], [0, 5], [4, 2, 1], [3])]
    assert not parts[0].any()
    assert_allclose(sum(parts), whole)


def test_beyond_the_table_its_last_value_is_taken() -> None:
    short = summed(kernel.NONE, radial=np.array([3.0, 2.0]))  # ends at 1/40 1/Å
    assert_allclose(short[:, 1], 2.0 * short[:, 0], rtol=1e-5)
