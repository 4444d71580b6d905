r"""Rotation and shift of modules, from elastic lines and powders.

A detector that is further along the beam of its analyser takes neutrons of another angle, and
so of another energy: elastic ones then arrive earlier, by 60 to 68 µs for each mm. A rotation
about the vertical moves the triplets on either side of the middle one, and the ends of all
tubes, one way and the other. A shift across moves the triplets on either side along their own
beams too, as they stand at ±10°: the line hardly tells it from a rotation, and then only to
some mm. A powder does (:mod:`.powder`); without one the shift across is left free in the fit,
so that angles and shifts along are right whatever it is, and stays as it was.

A shift along the beam that all modules share moves the line as a time zero does, for all arcs
move nearly alike: one elastic line tells only both together. So the time zero is taken as it
is set, unless the shift along comes from a powder at several angles; then the line gives the
time zero. A zero of the tank's angle that is off looks like a shift across of all modules in
proportion to :math:`L_{sa} + L_{ad}`, and cannot be told from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ewaldite.errors import UserError
from ewaldite.model.experiment import FloatArray, IntArray
from ewaldite.spectroscopy.calibrate.counts import ElasticCounts, merged
from ewaldite.spectroscopy.calibrate.module_line import ModuleLine
from ewaldite.spectroscopy.calibrate.place import NAMES, Place
from ewaldite.spectroscopy.calibrate.powder import PowderLines
from ewaldite.spectroscopy.calibration import (
    WIDTH,
    Calibration,
    Module,
    ModuleCalibration,
)

#: Largest standard error of a time zero from the powder that is worth the name, s.
_VAGUE = 50e-6
_ROUNDS = 12


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
class ModulesFit:
    """All modules that were fitted.

    Attributes
    ----------
    modules:
        In the order of arcs.
    time_zero, time_zero_error:
        To be added to the present one, where the powder gives it; s.
    skipped:
        Modules that were not fitted, and why.
    """

    modules: tuple[ModuleFit, ...]
    time_zero: float = 0.0
    time_zero_error: float | None = None
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Equations:
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
class _Work:
    """A module in the making."""

    line: ModuleLine
    powder: PowderLines | None
    where: ModuleCalibration

    def equations(self, time_zero: float) -> _Equations:
        """Of this module; the powder's widths are eliminated, and improved."""
        matrix, right = self.line.equations(self.where, time_zero)
        if self.powder is None:
            return _Equations(matrix, right)
        whole, side = self.powder.equations(self.where)
        place, width = slice(0, len(NAMES)), slice(len(NAMES), None)
        both = np.column_stack([whole[width, place], side[width]])
        solved = np.linalg.solve(whole[width, width], both)
        self.powder.widen(np.asarray(solved[:, -1]))
        matrix[place, place] += whole[place, place] - whole[place, width] @ solved[:, :-1]
        right[place] += side[place] - whole[place, width] @ solved[:, -1]
        return _Equations(matrix, right)

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


def fit_modules(
    runs: Sequence[ElasticCounts],
    calibration: Calibration,
    *,
    spacings: Sequence[float] = (),
    free_time_zero: bool = False,
    minimum: int = 200,
) -> ModulesFit:
    """Fit where modules are.

    Parameters
    ----------
    runs:
        With the pulse-shaping choppers spinning, read with ``calibration``.
    calibration:
        Where the fit begins.
    spacings:
        Of the powder that the runs are of, Å; without, shifts across stay.
    free_time_zero:
        Whether shifts along come from the powder, and the line gives the time zero.
    minimum:
        Fewest events of a module.

    Returns
    -------
    :
        The fit.

    Raises
    ------
    UserError
        If no module has enough events, or the data do not tell what is asked for.
    """
    if free_time_zero and not spacings:
        raise UserError(
            "fit shifts along the beam together with the time zero",
            "an elastic line tells only both together, and there are no powder lines",
            "Give runs of a powder at several tank angles with [calibrate] d_spacings, or "
            'along = "line" and a time zero that is known.',
        )
    works, skipped = _prepare(runs, calibration, spacings, minimum)
    zero, error = 0.0, None
    for _ in range(_ROUNDS):
        equations = [work.equations(zero) for work in works]
        normal, side = np.sum([one.for_time_zero for one in equations], axis=0)
        shift = 0.0
        if free_time_zero:
            _check(normal)
            shift, error = side / normal, normal**-0.5
        steps = [one.step(shift) for one in equations]
        zero += shift
        for work, step in zip(works, steps, strict=True):
            work.move(step)
        if all(one.still(step) for one, step in zip(equations, steps, strict=True)):
            break
    fits = tuple(work.result(zero, normal if free_time_zero else np.inf) for work in works)
    return ModulesFit(fits, float(zero), error, tuple(skipped))


def module_of(
    run: ElasticCounts, module: Module, calibration: Calibration
) -> tuple[Place, IntArray] | None:
    """A module of a run, with its rows; None where its middle triplet is not there."""
    arc, number = module
    channels = range(WIDTH * number, WIDTH * number + WIDTH)
    triplets = [t for t in run.triplets if t.arc == arc and t.channel in channels]
    if WIDTH * number + 1 not in [t.channel for t in triplets]:
        return None
    rows = np.concatenate([run.rows(arc, t.channel) for t in triplets])
    return Place(triplets, run.primary, module, calibration), rows


def module_name(module: Module) -> str:
    """As people count."""
    return f"arc {module[0] + 1}, module {module[1] + 1}"


def _prepare(
    runs: Sequence[ElasticCounts],
    calibration: Calibration,
    spacings: Sequence[float],
    minimum: int,
) -> tuple[list[_Work], list[str]]:
    whole = merged(runs)
    works, skipped = [], []
    for module in sorted({(t.arc, t.channel // WIDTH) for t in whole.triplets}):
        found = module_of(whole, module, calibration)
        if found is None:
            skipped.append(f"{module_name(module)}: its middle triplet is not in the files")
            continue
        place, rows = found
        seen = int(whole.counts[rows][whole.keep[rows]].sum())
        line = ModuleLine.of(whole, place, rows) if seen >= minimum else None
        if line is None or not line.fit.events >= minimum:
            skipped.append(f"{module_name(module)}: it has fewer than {minimum} elastic events")
            continue
        powder = None
        if spacings:
            powder = PowderLines.of([(run, rows) for run in runs], place, line, spacings)
            powder.equations(place.start)
            if not powder.strong:
                skipped.append(f"{module_name(module)}: no line of the powder crosses it")
                continue
        works.append(_Work(line, powder, place.start))
    if not works:
        raise UserError(
            f"fit the places of modules to {whole.name}",
            "; ".join(skipped[:3]) + (" …" if len(skipped) > 3 else ""),
            "Give a run that counted more, or with lines where the modules are.",
        )
    return works, skipped


def _check(normal: float) -> None:
    if not normal > _VAGUE**-2:
        raise UserError(
            "fit shifts along the beam together with the time zero",
            "the lines of the powder tell the shifts too badly",
            "Give runs at more tank angles, so that lines at small and large A4 cross each "
            "module, or more counts.",
        )
