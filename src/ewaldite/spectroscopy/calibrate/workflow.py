"""The workflow of ``ewaldite spectroscopy calibrate``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ewaldite.errors import UserError
from ewaldite.model.quantity import parse_quantity
from ewaldite.run.progress import Progress, SilentProgress
from ewaldite.spectroscopy.calibrate.counts import ElasticCounts, read_counts
from ewaldite.spectroscopy.calibrate.modules import ModulesFit, fit_modules
from ewaldite.spectroscopy.calibrate.options import What
from ewaldite.spectroscopy.calibrate.report import (
    module_lines,
    module_options,
    time_zero_lines,
    tube_lines,
    tube_options,
)
from ewaldite.spectroscopy.calibrate.tubes import TubeFit, fit_tubes
from ewaldite.spectroscopy.calibrate.zero import TimeZeroFit, fit_time_zero
from ewaldite.spectroscopy.calibration_file import (
    CalibrationFile,
    with_calibration,
    write_calibration,
)
from ewaldite.spectroscopy.options import SpectroscopyOptions

Fit = tuple[TubeFit, ...] | ModulesFit | TimeZeroFit
Made = tuple[Fit, list[str], CalibrationFile]

#: Windows around the elastic line, spinning and parked, s.
_SPINNING, _PARKED = 3e-3, 6e-3
#: What part of them holds the line: parked, 1.72 ms before to 3.3 ms after its middle.
_INNER = 0.57


@dataclass(frozen=True)
class Calibrated:
    """A calibration that was made.

    Attributes
    ----------
    path:
        File that was written: with what was known before.
    fit:
        What was fitted: tubes, modules, or the time zero.
    lines:
        For people.
    """

    path: Path
    fit: Fit
    lines: tuple[str, ...]


def calibrate(
    options: SpectroscopyOptions,
    *,
    base: Path,
    what: What | None = None,
    output: Path | None = None,
    head: str = "",
    progress: Progress | None = None,
) -> Calibrated:
    """Fit to the runs of a configuration, and write a file of calibration.

    Parameters
    ----------
    options:
        The configuration. What it says of the calibration is where the fit begins.
    base:
        Folder to which paths refer.
    what:
        Is fitted; that of [calibrate] if None.
    output:
        File to write; that of [calibrate] in ``base`` if None.
    head:
        Comment at the top of the file.
    progress:
        Is told how far it is.

    Raises
    ------
    UserError
        If a file cannot be read, or does not tell what is asked for.
    """
    section = options.calibrate
    chosen = what or section.what
    target = output or base / section.output
    known = with_calibration(_without(options, target, base), base)
    runs = read_counts(known, base, _window(options), progress or SilentProgress())
    content = CalibrationFile(
        time_zero=known.primary.time_zero,
        tube=known.calibration.tube,
        module=known.calibration.module,
    )
    fitted = {"along-tube": _tubes, "modules": _modules, "time-zero": _time_zero}[chosen]
    fit, lines, content = fitted(known, runs, content)
    write_calibration(target, content, head)
    return Calibrated(target, fit, tuple(lines + _hidden(options, chosen)))


def _tubes(
    options: SpectroscopyOptions, runs: list[ElasticCounts], content: CalibrationFile
) -> Made:
    section = options.calibrate
    fits, skipped = fit_tubes(
        runs, options.calibration.calibration(), section.lit, minimum=section.minimum
    )
    new = {fit.tube: tube_options(fit) for fit in fits}
    old = [t for t in content.tube if (t.arc - 1, t.channel - 1, t.tube - 1) not in new]
    tubes = sorted([*old, *new.values()], key=lambda t: (t.arc, t.channel, t.tube))
    return fits, tube_lines(fits, skipped), content.model_copy(update={"tube": tubes})


def _modules(
    options: SpectroscopyOptions, runs: list[ElasticCounts], content: CalibrationFile
) -> Made:
    section = options.calibrate
    if options.primary.mode == "parked":
        raise UserError(
            "fit the places of modules",
            "with the pulse-shaping choppers parked the elastic line is as wide as the pulse, "
            "and stands where its mean emission is put",
            'Give runs with the choppers spinning, [primary] mode = "spinning".',
        )
    fit = fit_modules(
        runs,
        options.calibration.calibration(),
        spacings=section.d_spacings,
        free_time_zero=section.along == "powder",
        minimum=section.minimum,
    )
    new = {one.module: module_options(one) for one in fit.modules}
    old = [m for m in content.module if (m.arc - 1, m.module - 1) not in new]
    modules = sorted([*old, *new.values()], key=lambda m: (m.arc, m.module))
    update: dict[str, object] = {"module": modules}
    if fit.time_zero_error is not None:
        update |= _times(options, fit.time_zero, fit.time_zero_error)
    return fit, module_lines(fit), content.model_copy(update=update)


def _time_zero(
    options: SpectroscopyOptions, runs: list[ElasticCounts], content: CalibrationFile
) -> Made:
    window = _window(options)
    fit = fit_time_zero(runs, window=_INNER * window)
    update = _times(options, fit.value, fit.error)
    lines = [*time_zero_lines(fit), f"time zero: {update['time_zero']}"]
    return fit, lines, content.model_copy(update=update)


def _times(options: SpectroscopyOptions, found: float, error: float) -> dict[str, object]:
    before = options.primary.time_zero
    known = 0.0 if before is None else parse_quantity(before, "s", "[primary] time_zero")
    return {
        "time_zero": f"{1e6 * (known + found):.2f} us",
        "time_zero_error": f"{1e6 * error:.2f} us",
    }


def _window(options: SpectroscopyOptions) -> float:
    given = options.calibrate.window
    if given is None:
        return _PARKED if options.primary.mode == "parked" else _SPINNING
    window = parse_quantity(given, "s", "[calibrate] window")
    if not 2e-4 <= window <= 2e-2:
        raise UserError(
            "use [calibrate] window", f"it is {given}", "Give a time from 0.2 to 20 ms."
        )
    return window


def _without(options: SpectroscopyOptions, target: Path, base: Path) -> SpectroscopyOptions:
    """Leave a file of calibration out that is yet to be made."""
    file = options.calibration.file
    if file is None or (base / file).exists() or (base / file).resolve() != target.resolve():
        return options
    calibration = options.calibration.model_copy(update={"file": None})
    return options.model_copy(update={"calibration": calibration})


def _hidden(options: SpectroscopyOptions, what: What) -> list[str]:
    """Values of the configuration that would go before those of the file."""
    own = options.calibration
    named = {
        "along-tube": "[[calibration.tube]]" if own.tube else "",
        "modules": "[[calibration.module]]" if own.module else "",
        "time-zero": "[primary] time_zero" if options.primary.time_zero is not None else "",
    }[what]
    if not named:
        return []
    return [f"note: {named} of the configuration goes before the file; take it out there"]
