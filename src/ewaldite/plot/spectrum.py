"""Pictures of cuts of S(Q, ω), in one to four dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipp as sc
from numpy.typing import ArrayLike

from ewaldite.plot.slices import draw_slice
from ewaldite.plot.style import (
    ABSENT,
    COLOURS,
    INK,
    new_figure,
    robust_limits,
    tidy,
    unit_label,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure

_LAYERS = 6
_NAMES = {"energy_transfer": "energy transfer", "Q": "|Q|"}
_INDICES = {"h", "k", "l"}


def cut_figure(data: sc.DataArray, title: str = "", cell: ArrayLike | None = None) -> Figure:
    """Picture of a cut.

    One dimension is drawn with error bars, two as a map. Of three, up to six layers are shown
    side by side, of four those in the middle of the fourth axis. Where there is no coverage a
    map is grey.

    Parameters
    ----------
    data:
        S with variances, coordinates of edges, NaN where there is no coverage; dims (axis, …).
    title:
        Above it.
    cell:
        a, b, c, α, β, γ; Å and degrees. With it, two axes out of h, k, l are drawn at their
        true angle.

    Returns
    -------
    :
        The figure.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    if data.ndim == 1:
        return _curve(data, title)
    layers = _layers(data)
    columns = min(len(layers), 3)
    rows = -(-len(layers) // columns)
    width = 6.8 if columns == 1 else 3.6 * columns
    figure = new_figure(width, (4.8 if columns == 1 else 3.2) * rows)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    seen = np.concatenate([layer.values[np.isfinite(layer.values)] for _, layer in layers])
    limits = robust_limits(seen)
    mesh = None
    for axes, (name, layer) in zip(panels, layers, strict=False):
        mesh = _map(axes, layer, limits, cell)
        axes.set_title(name, fontsize=9, color=INK)
    for axes in panels[len(layers) :]:
        axes.set_axis_off()
    if title:
        figure.suptitle(title, fontsize=11, color=INK)
    if mesh is not None:
        bar = figure.colorbar(mesh, ax=panels.tolist(), shrink=0.8, aspect=30, extend="both")
        bar.set_label(_s_label(data), fontsize=9, color=INK)
        bar.ax.tick_params(labelsize=8, colors=INK)
    return figure


def _curve(data: sc.DataArray, title: str) -> Figure:
    figure = new_figure(6.8, 4.0)
    axes = figure.add_subplot()
    (dim,) = data.dims
    edges = data.coords[dim].values
    middle, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
    axes.errorbar(
        middle, data.values, np.sqrt(data.variances), half, fmt=".", markersize=4,
        color=COLOURS[0], ecolor=COLOURS[0], elinewidth=0.8,
    )  # fmt: skip
    tidy(axes, xlabel=_label(data, dim), ylabel=_s_label(data), title=title)
    return figure


def _map(
    axes: Axes, layer: sc.DataArray, limits: tuple[float, float], cell: ArrayLike | None
) -> QuadMesh:
    import matplotlib

    across, up = layer.dims
    if cell is not None and {across, up} <= _INDICES:
        if across > up:
            layer = layer.transpose([up, across]).copy()
        return draw_slice(axes, layer, cell, limits=limits)
    mesh = axes.pcolormesh(
        layer.coords[across].values,
        layer.coords[up].values,
        np.ma.masked_invalid(layer.values.T),
        cmap=matplotlib.colormaps["viridis"].with_extremes(bad=ABSENT),
        vmin=limits[0],
        vmax=limits[1],
        rasterized=True,
        linewidth=0,
    )
    axes.set_xlabel(_label(layer, across), fontsize=9, color=INK)
    axes.set_ylabel(_label(layer, up), fontsize=9, color=INK)
    axes.tick_params(labelsize=8, colors=INK, width=0.6, length=3)
    return mesh


def _layers(data: sc.DataArray) -> list[tuple[str, sc.DataArray]]:
    if data.ndim == 4:
        last = data.dims[3]
        data = data[last, data.sizes[last] // 2]
    if data.ndim == 2:
        return [("", sc.values(data))]
    dim = data.dims[2]
    edges = data.coords[dim].values
    chosen = np.unique(np.linspace(0, data.sizes[dim] - 1, _LAYERS).round().astype(int))
    return [
        (f"{_label(data, dim)}: {edges[i]:g} to {edges[i + 1]:g}", sc.values(data[dim, i]))
        for i in chosen.tolist()
    ]


def _label(data: sc.DataArray, dim: str) -> str:
    unit = data.coords[dim].unit
    text = "r.l.u." if unit == sc.units.one else unit_label(unit)
    return f"{_NAMES.get(dim, dim)} ({text})"


def _s_label(data: sc.DataArray) -> str:
    unit = "" if data.unit == sc.units.one else unit_label(data.unit)
    return f"S(Q, ω) ({unit or 'arb. units'})"
