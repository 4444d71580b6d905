"""The fit of one module: its equations, its steps, and where it is at last."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ewaldite.model.experiment import FloatArray
from ewaldite.spectroscopy.calibrate.module_line import ModuleLine
from ewaldite.spectroscopy.calibrate.place import NAMES
from ewaldite.spectroscopy.calibrate.powder import PowderLines
from ewaldite.spectroscopy.calibration import Module, ModuleCalibration


@dataclass(frozen=True)
class ModuleFit:
    """A module that was fitted.

    Attributes
    ----------
    module:
        Arc and module, from 0.
    value:
        Where it is.
    error:
        Standard errors; infinite for what was not fitted.
    events:
        Of the elastic line.
    width:
        σ of the line, s.
    misfit:
        Chi-square of the line's cells a degree of freedom.
    lines:
        Powder lines on tubes that were used.
    channels:
        Of the triplets.
    late, late_error:
        What is left of the lateness of each triplet; s.
    common_angle, common_angle_error:
        Mean shift of A4 of its pixels by the calibration, degrees.
    """

    module: Module
    value: ModuleCalibration
    error: ModuleCalibration
    events: float
    width: float
    misfit: float
    lines: int
    channels: tuple[int, ...]
    late: FloatArray
    late_error: FloatArray
    common_angle: float = 0.0
    common_angle_error: float = np.inf


@dataclass(frozen=True)
class Equations:
    """Normal equations of angle, along and across of a module, and the common time zero."""

    matrix: FloatArray
    right: FloatArray

    @property
    def _solved(self) -> FloatArray:
        """Of the place alone, for the right side and the time zero; dims (parameter, 2)."""
        return self.solve(np.column_stack([self.right[:-1], self.matrix[:-1, -1]]))

    @property
    def for_time_zero(self) -> tuple[float, float]:
        """Normal equation of the time zero, the place eliminated."""
        solved, mixed = self._solved, self.matrix[-1, :-1]
        return (
            float(self.matrix[-1, -1] - mixed @ solved[:, 1]),
            float(self.right[-1] - mixed @ solved[:, 0]),
        )

    def solve(self, right: FloatArray) -> FloatArray:
        """Solve for the place alone, scaled."""
        scale = np.sqrt(np.diag(self.matrix)[:-1])
        scaled = self.matrix[:-1, :-1] / np.outer(scale, scale)
        inner = np.linalg.lstsq(scaled, right / scale[:, None], rcond=1e-12)[0]
        return np.asarray(inner / scale[:, None])

    def step(self, shift: float) -> FloatArray:
        """How to move the place; dims (parameter)."""
        solved = self._solved
        return np.asarray(solved[:, 0] - solved[:, 1] * shift)

    def variance(self, time_zero_weight: float) -> FloatArray:
        """Of the place; dims (parameter)."""
        own = np.diag(self.solve(np.eye(len(NAMES))))
        return np.asarray(own + self._solved[:, 1] ** 2 / time_zero_weight)

    def still(self, step: FloatArray) -> bool:
        """Whether a step is small against the errors."""
        return bool(np.all(step**2 <= 1e-3 * self.variance(np.inf)))


@dataclass
class ModuleWork:
    """A module in the making."""

    line: ModuleLine
    powder: PowderLines | None
    where: ModuleCalibration

    def equations(self, time_zero: float) -> Equations:
        """Of this module; the powder's widths are eliminated, and improved."""
        matrix, right = self.line.equations(self.where, time_zero)
        if self.powder is None:
            return Equations(matrix, right)
        whole, side = self.powder.equations(self.where)
        place, width = slice(0, len(NAMES)), slice(len(NAMES), None)
        both = np.column_stack([whole[width, place], side[width]])
        solved = np.linalg.solve(whole[width, width], both)
        self.powder.widen(np.asarray(solved[:, -1]))
        matrix[place, place] += whole[place, place] - whole[place, width] @ solved[:, :-1]
        right[place] += side[place] - whole[place, width] @ solved[:, -1]
        return Equations(matrix, right)

    def move(self, step: FloatArray) -> None:
        """Move it."""
        now = [getattr(self.where, name) for name in NAMES]
        self.where = ModuleCalibration(*(np.array(now) + step).tolist())

    def result(self, time_zero: float, time_zero_weight: float) -> ModuleFit:
        """Where it is at last."""
        place, powder = self.line.place, self.powder
        variance = self.equations(time_zero).variance(time_zero_weight)
        value, error = self.where, ModuleCalibration(*np.sqrt(variance).tolist())
        if powder is None:
            value = replace(value, across=place.start.across)
            error = replace(error, across=np.inf)
        turned = np.rad2deg(place.at(value)[1] - place.at(ModuleCalibration())[1]).mean()
        slope = np.rad2deg(place.slopes[-1, 1].mean())
        return ModuleFit(
            place.module, value, error, self.line.fit.events, self.line.fit.sigma,
            self.line.misfit(self.where, time_zero), 0 if powder is None else powder.strong,
            tuple(sorted(t.channel for t in place.triplets)),
            *self.line.by_triplet(self.where, time_zero),
            float(turned), float(abs(slope) * error.across),
        )  # fmt: skip
