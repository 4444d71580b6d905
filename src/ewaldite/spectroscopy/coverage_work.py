"""The work of a coverage, in parts whose sums add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.coverage import AMOUNTS, COLUMNS, ERRORS, SQUARES, SUMS
from ewaldite.kernels.cut_tables import BinTable, FluxTable, PixelTable, ViewTable
from ewaldite.run.options import Device
from ewaldite.spectroscopy.coverage_kernels import kernels_on
from ewaldite.spectroscopy.cut_grid import CutGrid
from ewaldite.spectroscopy.exposure import Exposure
from ewaldite.spectroscopy.pixels import Pixels
from ewaldite.spectroscopy.views import changing, views
from ewaldite.tables.neutron import K2_TO_MEV

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
#: Bin, pixel or reading, and coverage.
Terms = tuple[IntArray, IntArray, FloatArray]

#: Terms of the factors that are kept, of pixels and of the monitor each (16 bytes a term).
TERMS = 4_000_000
_PARTS = 8
_BYTES = 500_000_000  # of all parts


@dataclass(frozen=True)
class Part:
    """A part of the work; plain data.

    Attributes
    ----------
    kind:
        Whether pixels are summed, or readings of the monitor.
    first, last:
        Range of them, in the order of :attr:`CoverageWork.order`, or of the readings.
    """

    kind: Literal["pixels", "readings"]
    first: int
    last: int

    @property
    def key(self) -> str:
        """Name of its checkpoint."""
        return f"{self.kind}/{self.first}"


@dataclass
class CoverageSums:
    """Sums of a part, or of several.

    Attributes
    ----------
    sums, by_pixel, by_monitor:
        As in :class:`~ewaldite.spectroscopy.coverage.Coverage`.
    groups:
        C and W from pixels that share errors, by group; dims (bin, error) each.
    terms:
        Factors of pixels and of the monitor; None where there were too many.
    """

    sums: FloatArray
    by_pixel: FloatArray
    by_monitor: FloatArray
    groups: dict[int, FloatArray]
    terms: tuple[Terms | None, Terms | None]

    def add(self, more: CoverageSums) -> CoverageSums:
        """Add another part, in place, and return the sum."""
        for mine, others in (
            (self.sums, more.sums),
            (self.by_pixel, more.by_pixel),
            (self.by_monitor, more.by_monitor),
        ):
            np.add(mine, others, out=mine)
        for group, sums in more.groups.items():
            self.groups[group] = self.groups[group] + sums if group in self.groups else sums
        self.terms = (
            _joined(self.terms[0], more.terms[0]),
            _joined(self.terms[1], more.terms[1]),
        )
        return self

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Plain arrays of all that there is, for a file."""
        size = self.sums.shape[0]
        out: dict[str, NDArray[Any]] = {
            "sums": self.sums,
            "by_pixel": self.by_pixel,
            "by_monitor": self.by_monitor,
            "group": np.array(list(self.groups), dtype=np.int64),
            "of_group": np.array(list(self.groups.values())).reshape(-1, size, ERRORS),
        }
        for name, terms in zip(("pixel", "monitor"), self.terms, strict=True):
            if terms is not None:
                parts = zip(("bin", "column", "value"), terms, strict=True)
                out |= {f"{name}_{part}": values for part, values in parts}
        return out

    @classmethod
    def of_arrays(cls, given: Mapping[str, NDArray[Any]]) -> CoverageSums:
        """Take back what :meth:`arrays` gave."""

        def terms(name: str) -> Terms | None:
            if f"{name}_bin" not in given:
                return None
            return given[f"{name}_bin"], given[f"{name}_column"], given[f"{name}_value"]

        groups = zip(given["group"].tolist(), given["of_group"], strict=True)
        return cls(
            given["sums"],
            given["by_pixel"],
            given["by_monitor"],
            dict(groups),
            (terms("pixel"), terms("monitor")),
        )


