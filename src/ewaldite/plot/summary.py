"""The picture of a run: three slices and the mean over shells on one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import scipp as sc
from numpy.typing import ArrayLike

from ewaldite.plot.plane import Normal, plane_name
from ewaldite.plot.radial import draw_radial
from ewaldite.plot.slices import colour_bar, cut, draw_slice
from ewaldite.plot.style import FAINT, INK, new_figure, resolution_axis, robust_limits

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Axes that the planes of the picture are normal to.
NORMALS: tuple[Normal, ...] = ("l", "k", "h")


def summary_figure(
    array: sc.DataArray | Mapping[Normal, sc.DataArray],
    cell: ArrayLike,
    curve: sc.DataArray,
    *,
    title: str,
    footnote: str = "",
    colours: str = "viridis",
    rings: Sequence[float] = (),
) -> Figure:
    """Picture of a map: hk0, h0l and 0kl with common colours, and mean intensity over |s|.

    Parameters
    ----------
    array:
        dims (h, k, l), with the origin inside; see :func:`ewaldite.plot.slices.cut`. Of a map
        that is larger than memory, the part of it about the origin for each normal.
    cell:
        a, b, c, α, β, γ; Å and degrees.
    curve:
        dims (s); see :func:`ewaldite.plot.radial.draw_radial`.
    title:
        What was measured.
    footnote:
        How it was made, in small print.
    colours:
        Name of a colour map of matplotlib.
    rings:
        Spacings d, Å, at which circles are drawn.
    """
    parts = array if isinstance(array, Mapping) else dict.fromkeys(NORMALS, array)
    layers = [cut(parts[normal], normal, 0.0) for normal in NORMALS]
    limits = robust_limits(np.concatenate([layer.values.ravel() for layer in layers]))
    figure = new_figure(11.0, 9.2)
    figure.set_layout_engine("compressed", w_pad=0.15, h_pad=0.15)
    grid = figure.add_gridspec(2, 2)
    places = [(0, 0), (0, 1), (1, 0)]
    drawn = []
    for place, normal, layer in zip(places, NORMALS, layers, strict=True):
        axes = figure.add_subplot(grid[place])
        mesh = draw_slice(axes, layer, cell, limits=limits, colours=colours, rings=rings)
        axes.set_title(plane_name(normal, 0.0), fontsize=13, color=INK, style="italic", pad=6)
        drawn.append(axes)
    colour_bar(figure, mesh, drawn[:2], parts[NORMALS[0]])
    radial = figure.add_subplot(grid[1, 1])
    draw_radial(radial, curve)
    resolution_axis(radial)
    figure.suptitle(title, fontsize=15, color=INK, x=0.02, ha="left")
    if footnote:
        figure.supxlabel(footnote, fontsize=7.5, color=FAINT, x=0.02, ha="left")
    return figure
