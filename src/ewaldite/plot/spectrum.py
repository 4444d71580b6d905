"""Pictures of cuts of S(Q, ω), in one to four dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipp as sc
from numpy.typing import ArrayLike

from ewaldite.plot.cut_axes import CutAxes
from ewaldite.plot.cut_curve import curve_figure
from ewaldite.plot.cut_map import (
    COLOURS_OF_COVERAGE,
    Scale,
    colour_bar_of,
    colour_scale,
    draw_map,
)
from ewaldite.plot.cut_parts import CutParts, s_label
from ewaldite.plot.style import FAINT, INK, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LAYERS = 6
# Height over width below which a map and its coverage lie one above the other
_FLAT = 0.45


def cut_figure(
    data: sc.DataGroup[Any] | sc.DataArray,
    title: str = "",
    cell: ArrayLike | None = None,
    *,
    scale: Scale | None = None,
) -> Figure:
    """Picture of a cut.

    One dimension is drawn with error bars, two as a map with its coverage beside. Of three, up
    to six layers are shown side by side, of four those in the middle of the fourth axis. Where
    there is no coverage a map is grey.

    Parameters
    ----------
    data:
        A cut as it is stored (S, its limits, events, coverage, and the record of the cut), or
        S alone with variances; dims (axis, …), coordinates of edges, NaN where there is no
        coverage.
    title:
        Above it.
    cell:
        a, b, c, α, β, γ; Å and degrees. With it, two axes of reciprocal space are drawn at
        their true angle.
    scale:
        Of the colours of S; that of the record of the cut if None.

    Returns
    -------
    :
        The figure.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    parts = CutParts.of(data)
    scale = scale or parts.scale
    if parts.s.ndim == 1:
        return curve_figure(data, title)
    if parts.s.ndim == 2:
        return map_figure(parts, title, cell, scale=scale)
    parts = _three(parts)
    layers = _layers(parts)
    columns = 2 if len(layers) == 4 else min(len(layers), 3)
    rows = -(-len(layers) // columns)
    aspect = _aspect(layers[0], cell)
    height = 3.2 if aspect is None else _height(2.6 * aspect)
    # the heading has no room of its own in a compressed layout
    figure = new_figure(3.6 * columns, height * rows + (0.0 if aspect is None else 0.4))
    if aspect is not None:
        figure.set_layout_engine("compressed")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    colours = colour_scale(np.concatenate([one.typical for one in layers]), scale)
    for axes, one in zip(panels, layers, strict=False):
        mesh = draw_map(axes, one.s, one.axes, colours, cell=cell)
        axes.set_title(_last_range(one), fontsize=9, color=INK)
    for axes in panels[len(layers) :]:
        axes.set_axis_off()
    # what all layers have in common; what tells them apart stands above each
    heading = " · ".join(part for part in (title, parts.axes.remarks) if part)
    if heading:
        figure.suptitle(heading, fontsize=11, color=INK)
    colour_bar_of(figure, mesh, panels.tolist(), s_label(parts.s), extend="both")
    return figure


def map_figure(
    parts: CutParts, title: str = "", cell: ArrayLike | None = None, *, scale: Scale = "linear"
) -> Figure:
    """Picture of a cut of two axes, and of its coverage where that is known.

    Parameters
    ----------
    parts:
        What is drawn.
    title:
        Above it.
    cell:
        a, b, c, α, β, γ; Å and degrees; None: axes are drawn square.
    scale:
        Of the colours of S; those of the coverage are logarithmic.
    """
    aspect = _aspect(parts, cell)
    if parts.coverage is None:
        figure = new_figure(6.8, 4.8 if aspect is None else _height(4.6 * aspect))
        left = figure.add_subplot()
    elif aspect is not None and aspect < _FLAT:
        figure = new_figure(9.0, 2.0 * max(7.0 * aspect + 0.9, 2.0))
        left, right = figure.subplots(2, 1)
        draw_coverage(figure, right, parts, cell)
    else:
        figure = new_figure(11.0, 4.6 if aspect is None else _height(4.3 * aspect))
        left, right = figure.subplots(1, 2, width_ratios=[1.35, 1.0])
        draw_coverage(figure, right, parts, cell)
    if aspect is not None:
        figure.set_layout_engine("compressed")
    mesh = draw_map(
        left, sc.values(parts.s), parts.axes, colour_scale(parts.typical, scale), cell=cell
    )
    colour_bar_of(figure, mesh, [left], s_label(parts.s), extend="both")
    left.set_title(title, fontsize=10, color=INK, loc="left", pad=8)
    left.set_title(parts.axes.remarks, fontsize=8, color=FAINT, loc="right", pad=8)
    return figure


def draw_coverage(
    figure: Figure, axes: Axes, parts: CutParts, cell: ArrayLike | None = None
) -> None:
    """Draw the coverage of a cut of two axes, with logarithmic colours and their bar.

    Parameters
    ----------
    figure, axes:
        Where.
    parts:
        The cut.
    cell:
        a, b, c, α, β, γ; Å and degrees; None: axes are drawn square.

    Raises
    ------
    ValueError
        If the coverage is not known.
    """
    if parts.coverage is None:
        raise ValueError("the cut does not hold its coverage")
    covered = parts.coverage
    colours = colour_scale(covered.values[covered.values > 0], "log")
    mesh = draw_map(axes, covered, parts.axes, colours, cell=cell, palette=COLOURS_OF_COVERAGE)
    unit = "counts/Å" if parts.s.unit == sc.units.one else "counts/Å · meV sr"
    colour_bar_of(figure, mesh, [axes], f"coverage ({unit})", extend="both")
    axes.set_title("coverage", fontsize=9, color=FAINT, loc="left", pad=8)


def _aspect(parts: CutParts, cell: ArrayLike | None) -> float | None:
    """Height over width of a plane of reciprocal space; None for other maps."""
    if cell is None or not parts.axes.is_plane():
        return None
    across, up = (parts.s.coords[d].values for d in parts.s.dims)
    x, y = parts.axes.plane(cell).points(across[[0, -1], None], up[None, [0, -1]])
    return float(np.ptp(y) / np.ptp(x))


def _height(panel: float) -> float:
    return min(max(panel + 0.9, 2.2), 9.0)


def _three(parts: CutParts) -> CutParts:
    """Of four axes three, in the middle of the last."""
    if parts.s.ndim < 4:
        return parts
    last = str(parts.s.dims[3])
    return parts.layer(last, parts.s.sizes[last] // 2)


def _layers(parts: CutParts) -> list[CutParts]:
    dim = str(parts.s.dims[2])
    chosen = np.unique(np.linspace(0, parts.s.sizes[dim] - 1, _LAYERS).round().astype(int))
    return [parts.layer(dim, i) for i in chosen.tolist()]


def _last_range(one: CutParts) -> str:
    name, limits = list(one.axes.integrate.items())[-1]
    return CutAxes((), {name: limits}).ranges
