"""What sums the coverage: the processor, or a GPU where there is one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numba import cuda

from ewaldite.errors import UserError
from ewaldite.kernels.coverage import by_pixel
from ewaldite.kernels.coverage_readings import by_interval
from ewaldite.spectroscopy.coverage import Coverage, finish
from ewaldite.spectroscopy.coverage_kernels import kernels_on
from ewaldite.spectroscopy.coverage_work import CoverageWork
from spectroscopy.coverage_work_test import work_of


def test_the_processor_has_its_own() -> None:
    assert kernels_on("cpu").by_pixel is by_pixel
    assert kernels_on("cpu").by_interval is by_interval


def test_without_a_gpu_the_remedy_is_named() -> None:
    if cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(UserError, match=r"ewaldite\[gpu\].*device = 'cpu'"):
        replace(work_of(modes=False), device="gpu").reduce(work_of(modes=False).parts[0])


@pytest.mark.filterwarnings("ignore:.*low occupancy")
@pytest.mark.parametrize("modes", [False, True])
def test_a_gpu_gives_the_coverage_of_the_processor(modes: bool) -> None:
    if not cuda.is_available():
        pytest.skip("numba finds no GPU of NVIDIA (or no numba-cuda and driver for it)")

    def covered(work: CoverageWork) -> Coverage:
        total = work.reduce(work.parts[0])
        for part in work.parts[1:]:
            total = total.add(work.reduce(part))
        return finish(total, work)

    work = work_of(modes=modes)
    one, other = covered(replace(work, device="gpu")), covered(work)
    for name in ("sums", "by_pixel", "by_monitor", "by_group"):
        mine, theirs = getattr(one, name), getattr(other, name)
        atol = 1e-13 * np.abs(theirs).max(initial=0.0)
        np.testing.assert_allclose(mine, theirs, rtol=1e-11, atol=atol)
    np.testing.assert_allclose(one.covariance(range(8)), other.covariance(range(8)), rtol=1e-10)
