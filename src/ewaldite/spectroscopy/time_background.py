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

**With an empty run.** Its events have a constant background too, of a level of their own, and
what of them is turned into the bins has been subtracted. So that much is given back: in each
cell the share f_p, times the flux of the step over that of the empty run, times the time that
the empty run spent there, with errors of its own.
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
from ewaldite.spectroscopy.empty_run import EmptyRun
from ewaldite.spectroscopy.exposure import Exposure
from ewaldite.spectroscopy.pixels import Pixels
from ewaldite.spectroscopy.shared_errors import joined
from ewaldite.spectroscopy.step_needs import PARTS
from ewaldite.spectroscopy.time_level import TimeLevel
from ewaldite.spectroscopy.views import changing, views
from ewaldite.tables.neutron import K2_TO_MEV

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Tables = tuple[PixelTable, FluxTable, ViewTable, BinTable, float]
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

    @property
    def key(self) -> str:
        """Name of its checkpoint."""
        return f"{self.first}"


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
    empty:
        The empty run that is subtracted, with its level; None for none.
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
    empty: EmptyRun | None = None
    room: int = TERMS
    device: Device = "cpu"

    @property
    def parts(self) -> list[GroupRange]:
        """Ranges of groups; of the problem, not of the machine."""
        number = len(self.level)
        ends = np.linspace(0, number, min(PARTS, number) + 1).astype(int).tolist()
        return [GroupRange(a, b) for a, b in pairwise(ends)]

    @cached_property
    def _cut(self) -> Tables:
        """What the kernel takes: pixels without their efficiency, and time as counts."""
        e, p = self.exposed, self.pixel
        used = p.table[:, 1] > 0
        if self.estimator == "event":
            live = e.live * np.maximum(e.table.per_count, 0.0)
            return self._tables(p.columns.inverse, live)
        return self._tables(used.astype(np.float64), e.live)

    @cached_property
    def _given_back(self) -> Tables | None:
        """The same, of what the turned empty run has taken."""
        if self.empty is None or self.empty.level is None:
            return None
        return self._tables(self.empty.factor, turned_time(self.empty, self.exposed))

    def _tables(self, weight: FloatArray, time: FloatArray) -> Tables:
        e, p = self.exposed, self.pixel
        table = p.table.copy()
        table[:, 1] = np.where(table[:, 1] > 0, weight, 0.0)
        timed = replace(e, counts=np.where(e.counts < 0, -1.0, time))
        seen = views(self.grid, e.a3, e.a4)
        pixels = replace(p, table=table).columns
        return (pixels, timed.table, *changing(self.grid, seen, p.k_f), K2_TO_MEV)

    def reduce(self, part: GroupRange) -> TimeBackground:
        """Sum the groups of a part."""
        total, columns = np.zeros(self.grid.size), []
        used = self.pixel.table[:, 1] > 0
        for g in range(part.first, part.last):
            chosen = np.flatnonzero(used & (self.level.group == g))
            if not chosen.size:
                continue
            time = self._time(chosen, self._cut)
            total += time * self.level.value[g]
            columns.append(csr_array((time * self.level.error[g])[:, None]))
            other = None if self.empty is None else self.empty.level
            if other is not None and self._given_back is not None:
                time = self._time(chosen, self._given_back)
                total -= time * other.value[g]
                columns.append(csr_array((time * other.error[g])[:, None]))
        root = csr_array(hstack([csr_array((self.grid.size, 0)), *columns]))
        return TimeBackground(total, *joined(root, self.room // len(self.parts), True))

    def _time(self, chosen: IntArray, cut: Tables) -> FloatArray:
        """Time that some pixels spend in the bins; dims (bin), s."""
        # of terms, which are wanted summed, one is recorded: a GPU has no arrays of none
        record = np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(1)
        bins = np.zeros((self.grid.size, COLUMNS))
        kernels_on(self.device).by_pixel(chosen, *cut, bins, record)
        return bins[:, SUMS + COVERAGE].copy()


def turned_time(empty: EmptyRun, exposed: Exposure) -> FloatArray:
    """Time of an empty run in the cells of another one, with the weights of its events.

    Parameters
    ----------
    empty:
        The empty run.
    exposed:
        Steps of the run that it is subtracted from.

    Returns
    -------
    :
        dims (step · interval), s.
    """
    flux, where = empty.flux, empty.flux.intervals
    counts = flux.counts.sum(axis=0)
    per_count = np.where(flux.absent, 0.0, where.width / np.maximum(counts, 1e-300))
    # time goes with 1/k along each reading
    until = np.concatenate([[0.0], np.cumsum(per_count * empty.live)])
    out = np.zeros_like(exposed.counts)
    for first in np.unique(exposed.edge_of):
        steps = np.flatnonzero(exposed.edge_of == first)
        cells = int(exposed.cells[steps[0]])
        edges = exposed.edges[first : first + cells + 1]
        passed = np.diff(np.interp(-1.0 / edges, -1.0 / where.edges, until))
        rate = passed / np.diff(K2_TO_MEV * edges**2)
        for j in steps:
            rows = slice(exposed.count_of[j], exposed.count_of[j] + cells)
            out[rows] = rate * np.maximum(exposed.counts[rows], 0.0)
    return out


def time_background(work: TimeBackgroundWork) -> TimeBackground:
    """Sum all parts of the work, one after the other."""
    first, *rest = work.parts
    total = work.reduce(first)
    for part in rest:
        total = total.add(work.reduce(part))
    return total
