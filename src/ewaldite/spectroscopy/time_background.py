r"""Step: how much of a background that is constant in time falls into the bins of a cut.

A pixel counts it at the rate b of its group (:mod:`.time_level`), at all times. What it counts
while events seem to have an energy of the interval m and to scatter in the step j is

.. math:: B_{pjm} = b_{g(p)}\, X_{jm}, \qquad X_{jm} = n_j\, [t_s(k_m) - t_s(k_{m+1})]

with n_j the pulses of the step. Such a cell is shared out to the bins exactly as its coverage
is: by the kernel of the coverage, with the time X in place of the monitor's counts and 1 in
place of the pixel's weight. For the estimator that sums weighted events it has their weight.

**Errors.** All bins share the one count N of a group: with
:math:`X_{bg} = \partial B_b/\partial b_g` and :math:`\sigma_g = \sqrt{N_g + 1}/X_g`

.. math:: B_b = \sum_g X_{bg} b_g, \qquad
          \mathrm{Cov}(B_b, B_{b'}) = \sum_g X_{bg} X_{b'g} \sigma_g^2 .

The root :math:`X_{bg} \sigma_g` is kept as a sparse matrix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack

from ewaldite.kernels.coverage import COLUMNS, COVERAGE, SUMS
from ewaldite.kernels.cut_tables import BinTable, FluxTable, PixelTable, ViewTable
from ewaldite.run.options import Device
from ewaldite.spectroscopy.coverage_kernels import kernels_on
from ewaldite.spectroscopy.coverage_work import TERMS
from ewaldite.spectroscopy.cut_grid import CutGrid
from ewaldite.spectroscopy.exposure import Exposure
from ewaldite.spectroscopy.pixels import Pixels
from ewaldite.spectroscopy.shared_errors import joined
from ewaldite.spectroscopy.step_needs import PARTS
from ewaldite.spectroscopy.time_level import TimeLevel
from ewaldite.spectroscopy.views import changing, views
from ewaldite.tables.neutron import K2_TO_MEV

FloatArray = NDArray[np.float64]
Estimator = Literal["coverage", "event"]


@dataclass
class TimeBackground:
    """What is constant in time, in the bins of a cut.

    Attributes
    ----------
    total:
        In the unit of the sums over events: counts, or sums of their weights; dims (bin).
    root:
        Its errors, each column one standard deviation of one level; sparse (bin, source).
    exact:
        Whether covariances are exact, or upper limits since there were too many terms.
    """

    total: FloatArray
    root: csr_array
    exact: bool

    @property
    def variance(self) -> FloatArray:
        """Dims (bin), exact in any case."""
        return np.asarray(self.root.power(2).sum(axis=1)).ravel()

    def add(self, more: TimeBackground) -> TimeBackground:
        """Add that of other groups, in place, and return the sum."""
        np.add(self.total, more.total, out=self.total)
        self.root = csr_array(hstack([self.root, more.root]))
        self.exact = self.exact and more.exact
        return self

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Plain arrays of all that there is, for a file."""
        root = self.root
        return {
            "total": self.total, "exact": np.array(self.exact), "data": root.data,
            "indices": root.indices, "indptr": root.indptr, "shape": np.array(root.shape),
        }  # fmt: skip

    @classmethod
    def of_arrays(cls, given: Mapping[str, NDArray[Any]]) -> TimeBackground:
        """Take back what :meth:`arrays` gave."""
        parts = (given["data"], given["indices"], given["indptr"])
        root = csr_array(parts, shape=tuple(given["shape"].tolist()))
        return cls(given["total"], root, bool(given["exact"]))


@dataclass(frozen=True)
class GroupRange:
    """A part of the work: groups from the first up to, not including, the last; plain data."""

    first: int
    last: int


@dataclass(frozen=True)
class TimeBackgroundWork:
    """The constant background of a cut as work that is cut into parts.

    Attributes
    ----------
    grid, pixel, exposed:
        Of the cut.
    level:
        Of the pixels.
    estimator:
        Whether events count, or their weights do.
    room:
        Terms of the root to keep in all.
    device:
        What sums it.
    """

    grid: CutGrid
    pixel: Pixels
    exposed: Exposure
    level: TimeLevel
    estimator: Estimator = "coverage"
    room: int = TERMS
    device: Device = "cpu"

    @property
    def parts(self) -> list[GroupRange]:
        """Ranges of groups; of the problem, not of the machine."""
        number = len(self.level)
        ends = np.linspace(0, number, min(PARTS, number) + 1).astype(int).tolist()
        return [GroupRange(a, b) for a, b in pairwise(ends)]

    @cached_property
    def _cut(self) -> tuple[PixelTable, FluxTable, ViewTable, BinTable, float]:
        """What the kernel takes: pixels without their efficiency, and time as counts."""
        e, p = self.exposed, self.pixel
        used = p.table[:, 1] > 0
        weight, live = used.astype(np.float64), e.live
        if self.estimator == "event":
            weight, live = p.columns.inverse, e.live * np.maximum(e.table.per_count, 0.0)
        table = p.table.copy()
        table[:, 1] = np.where(used, weight, 0.0)
        pixels = replace(p, table=table).columns
        timed = replace(e, counts=np.where(e.counts < 0, -1.0, live))
        seen = views(self.grid, e.a3, e.a4)
        return (pixels, timed.table, *changing(self.grid, seen, p.k_f), K2_TO_MEV)

    def reduce(self, part: GroupRange) -> TimeBackground:
        """Sum the groups of a part."""
        kernel, size, level = kernels_on(self.device), self.grid.size, self.level
        nothing = np.zeros(0, np.int64)
        record = (nothing, nothing, np.zeros(0))
        total, columns = np.zeros(size), []
        used = self.pixel.table[:, 1] > 0
        for g in range(part.first, part.last):
            chosen = np.flatnonzero(used & (level.group == g))
            if not chosen.size:
                continue
            bins = np.zeros((size, COLUMNS))
            kernel.by_pixel(chosen, *self._cut, bins, record)
            time = bins[:, SUMS + COVERAGE]
            total += time * level.value[g]
            columns.append(csr_array((time * level.error[g])[:, None]))
        root = csr_array(hstack([csr_array((size, 0)), *columns]))
        return TimeBackground(total, *joined(root, self.room // len(self.parts), True))


def time_background(work: TimeBackgroundWork) -> TimeBackground:
    """Sum all parts of the work, one after the other."""
    first, *rest = work.parts
    total = work.reduce(first)
    for part in rest:
        total = total.add(work.reduce(part))
    return total
