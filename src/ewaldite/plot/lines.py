"""Curves of one coordinate, panel by panel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.plot.style import COLOURS, FAINT, new_figure, resolution_axis, tidy, unit_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: How coordinates are called on an axis.
LABELS = {
    "s": "|s|",
    "s_cutoff": "cut-off in |s|",
    "phi": "rotation",
    "turn": "rotation since the start",
    "iz": "frame",
    "ix": "fast (pixel)",
    "iy": "slow (pixel)",
    "fast": "fast (pixel)",
    "slow": "slow (pixel)",
}


def line_figure(
    panels: Mapping[str, Mapping[str, sc.DataArray]],
    *,
    level: float | None = None,
    height: float = 2.3,
) -> Figure:
    """Picture of curves: one panel below the other, in each any number of curves.

    Parameters
    ----------
    panels:
        Label of the vertical axis, and its curves by name; each of one dim with a coordinate of
        that name (centres or edges), with variances or without.
    level:
        A value that is marked by a line, such as 1 for a scale factor.
    height:
        Of a panel, inches.
    """
    figure = new_figure(6.4, 0.9 + height * len(panels))
    for number, (label, curves) in enumerate(panels.items()):
        axes = figure.add_subplot(len(panels), 1, number + 1)
        for colour, (name, curve) in enumerate(curves.items()):
            _draw(axes, curve, name, colour)
        if level is not None:
            axes.axhline(level, color=FAINT, linewidth=0.8, linestyle="--", zorder=0)
        first = next(iter(curves.values()))
        unit = unit_label(first.unit)
        tidy(
            axes,
            xlabel=coordinate_label(first, first.dim),
            ylabel=f"{label} ({unit})" if unit else label,
        )
        if first.dim.startswith("s"):
            resolution_axis(axes)
        if len(curves) > 1:
            axes.legend(frameon=False, fontsize=8)
    return figure


def coordinate_label(array: sc.DataArray, dim: str) -> str:
    """Label of the axis of a dim, with its unit."""
    unit = unit_label(array.coords[dim].unit)
    name = LABELS.get(dim, dim)
    return f"{name} ({unit})" if unit else name


def centres(coord: sc.Variable, size: int) -> NDArray[np.float64]:
    """Values of a coordinate of that many points, from centres or edges; dims (point)."""
    x = np.asarray(coord.values, dtype=np.float64)
    return (x[1:] + x[:-1]) / 2 if x.size == size + 1 else x


def _draw(axes: Axes, curve: sc.DataArray, name: str, colour: int) -> None:
    variances = curve.variances
    axes.errorbar(
        centres(curve.coords[curve.dim], curve.size),
        curve.values,
        yerr=None if variances is None else np.sqrt(variances),
        color=COLOURS[colour % len(COLOURS)],
        linewidth=1.2,
        elinewidth=0.8,
        marker="o" if curve.size < 60 else "",
        markersize=2.4,
        label=name or None,
    )
