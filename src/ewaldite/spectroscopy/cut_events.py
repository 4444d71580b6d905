"""Step: the events of a cut, slab by slab."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.errors import UserError
from ewaldite.kernels import cut_events as kernel
from ewaldite.kernels.cut_tables import BinTable, ViewTable
from ewaldite.spectroscopy.cut_grid import CutGrid
from ewaldite.spectroscopy.event_mask import MaskCounts
from ewaldite.spectroscopy.exposure import Exposure
from ewaldite.spectroscopy.pixels import Pixels
from ewaldite.spectroscopy.views import changing, views
from ewaldite.tables.neutron import K2_TO_MEV

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Names of what keeps an event out of a cut, as in the kernel.
REASONS = ("in_cut", "outside", "no_pixel", "no_flux", "no_step", "masked")
#: Columns of :attr:`EventSums.sums`.
SIGNAL, SIGNAL_SQUARE, WEIGHT, WEIGHT_SQUARE = range(4)


@dataclass(frozen=True)
class EventCounts:
    """What was counted for a cut, in whole numbers: it adds up the same in any order.

    Attributes
    ----------
    counts:
        See :mod:`ewaldite.kernels.cut_events`; dims (bin, column), int64.
    tally:
        Events by :data:`REASONS`; dims (reason), int64.
    masks:
        Events that never came to the cut, by mask, and all that were read.
    """

    counts: IntArray
    tally: IntArray
    masks: MaskCounts

    @classmethod
    def nothing(cls, bins: int) -> EventCounts:
        """Zeros for so many bins."""
        counts = np.zeros((bins, kernel.EVENT_COLUMNS), np.int64)
        return cls(counts, np.zeros(kernel.REASONS, np.int64), MaskCounts())

    def add(self, more: EventCounts) -> EventCounts:
        """Add others of the same cut, in place, and return the sum."""
        np.add(self.counts, more.counts, out=self.counts)
        np.add(self.tally, more.tally, out=self.tally)
        self.masks.plus(more.masks)
        return self

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Plain arrays of all that there is, for a file."""
        masks = self.masks
        return {
            "counts": self.counts,
            "tally": self.tally,
            "mask": np.array(list(masks.counts), dtype=np.str_),
            "masked": np.array(list(masks.counts.values()), dtype=np.int64),
            "read": np.array([masks.total, masks.rejected], dtype=np.int64),
        }

    @classmethod
    def of_arrays(cls, given: Mapping[str, NDArray[Any]]) -> EventCounts:
        """Take back what :meth:`arrays` gave."""
        names, numbers = given["mask"].tolist(), given["masked"].tolist()
        total, rejected = given["read"].tolist()
        by_name = dict(zip(names, numbers, strict=True))
        return cls(given["counts"], given["tally"], MaskCounts(total, rejected, by_name))


@dataclass
class EventSums:
    """Events of a cut, summed as they come.

    Attributes
    ----------
    grid, pixel, exposed:
        The cut, and the pixels and steps that its coverage has.
    total:
        What was counted.
    """

    grid: CutGrid
    pixel: Pixels
    exposed: Exposure
    total: EventCounts = field(init=False)

    def __post_init__(self) -> None:
        self.total = EventCounts.nothing(self.grid.size)

    @cached_property
    def views(self) -> tuple[ViewTable, BinTable]:
        """Rows of the cut at every step, those that decide something."""
        seen = views(self.grid, self.exposed.a3, self.exposed.a4)
        return changing(self.grid, seen, self.pixel.k_f)

    @cached_property
    def units(self) -> FloatArray:
        """Of a weight, and of its square, to whole numbers; dims (2).

        Powers of two, of the largest weight that there can be: the same for all parts of a sum.
        """
        inverse = self.pixel.columns.inverse.max(initial=0.0)
        per_count = self.exposed.table.per_count.max(initial=0.0)
        largest = float(inverse * per_count) * self.grid.table.shape[0]
        if not largest > 0.0:
            return np.ones(2)
        exponents = (math.frexp(largest)[1], math.frexp(largest**2)[1])
        return np.array([2.0 ** (kernel.BITS - e) for e in exponents])

    def add(
        self,
        pixel: ArrayLike,
        k_i: ArrayLike,
        step: ArrayLike,
        *,
        a3: ArrayLike | None = None,
        a4: ArrayLike | None = None,
    ) -> None:
        """Add a slab of events.

        Parameters
        ----------
        pixel:
            Row of the pixel; dims (event), int.
        k_i:
            Incident wavenumber; dims (event), 1/Å.
        step:
            Step in whose time it scattered, -1 for none; dims (event), int.
        a3, a4:
            Rotation of the sample with its offset, and tank angle, at the time of
            scattering; dims (event), degrees. Those of the step if a3 is None.

        Raises
        ------
        UserError
            If a3 is given without a4.
        """
        rows = np.ascontiguousarray(pixel, np.int32)
        steps = np.ascontiguousarray(step, np.int32)
        k = np.ascontiguousarray(k_i, np.float64)
        if a3 is None:
            self.bin(rows, k, steps, self.total)
            return
        if a4 is None:
            raise UserError("bin events", "a3 is given without a4", "Give both or neither.")
        sample, tank = (
            np.ascontiguousarray(np.broadcast_to(np.deg2rad(np.asarray(x)), k.shape))
            for x in (a3, a4)
        )
        self.bin(rows, k, steps, self.total, (sample, tank))

    def bin(
        self,
        row: NDArray[np.int32],
        k_i: FloatArray,
        step: NDArray[np.int32],
        into: EventCounts,
        angles: tuple[FloatArray, FloatArray] | None = None,
    ) -> None:
        """Add events to counts of this cut; as :meth:`add`, with angles in rad."""
        pixels = self.pixel.columns
        weight, reason = np.empty(row.size), np.empty(row.size, np.int8)
        kernel.weigh_events(row, k_i, step, pixels, self.exposed.table, weight, reason)
        sums: tuple[Any, ...] = (K2_TO_MEV, self.units, into.counts, into.tally)
        if angles is None:
            kernel.bin_events(row, k_i, step, weight, reason, pixels, *self.views, *sums)
        else:
            turned = (*angles, pixels, self.grid.table, self.grid.bins)
            kernel.bin_moving(row, k_i, weight, reason, *turned, *sums)

    @property
    def sums(self) -> FloatArray:
        """Σ m, Σ m², and of the seed's estimator Σ m w, Σ m² w²; dims (bin, 4).

        m is how often symmetry puts an event in the bin, w = 1/(Φ N_b k_f/k_i).
        """
        counts = self.total.counts
        out = counts[:, : kernel.WEIGHT + 2].astype(np.float64)
        for column, first, unit in (
            (WEIGHT, kernel.WEIGHT, self.units[0]),
            (WEIGHT_SQUARE, kernel.WEIGHT_SQUARE, self.units[1]),
        ):
            rest = counts[:, first + 1] * 2.0**-kernel.BITS
            out[:, column] = (counts[:, first] + rest) / unit
        return out

    @property
    def reasons(self) -> dict[str, int]:
        """Number of events by what became of them."""
        return dict(zip(REASONS, self.total.tally.tolist(), strict=True))
