"""The elastic line of a module: when its neutrons arrive, cell by cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ewaldite.model.experiment import FloatArray, IntArray
from ewaldite.spectroscopy.calibrate.counts import ElasticCounts
from ewaldite.spectroscopy.calibrate.line import LineFit, fit_line
from ewaldite.spectroscopy.calibrate.place import NAMES, Place
from ewaldite.spectroscopy.calibration import ModuleCalibration

#: Pixels of a tube that are counted together.
TOGETHER = 5


@dataclass(frozen=True)
class Cells:
    """Pixels that are counted together; means are weighted with their counts.

    Attributes
    ----------
    number:
        Cell of each row; dims (row), int64.
    weight:
        dims (row).
    triplet:
        Of each cell, from 0 as channels grow; dims (cell), int64.
    """

    number: IntArray
    weight: FloatArray
    triplet: IntArray

    @classmethod
    def of(cls, run: ElasticCounts, rows: IntArray) -> Cells:
        """Five pixels of a tube each."""
        one = run.instrument
        tubes = int(one.tube[rows].max()) + 1
        parts = int(one.pixel[rows].max()) // TOGETHER + 1
        triplet = np.unique(one.channel[rows], return_inverse=True)[1]
        label = (triplet * tubes + one.tube[rows]) * parts + one.pixel[rows] // TOGETHER
        cell, number = np.unique(label, return_inverse=True)
        weight = run.counts[rows].sum(axis=1) + 1e-3
        return cls(number, weight, np.asarray(cell // (parts * tubes), dtype=np.int64))

    def sums(self, rows: IntArray) -> IntArray:
        """Sums over the rows of each cell; dims (cell, bin)."""
        out = np.zeros((self.triplet.size, rows.shape[1]), dtype=np.int64)
        np.add.at(out, self.number, rows)
        return out

    def means(self, rows: FloatArray) -> FloatArray:
        """Means over the rows of each cell; dims (cell)."""
        total = np.bincount(self.number, self.weight * rows)
        return np.asarray(total / np.bincount(self.number, self.weight))


@dataclass(frozen=True)
class ModuleLine:
    """The line of a module, reduced to the mean lateness of each cell.

    Attributes
    ----------
    place:
        The module.
    cells:
        Its pixels.
    known:
        When elastic neutrons were expected as the run was read; dims (row), s.
    fit:
        Of the line.
    """

    place: Place
    cells: Cells
    known: FloatArray
    fit: LineFit

    @classmethod
    def of(cls, run: ElasticCounts, place: Place, rows: IntArray) -> ModuleLine:
        """Fit the line with all that moves a module free.

        Parameters
        ----------
        run:
            All runs together.
        place:
            The module.
        rows:
            Of its pixels in the run.
        """
        cells = Cells.of(run, rows)
        known = place.at(place.start)[0]
        design = np.stack([cells.means(c) for c in place.slopes[:, 0]], axis=1)
        start = np.zeros(cells.triplet.size)
        counts = cells.sums(np.where(run.keep[rows, None], run.counts[rows], 0))
        return cls(
            place, cells, known, fit_line(counts, run.late, start, design, cells.triplet)
        )

    def late(self, where: ModuleCalibration, time_zero: float) -> tuple[FloatArray, FloatArray]:
        """How late the line is if the module stands there, with errors; dims (cell), s."""
        expected = self.cells.means(self.place.at(where)[0] - self.known) + time_zero
        return self.fit.cell_mean - expected, self.fit.cell_error

    def equations(
        self, where: ModuleCalibration, time_zero: float
    ) -> tuple[FloatArray, FloatArray]:
        """Normal equations of angle, along, across and time zero.

        Returns
        -------
        :
            Matrix, dims (parameter, parameter), and right side, dims (parameter); per degree, m
            and s.
        """
        off, error = self.late(where, time_zero)
        used = np.isfinite(off) & np.isfinite(error)
        weight = np.where(used, np.where(used, error, 1.0) ** -2.0, 0.0)
        columns = [self.cells.means(c) for c in self.place.slopes[:, 0]] + [np.ones(off.size)]
        design = np.stack(columns, axis=1)
        return (
            design.T @ (weight[:, None] * design),
            design.T @ (weight * np.where(used, off, 0.0)),
        )

    def by_triplet(
        self, where: ModuleCalibration, time_zero: float
    ) -> tuple[FloatArray, FloatArray]:
        """How late the line of each triplet is, with errors; dims (triplet), s."""
        off, error = self.late(where, time_zero)
        used = np.isfinite(off) & np.isfinite(error)
        weight = np.where(used, np.where(used, error, 1.0) ** -2.0, 0.0)
        total = np.bincount(self.cells.triplet, weight)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.bincount(self.cells.triplet, weight * np.where(used, off, 0.0)) / total
            return np.asarray(mean), np.asarray(total**-0.5)

    def misfit(self, where: ModuleCalibration, time_zero: float) -> float:
        """Chi-square of the cells a degree of freedom."""
        off, error = self.late(where, time_zero)
        used = np.isfinite(off) & np.isfinite(error)
        pulls = off[used] / error[used]
        return float(pulls @ pulls) / max(pulls.size - len(NAMES), 1)
