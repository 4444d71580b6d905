"""Mean intensity as a function of |s|."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipp as sc

from ewaldite.io.nexus.layout import intensity_unit
from ewaldite.plot.style import COLOURS, new_figure, resolution_axis, tidy, unit_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_radial(axes: Axes, curve: sc.DataArray, *, label: str = "", colour: int = 0) -> None:
    """Draw a mean over shells with its error bars.

    Parameters
    ----------
    axes:
        Where.
    curve:
        dims (s) with the coordinate ``s`` (centres or edges of the shells, 1/Å), variances and
        unit; what :func:`ewaldite.io.nexus.shell_means` gives.
    label:
        For a legend.
    colour:
        Number of the colour.
    """
    s = np.asarray(curve.coords["s"].values, dtype=np.float64)
    if s.size == curve.size + 1:
        s = (s[1:] + s[:-1]) / 2
    spread = curve.variances
    axes.errorbar(
        s,
        curve.values,
        yerr=None if spread is None else np.sqrt(spread),
        color=COLOURS[colour % len(COLOURS)],
        linewidth=1.2,
        elinewidth=0.8,
        marker="o",
        markersize=2.2,
        label=label or None,
    )
    unit = unit_label(intensity_unit(curve))
    name = f"mean {curve.name or 'intensity'}"
    tidy(axes, xlabel="|s| (1/Å)", ylabel=f"{name} ({unit})" if unit else name)


def radial_figure(curves: dict[str, sc.DataArray]) -> Figure:
    """Picture of one or more curves, each by its name; see :func:`draw_radial`."""
    figure = new_figure(6.4, 4.0)
    axes = figure.add_subplot()
    for number, (name, curve) in enumerate(curves.items()):
        draw_radial(axes, curve, label=name, colour=number)
    resolution_axis(axes)
    if len(curves) > 1:
        axes.legend(frameon=False, fontsize=8)
    return figure
