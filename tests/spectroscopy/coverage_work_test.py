"""The coverage in parts, as workers sum it."""

from __future__ import annotations

import pickle
from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.spectroscopy.coverage import Coverage, coverage, finish
from ewaldite.spectroscopy.coverage_work import CoverageSums, CoverageWork, Part
from ewaldite.spectroscopy.cut_grid import cut_grid
from spectroscopy.coverage_test import CUBIC_HKL, RNG, TWO, setup

MODES = RNG.normal(0, 0.02, (3, 2))


def work_of(*, modes: bool, terms: int = 100_000) -> CoverageWork:
    pixel, _, _, steps = setup()
    if modes:
        pixel = replace(pixel, modes=MODES)
    return CoverageWork(cut_grid(TWO, CUBIC_HKL), pixel, steps, terms)


def ends_of(parts: list[float], size: int) -> list[int]:
    return [0, *sorted(int(part * size) for part in parts), size]


def same(a: Coverage, b: Coverage) -> None:
    for name in ("sums", "by_pixel", "by_monitor", "by_group"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    for one, other in (
        (a.pixel_factor, b.pixel_factor),
        (a.monitor_factor, b.monitor_factor),
    ):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert (one != other).nnz == 0


def test_parts_that_went_to_files_and_workers_give_the_same_bits() -> None:
    for modes in (False, True):
        work = work_of(modes=modes)
        whole = coverage(work.grid, work.pixel, work.exposed, threads=2, terms=100_000)
        total = None
        for part in pickle.loads(pickle.dumps(work.parts)):
            sent = pickle.loads(pickle.dumps(work))
            made = CoverageSums.of_arrays(sent.reduce(part).arrays())
            total = made if total is None else total.add(made)
        assert total is not None
        same(finish(total, work), whole)
        assert whole.pixel_factor is not None


def test_parts_without_room_leave_no_factors() -> None:
    work = work_of(modes=True, terms=8)
    made = [CoverageSums.of_arrays(work.reduce(p).arrays()) for p in work.parts]
    assert any(m.terms[0] is None for m in made)
    total = made[0]
    for more in made[1:]:
        total = total.add(more)
    assert finish(total, work).pixel_factor is None


@settings(deadline=None, max_examples=15)
@given(st.lists(st.floats(0, 1), max_size=4), st.lists(st.floats(0, 1), max_size=4))
def test_any_ranges_of_pixels_and_readings_add_up(
    pixel: list[float], reading: list[float]
) -> None:
    work = work_of(modes=False)
    whole = coverage(work.grid, work.pixel, work.exposed)
    ends = ends_of(pixel, work.order.size)
    made = [work.reduce(Part("pixels", a, b)) for a, b in pairwise(ends)]
    ends = ends_of(reading, work.exposed.relative.size)
    made += [work.reduce(Part("readings", a, b)) for a, b in pairwise(ends)]
    total = made[0]
    for more in made[1:]:
        total = total.add(more)
    sums = finish(total, work)
    np.testing.assert_allclose(sums.sums, whole.sums, rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(sums.by_pixel, whole.by_pixel, rtol=1e-11, atol=1e-9)
    np.testing.assert_allclose(sums.by_monitor, whole.by_monitor, rtol=1e-11, atol=1e-9)
    np.testing.assert_array_equal(sums.coverage > 0, whole.coverage > 0)
