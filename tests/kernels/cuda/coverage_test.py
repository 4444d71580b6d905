"""The kernels of a GPU give what those of the processor give: on a GPU, and simulated."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ewaldite.kernels import coverage, coverage_readings
from ewaldite.kernels.coverage import ERRORS, SUMS
from kernels.cuda.cuts import K2, readings, room, tables

PROCESSOR = SimpleNamespace(
    by_pixel=coverage.by_pixel, by_interval=coverage_readings.by_interval
)
SIMULATED = """
import sys; sys.path.insert(0, sys.argv[1])
from kernels.cuda import coverage_test as t
from ewaldite.kernels.cuda import coverage as kernel
kernel._THREADS = 4
cut = t.tables(pixels=6, steps=2, cells=6, shape=(4, 3))
t.compare(kernel, cut, room=2_000)
t.compare(kernel, cut, room=5)
"""


def _gpu() -> ModuleType:
    """Kernels of the GPU, where there is one."""
    from numba import cuda

    if not cuda.is_available():
        pytest.skip("numba finds no GPU of NVIDIA (or no numba-cuda and driver for it)")
    from ewaldite.kernels.cuda import coverage

    return coverage


def by_pixel(kernel: Any, cut: dict[str, Any], terms: int) -> tuple[int, Any, Any]:
    bins, record = room(cut, terms)
    chosen = np.arange(cut["pixel"].table.shape[0])[::-1].copy()
    found = kernel.by_pixel(chosen, *cut.values(), K2, bins, record)
    return found, bins, record


def by_interval(kernel: Any, cut: dict[str, Any], terms: int) -> tuple[int, Any, Any]:
    bins, record = room(cut, terms)
    squares = np.zeros((bins.shape[0], ERRORS))
    members, bounds, relative = readings(cut)
    last = bounds.size - 2  # all but the last
    found = kernel.by_interval(
        members, bounds, 1, last, relative, *cut.values(), K2, squares, record
    )
    return found, squares, record


def close(mine: Any, other: Any) -> None:
    """Equal within rounding: a bin that a line just touches has a share of rounding alone."""
    np.testing.assert_allclose(mine, other, rtol=1e-11, atol=1e-13 * np.abs(other).max())


def compare(kernel: Any, cut: dict[str, Any], room: int = 20_000) -> None:
    """Sums, variances and terms of both kernels."""
    for work in (by_pixel, by_interval):
        n, bins, record = work(kernel, cut, room)
        m, expected, terms = work(PROCESSOR, cut, room)
        assert n == m > 0
        first = SUMS if work is by_pixel else 0
        for mine, other in zip(bins.T[first:], expected.T[first:], strict=True):
            assert np.count_nonzero(other) > 0
            close(mine, other)
        if n <= room:
            here, there = (np.lexsort((r[0][:n], r[1][:n])) for r in (record, terms))
            for mine, other in zip(record, terms, strict=True):
                close(mine[:n][here], other[:n][there])


@pytest.mark.filterwarnings("ignore:.*low occupancy")
def test_a_gpu_sums_what_the_processor_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = _gpu()
    compare(kernel, tables())
    compare(kernel, tables(), room=100)
    monkeypatch.setattr(kernel, "_AT_ONCE", 3)  # grids are emptied and used again
    compare(kernel, tables(pixels=200, steps=40))


@pytest.mark.slow
def test_the_simulator_of_numba_sums_what_the_processor_sums() -> None:
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}
    tests = str(Path(__file__).parents[2])
    subprocess.run([sys.executable, "-c", SIMULATED, tests], env=environment, check=True)
