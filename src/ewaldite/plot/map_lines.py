"""Intensity along lines through a map, with error bars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import scipp as sc

from ewaldite.io.nexus.layout import intensity_unit
from ewaldite.plot.style import COLOURS, FAINT, INK, new_figure, tidy, unit_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LABELS = {"h": "h (r.l.u.)", "k": "k (r.l.u.)", "l": "l (r.l.u.)"}
_LABELS |= {"u": "u (Å)", "v": "v (Å)", "w": "w (Å)"}


def draw_line(axes: Axes, line: sc.DataArray, *, label: str = "", colour: int = 0) -> None:
    """Draw a line section; absent points are gaps.

    Parameters
    ----------
    axes:
        Where.
    line:
        dims (point); what :func:`~ewaldite.diffuse.maps.sections.line_section` gives. The
        abscissa is the index that varies, if it is one alone, else the distance.
    label:
        For a legend.
    colour:
        Number of the colour.
    """
    name = abscissa(line)
    x = line.coords[name].values
    ink = COLOURS[colour % len(COLOURS)]
    spread = line.variances
    if spread is not None:
        error = np.sqrt(spread)
        low, high = line.values - error, line.values + error
        axes.fill_between(x, low, high, color=ink, alpha=0.22, linewidth=0)
    axes.plot(x, line.values, color=ink, linewidth=1.2, marker="o", markersize=2, label=label)
    space = "Å" if "u" in line.coords else "1/Å"
    unit = unit_label(intensity_unit(line))
    shown = str(line.name or "intensity")
    tidy(
        axes,
        xlabel=_LABELS.get(name, f"distance ({space})"),
        ylabel=f"{shown} ({unit})" if unit else shown,
    )
    if shown.startswith(("variational", "3D-ΔPDF")):
        axes.axhline(0.0, color=FAINT, linewidth=0.8, zorder=0)


def line_figure(lines: Mapping[str, sc.DataArray], title: str = "") -> Figure:
    """Picture of one or more lines, each by its name; see :func:`draw_line`."""
    figure = new_figure(6.4, 3.8)
    axes = figure.add_subplot()
    for number, (name, line) in enumerate(lines.items()):
        draw_line(axes, line, label=name, colour=number)
    if len(lines) > 1:
        axes.legend(frameon=False, fontsize=8)
    first = next(iter(lines.values()), None)
    if first is not None:
        axes.set_title(title or ends_text(first), fontsize=10, color=INK, loc="left", pad=8)
    return figure


def abscissa(line: sc.DataArray) -> str:
    """Name of the coordinate that a line is drawn against."""
    dims = "uvw" if "u" in line.coords else "hkl"
    varying = [x for x in dims if np.ptp(line.coords[x].values) > 1e-9]
    return varying[0] if len(varying) == 1 else "distance"


def ends_text(line: sc.DataArray) -> str:
    """``(0, 0, 0) to (3, 3, 0)``."""
    dims = "uvw" if "u" in line.coords else "hkl"
    ends = ([line.coords[x].values[i] for x in dims] for i in (0, -1))
    texts = ["(" + ", ".join(f"{x:.4g}".replace("-", "−") for x in end) + ")" for end in ends]
    return " to ".join(texts)
