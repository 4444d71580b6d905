"""A cut in one dimension, with its errors and its coverage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.plot.cut_parts import CutParts, s_label
from ewaldite.plot.style import ABSENT, COLOURS, new_figure, small_powers, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FloatArray = NDArray[np.float64]

# Bars longer than so many usual ones may leave the picture
_LONG = 6.0


def curve_figure(data: sc.DataGroup[Any] | sc.DataArray, title: str = "") -> Figure:
    """Picture of a cut in one dimension.

    Every bin with coverage has an error bar, one without an event too (an open circle); a bin
    without coverage is a grey band. Where the cut holds ``lower`` and ``upper`` the bars reach
    from one to the other, else they are one standard deviation long. Its coverage is drawn
    below.

    Parameters
    ----------
    data:
        A cut as it is stored, or S alone: dims (axis), with variances and edges.
    title:
        Above it.

    Returns
    -------
    :
        The figure.
    """
    parts = CutParts.of(data)
    axes_of_cut = parts.axes
    (dim,) = parts.s.dims
    if parts.coverage is None:
        figure = new_figure(6.8, 4.0)
        upper, lower = figure.add_subplot(), None
    else:
        figure = new_figure(6.8, 5.0)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3.4, 1])
    draw_curve(upper, parts)
    label = axes_of_cut.label(dim)
    tidy(upper, xlabel="" if lower else label, ylabel=s_label(parts.s), title=title)
    small_powers(upper)
    if axes_of_cut.remarks:
        upper.set_title(axes_of_cut.remarks, fontsize=8, loc="right", color="#8a949e")
    if lower is not None and parts.coverage is not None:
        edges = parts.s.coords[dim].values
        covered = np.nan_to_num(parts.coverage.values)
        lower.stairs(covered, edges, fill=True, color=COLOURS[0], alpha=0.35)
        tidy(lower, xlabel=label, ylabel="coverage")
        small_powers(lower)
    return figure


def draw_curve(
    axes: Axes, parts: CutParts, *, colour: str = COLOURS[0], name: str | None = None
) -> None:
    """Draw S of one dimension with its bars, and a grey band where it is absent.

    Parameters
    ----------
    axes:
        Where.
    parts:
        A cut of one dimension.
    colour:
        Of the bars.
    name:
        For a legend.
    """
    (dim,) = parts.s.dims
    edges = np.asarray(parts.s.coords[dim].values, dtype=np.float64)
    middle, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
    seen = np.isfinite(parts.s.values)
    none = seen & (parts.events == 0) if parts.events is not None else np.zeros_like(seen)
    below, above = parts.bars
    for some, face in ((seen & ~none, colour), (none, "white")):
        if not some.any():
            continue
        axes.errorbar(
            middle[some],
            parts.s.values[some],
            [below[some], above[some]],
            half[some],
            fmt="o",
            markersize=3.2,
            markerfacecolor=face,
            markeredgewidth=0.8,
            color=colour,
            ecolor=colour,
            elinewidth=0.8,
            label=name if face == colour else None,
        )
    for low, high in _runs(edges, ~seen):
        axes.axvspan(low, high, color=ABSENT, alpha=0.6, linewidth=0, zorder=0)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(*_limits(parts.s.values, below, above))


def _limits(value: FloatArray, below: FloatArray, above: FloatArray) -> tuple[float, float]:
    """Range of S to show: that of the bins that say something of it.

    A bin at the edge of the coverage has a bar many times as long as the others, and would
    press them flat.
    """
    seen = np.isfinite(value) & np.isfinite(above)
    if not seen.any():
        return 0.0, 1.0
    short = seen & (above <= _LONG * np.median(above[seen]))
    low, high = float((value - below)[short].min()), float((value + above)[short].max())
    margin = 0.06 * ((high - min(low, 0.0)) or 1.0)
    return min(low, 0.0) - margin, high + margin


def _runs(edges: FloatArray, absent: NDArray[np.bool_]) -> list[tuple[float, float]]:
    """Stretches of bins that are absent."""
    steps = np.diff(np.concatenate([[0], absent.astype(np.int8), [0]]))
    return [
        (float(edges[a]), float(edges[b]))
        for a, b in zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True)
    ]
