"""Pictures of what a calibration found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ewaldite.plot.style import COLOURS, FAINT, INK, new_figure, tidy
from ewaldite.spectroscopy.calibrate.modules import ModulesFit
from ewaldite.spectroscopy.calibrate.tubes import TubeFit
from ewaldite.spectroscopy.calibrate.zero import TimeZeroFit

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def calibration_figure(fit: tuple[TubeFit, ...] | ModulesFit | TimeZeroFit) -> Figure:
    """Picture of a fit.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    if isinstance(fit, ModulesFit):
        return modules_figure(fit)
    if isinstance(fit, TimeZeroFit):
        return time_zero_figure(fit)
    return tubes_figure(fit)


def tubes_figure(fits: tuple[TubeFit, ...]) -> Figure:
    """Gains and offsets of tubes, and the tube that fits worst."""
    figure = new_figure(7.2, 7.2)
    gain, offset, worst = figure.subplots(3, 1)
    number = np.arange(len(fits))
    arc = np.array([fit.tube[0] for fit in fits])
    for axes, name, scale, label in (
        (gain, "gain", 1.0, "gain"),
        (offset, "offset", 1e3, "offset (mm)"),
    ):
        value = scale * np.array([getattr(fit.value, name) for fit in fits])
        error = scale * np.array([getattr(fit, f"{name}_error") for fit in fits])
        for one in np.unique(arc).tolist():
            mine = arc == one
            axes.errorbar(
                number[mine], value[mine], error[mine], fmt=".", markersize=4, elinewidth=0.8,
                color=COLOURS[one % len(COLOURS)], label=f"arc {one + 1}",
            )  # fmt: skip
        axes.axhline(1.0 if name == "gain" else 0.0, color=FAINT, linewidth=0.8)
        tidy(axes, xlabel="tube, as in the file of calibration", ylabel=label)
    gain.legend(fontsize=7, frameon=False, ncols=5)
    one = max(fits, key=lambda fit: fit.misfit)
    worst.step(1e3 * one.place, one.counts, where="mid", color=COLOURS[0], linewidth=0.9)
    worst.plot(1e3 * one.place, one.expected, color=COLOURS[1], linewidth=1.2)
    arc_, channel, tube = (n + 1 for n in one.tube)
    title = f"worst fit: arc {arc_}, channel {channel}, tube {tube}, chi² {one.misfit:.2f}"
    tidy(worst, xlabel="nominal place along the tube (mm)", ylabel="counts", title=title)
    return figure


def modules_figure(fit: ModulesFit) -> Figure:
    """Rotations and shifts of modules, and what is left of the lateness of triplets."""
    figure = new_figure(7.2, 8.4)
    panels = figure.subplots(4, 1)
    arc = np.array([one.module[0] for one in fit.modules])
    place = arc + (np.array([one.module[1] for one in fit.modules]) - 1) / 4.0 + 1.0
    for axes, (name, scale, label) in zip(
        panels,
        (
            ("angle", 1.0, "angle (deg)"),
            ("along", 1e3, "along (mm)"),
            ("across", 1e3, "across (mm)"),
        ),
        strict=False,
    ):
        value = scale * np.array([getattr(one.value, name) for one in fit.modules])
        error = scale * np.array([getattr(one.error, name) for one in fit.modules])
        known = np.isfinite(error)
        axes.errorbar(
            place[known], value[known], error[known], fmt="o", markersize=4, color=COLOURS[0]
        )
        if not np.all(known):
            axes.plot(place[~known], value[~known], "o", markersize=4, color=FAINT)
        axes.axhline(0.0, color=FAINT, linewidth=0.8)
        tidy(axes, ylabel=label)
        axes.set_xticks(np.unique(arc) + 1)
    for one, where in zip(fit.modules, place, strict=True):
        x = where + (np.arange(one.late.size) - 1) / 14.0
        panels[3].errorbar(
            x, 1e6 * one.late, 1e6 * one.late_error, fmt=".", markersize=4, elinewidth=0.8,
            color=COLOURS[2],
        )  # fmt: skip
    panels[3].axhline(0.0, color=FAINT, linewidth=0.8)
    panels[3].set_xticks(np.unique(arc) + 1)
    tidy(panels[3], xlabel="arc, in it module 1 to 3", ylabel="line of triplets late (µs)")
    return figure


def time_zero_figure(fit: TimeZeroFit) -> Figure:
    """The elastic line of each arc against how late it is."""
    figure = new_figure(6.8, 4.2)
    axes = figure.add_subplot()
    together = 4
    bins = fit.late.size // together * together
    late = 1e3 * fit.late[:bins].reshape(-1, together).mean(axis=1)
    for arc, counts in zip(fit.arcs, fit.counts, strict=True):
        held = counts[:bins].reshape(-1, together).sum(axis=1)
        axes.step(
            late, held / held.max(), where="mid", linewidth=1.0,
            color=COLOURS[arc % len(COLOURS)], label=f"arc {arc + 1}",
        )  # fmt: skip
    axes.axvline(1e3 * fit.value, color=INK, linewidth=0.9, linestyle="--")
    axes.legend(fontsize=8, frameon=False)
    title = f"time zero {1e6 * fit.value:+.1f} ± {1e6 * fit.error:.1f} µs"
    tidy(axes, xlabel="late (ms)", ylabel="counts over the highest", title=title)
    return figure