@dataclass(frozen=True)
class CoverageWork:
    """The coverage of a cut as work that is cut into parts.

    Attributes
    ----------
    grid, pixel, exposed, room:
        Cut, pixels, steps, and terms of the factors to keep, as for
        :func:`~ewaldite.spectroscopy.coverage.coverage`.
    device:
        What sums it; see :func:`~ewaldite.spectroscopy.coverage_kernels.kernels_on`.
    """

    grid: CutGrid
    pixel: Pixels
    exposed: Exposure
    room: int = TERMS
    device: Device = "cpu"

    @cached_property
    def order(self) -> IntArray:
        """Pixels that take part, those that share errors one after the other; dims (pixel)."""
        used = np.flatnonzero(self.pixel.table[:, 1] > 0)
        if not self.pixel.modes.size:
            return used
        return used[np.argsort(self.pixel.group[used], kind="stable")]

    @cached_property
    def parts(self) -> list[Part]:
        """All parts, in the order in which they are added; of the problem, not the machine.

        A part of pixels keeps to one group of shared errors.
        """
        number = int(np.clip(_BYTES // (self.grid.size * COLUMNS * 8), 2, _PARTS))
        ends = _ranges(self.order.size, number)
        if self.pixel.modes.size:
            changes = np.flatnonzero(np.diff(self.pixel.group[self.order])) + 1
            ends = [0, *changes.tolist(), self.order.size]
        readings = _ranges(self.exposed.bounds.size - 1, number)
        return [
            *(Part("pixels", a, b) for a, b in pairwise(ends)),
            *(Part("readings", a, b) for a, b in pairwise(readings)),
        ]

    @cached_property
    def _cut(self) -> tuple[PixelTable, FluxTable, ViewTable, BinTable, float]:
        """What kernels take of all this."""
        seen = views(self.grid, self.exposed.a3, self.exposed.a4)
        pixels = self.pixel.columns
        return (pixels, self.exposed.table, *changing(self.grid, seen, pixels.k_f), K2_TO_MEV)

    def reduce(self, part: Part) -> CoverageSums:
        """Sum one part."""
        kernel = kernels_on(self.device)
        share = self.room // sum(p.kind == part.kind for p in self.parts)
        record = np.empty(share, np.int64), np.empty(share, np.int64), np.empty(share)
        size, nothing = self.grid.size, np.zeros(0, np.int64)
        none: Terms = nothing, nothing, np.zeros(0)
        if part.kind == "readings":
            e, squares = self.exposed, np.zeros((size, ERRORS))
            number = kernel.by_interval(
                e.members,
                e.bounds,
                part.first,
                part.last,
                e.relative,
                *self._cut,
                squares,
                record,
            )
            sums, pixel = np.zeros((size, AMOUNTS)), np.zeros((size, ERRORS))
            return CoverageSums(sums, pixel, squares, {}, (none, _kept(record, number)))
        bins, chosen = np.zeros((size, COLUMNS)), self.order[part.first : part.last]
        number = kernel.by_pixel(chosen, *self._cut, bins, record)
        sums = bins[:, SUMS:SQUARES].copy()
        groups = {}
        if self.pixel.modes.size and chosen.size:
            groups[int(self.pixel.group[chosen[0]])] = sums[:, :ERRORS].copy()
        terms = _kept(record, number), none
        return CoverageSums(
            sums, bins[:, SQUARES:].copy(), np.zeros((size, ERRORS)), groups, terms
        )


def _kept(record: Terms, number: int) -> Terms | None:
    """What was recorded, if all had room."""
    if number > record[0].size:
        return None
    bins, columns, values = record
    return bins[:number].copy(), columns[:number].copy(), values[:number].copy()


def _joined(a: Terms | None, b: Terms | None) -> Terms | None:
    if a is None or b is None:
        return None
    (i, j, x), (k, l, y) = a, b
    return np.concatenate([i, k]), np.concatenate([j, l]), np.concatenate([x, y])


def _ranges(n: int, parts: int) -> list[int]:
    ends: list[int] = np.linspace(0, n, min(parts, max(n, 1)) + 1).astype(int).tolist()
    return ends
