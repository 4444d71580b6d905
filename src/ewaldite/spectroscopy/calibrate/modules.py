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
from dataclasses import dataclass

import numpy as np

from ewaldite.errors import UserError
from ewaldite.model.experiment import IntArray
from ewaldite.spectroscopy.calibrate.counts import ElasticCounts, merged
from ewaldite.spectroscopy.calibrate.module_fit import ModuleFit, ModuleWork
from ewaldite.spectroscopy.calibrate.module_line import ModuleLine
from ewaldite.spectroscopy.calibrate.place import Place
from ewaldite.spectroscopy.calibrate.powder import PowderLines
from ewaldite.spectroscopy.calibration import WIDTH, Calibration, Module

#: Largest standard error of a time zero from the powder that is worth the name, s.
_VAGUE = 50e-6
_ROUNDS = 12


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
) -> tuple[list[ModuleWork], list[str]]:
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
        works.append(ModuleWork(line, powder, place.start))
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
