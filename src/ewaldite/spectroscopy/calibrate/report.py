"""What fits of a calibration found: for people, and for the file."""

from __future__ import annotations

import numpy as np

from ewaldite.spectroscopy.calibrate.module_fit import ModuleFit
from ewaldite.spectroscopy.calibrate.modules import ModulesFit
from ewaldite.spectroscopy.calibrate.tubes import TubeFit
from ewaldite.spectroscopy.calibrate.zero import TimeZeroFit
from ewaldite.spectroscopy.calibration_options import ModuleOptions, TubeOptions

_MOST_NAMED = 5


def tube_lines(fits: tuple[TubeFit, ...], skipped: tuple[str, ...]) -> list[str]:
    """Table of tubes."""
    lines = ["arc  channel  tube  gain              offset (mm)        counts   chi2"]
    for fit in fits:
        arc, channel, tube = (number + 1 for number in fit.tube)
        gain = f"{fit.value.gain:.4f} ± {fit.gain_error:.4f}"
        offset = f"{1e3 * fit.value.offset:+.3f} ± {1e3 * fit.offset_error:.3f}"
        lines.append(
            f"{arc:3d}  {channel:7d}  {tube:4d}  {gain:16s}  {offset:17s}  "
            f"{fit.events:7,.0f}  {fit.misfit:5.2f}"
        )
    return lines + _not_fitted(skipped)


def module_lines(fit: ModulesFit) -> list[str]:
    """Table of modules."""
    lines = [
        "arc  module  angle (deg)         along (mm)          across (mm)         "
        "events     chi2  lines"
    ]
    for one in fit.modules:
        arc, module = (number + 1 for number in one.module)
        words = [
            _with_error(getattr(one.value, name) * scale, getattr(one.error, name) * scale)
            for name, scale in (("angle", 1.0), ("along", 1e3), ("across", 1e3))
        ]
        lines.append(
            f"{arc:3d}  {module:6d}  " + "  ".join(f"{word:18s}" for word in words)
            + f"  {one.events:9,.0f}  {one.misfit:4.2f}  {one.lines:5d}"
        )  # fmt: skip
    if fit.time_zero_error is not None:
        lines.append(
            "time zero, from the line with shifts from the powder: "
            f"{1e6 * fit.time_zero:+.1f} ± {1e6 * fit.time_zero_error:.1f} µs"
        )
    if all(np.isfinite(one.error.across) for one in fit.modules):
        lines += _common(fit.modules)
    else:
        lines.append(
            "shifts across stay as they were: the elastic line hardly tells them; a powder does"
        )
    return lines + _not_fitted(fit.skipped)


def time_zero_lines(fit: TimeZeroFit) -> list[str]:
    """Time zero, and that of each arc."""
    lines = ["arc  late (µs)           events"]
    for arc, one in fit.arcs.items():
        word = _with_error(1e6 * one.offset, 1e6 * one.error, 1)
        lines.append(f"{arc + 1:3d}  {word:18s}  {one.events:9,d}")
    lines.append(f"all  {_with_error(1e6 * fit.value, 1e6 * fit.error, 1)}")
    if fit.misfit > 4.0:
        lines.append(
            f"note: the arcs differ by more than their errors (chi2 {fit.misfit:.1f}): modules "
            "are shifted along the beam, the length to the sample is off, or an end of the "
            "band cuts a line; calibrate modules first"
        )
    return lines


def tube_options(fit: TubeFit) -> TubeOptions:
    """For the file."""
    arc, channel, tube = (number + 1 for number in fit.tube)
    return TubeOptions(
        arc=arc,
        channel=channel,
        tube=tube,
        gain=round(fit.value.gain, 6),
        offset=_text(1e3 * fit.value.offset, "mm"),
        gain_error=round(fit.gain_error, 6),
        offset_error=_text(1e3 * fit.offset_error, "mm"),
    )


def module_options(fit: ModuleFit) -> ModuleOptions:
    """For the file."""
    errors = {
        f"{name}_error": _text(1e3 * value, "mm")
        for name in ("along", "across")
        if np.isfinite(value := getattr(fit.error, name))
    }
    return ModuleOptions(
        arc=fit.module[0] + 1,
        module=fit.module[1] + 1,
        angle=round(fit.value.angle, 5),
        along=_text(1e3 * fit.value.along, "mm"),
        across=_text(1e3 * fit.value.across, "mm"),
        angle_error=round(fit.error.angle, 5),
        along_error=errors.get("along_error"),
        across_error=errors.get("across_error"),
    )


def _common(fits: tuple[ModuleFit, ...]) -> list[str]:
    """A shift of A4 that all modules share."""
    value = np.array([one.common_angle for one in fits])
    error = np.array([one.common_angle_error for one in fits])
    weight = error**-2.0
    mean, own = float(np.average(value, weights=weight)), float(weight.sum() ** -0.5)
    if not len(fits) > 2 or abs(mean) < 5.0 * own:
        return []
    return [
        f"all modules share a shift of A4 by {mean:+.3f} ± {own:.3f} degrees: perhaps the zero "
        "of a4, which cannot be told from shifts across"
    ]


def _with_error(value: float, error: float, digits: int = 3) -> str:
    if not np.isfinite(error):
        return f"{value:+.{digits}f}"
    return f"{value:+.{digits}f} ± {error:.{digits}f}"


def _text(value: float, unit: str) -> str:
    return f"{value:.4f} {unit}"


def _not_fitted(words: tuple[str, ...]) -> list[str]:
    lines = [f"not fitted: {word}" for word in words[:_MOST_NAMED]]
    if len(words) > _MOST_NAMED:
        lines.append(f"not fitted: {len(words) - _MOST_NAMED} more")
    return lines
