from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.kernels.cut_tables import interval_of, is_blocked
from kernels.cuda.cuts import tables

CUT = tables(pixels=9, steps=3, cells=21)
FLUX = CUT["flux"]


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.integers(0, 2), st.floats(1.0, 1.7))
def test_an_interval_holds_its_lower_edge(j: int, k: float) -> None:
    first, cells = int(FLUX.edge_of[j]), int(FLUX.cells[j])
    edges = FLUX.edges[first : first + cells + 1]
    ones = [k, *edges, *np.nextafter(edges, 0.0), *np.nextafter(edges, 9.0)]
    for one in ones if k < 1.01 else [k]:
        m = interval_of(FLUX.edges, first, cells, FLUX.guide, FLUX.guides[j], one)
        expected = int(np.searchsorted(edges, one, side="right")) - 1
        assert m == (expected if expected < cells else -1)


def test_every_edge_of_every_step() -> None:
    for j in range(3):
        first, cells = int(FLUX.edge_of[j]), int(FLUX.cells[j])
        edges = FLUX.edges[first : first + cells + 1]
        found = [
            interval_of(FLUX.edges, first, cells, FLUX.guide, FLUX.guides[j], k) for k in edges
        ]
        assert found == [*range(cells), -1]
        below = np.nextafter(edges, 0.0)
        found = [
            interval_of(FLUX.edges, first, cells, FLUX.guide, FLUX.guides[j], k) for k in below
        ]
        assert found == [-1, *range(cells)]


def test_a_step_without_intervals_and_what_is_no_number() -> None:
    assert interval_of(FLUX.edges, 0, 0, FLUX.guide, 0.0, 1.3) == -1
    assert interval_of(FLUX.edges, 0, 21, FLUX.guide, FLUX.guides[0], np.nan) == -1


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.integers(1, 30), st.integers(1, 5), st.integers(0, 7), st.integers(0, 2**32))
def test_masks_are_bits_the_lowest_first(cells: int, pixels: int, skip: int, seed: int) -> None:
    hidden = np.random.default_rng(seed).random((pixels, cells)) < 0.4
    packed = np.packbits(hidden, axis=1, bitorder="little").ravel()
    blocked = np.concatenate([np.full(skip, 255, np.uint8), packed])
    for p in range(pixels):
        for m in range(cells):
            assert is_blocked(blocked, skip, cells, p, m) == hidden[p, m]
            assert not is_blocked(blocked, -1, cells, p, m)
