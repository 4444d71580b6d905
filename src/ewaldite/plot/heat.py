"""Quantities on two coordinates as colours."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.plot.lines import coordinate_label
from ewaldite.plot.style import ABSENT, INK, new_figure, robust_limits, tidy, unit_label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS = 3


def heat_figure(
    panels: Mapping[str, sc.DataArray],
    *,
    label: str,
    symmetric: bool = False,
    equal: bool = False,
    downwards: bool = False,
) -> Figure:
    """Picture of arrays of two dims, side by side on one scale of colours.

    Parameters
    ----------
    panels:
        Arrays by title: dims (y, x) with a coordinate for each dim, centres or edges; what is
        not finite or masked is grey.
    label:
        What the colours mean.
    symmetric:
        Whether zero has the middle colour.
    equal:
        Whether both coordinates have one scale, as on a detector.
    downwards:
        Whether y grows downwards, as rows of an image do.
    """
    shown = {title: _values(array) for title, array in panels.items()}
    limits = robust_limits(
        np.concatenate([v.ravel() for v in shown.values()]), symmetric=symmetric
    )
    columns = min(len(panels), _COLUMNS)
    rows = ceil(len(panels) / columns)
    figure = new_figure(2.9 * columns + 1.2, 2.9 * rows + 0.4)
    drawn = []
    for number, (title, array) in enumerate(panels.items()):
        axes = figure.add_subplot(rows, columns, number + 1)
        axes.set_facecolor(ABSENT)
        y, x = array.dims
        mesh = axes.pcolormesh(
            _edges(array, x),
            _edges(array, y),
            shown[title],
            cmap="RdBu_r" if symmetric else "viridis",
            vmin=limits[0],
            vmax=limits[1],
            rasterized=True,
        )
        if equal:
            axes.set_aspect("equal")
        if downwards:
            axes.invert_yaxis()
        outer = number % columns == 0
        tidy(
            axes,
            xlabel=coordinate_label(array, x),
            ylabel=coordinate_label(array, y) if outer else "",
            title=title,
        )
        axes.grid(visible=False)
        drawn.append(axes)
    unit = unit_label(next(iter(panels.values())).unit)
    bar = figure.colorbar(mesh, ax=drawn, shrink=0.8, aspect=28, extend="both", pad=0.02)
    bar.set_label(f"{label} ({unit})" if unit else label, fontsize=9, color=INK)
    bar.ax.tick_params(labelsize=8, colors=INK)
    bar.outline.set_visible(False)
    return figure


def _values(array: sc.DataArray) -> NDArray[np.float64]:
    values = np.array(array.values, dtype=np.float64)
    for mask in array.masks.values():
        values[sc.broadcast(mask, sizes=array.sizes).values] = np.nan
    return values


def _edges(array: sc.DataArray, dim: str) -> NDArray[np.float64]:
    """Edges of the cells along a dim, halfway between centres where these are given."""
    x = np.asarray(array.coords[dim].values, dtype=np.float64)
    if x.size == array.sizes[dim] + 1:
        return x
    step = np.diff(x) if x.size > 1 else np.ones(1)
    middle = (x[1:] + x[:-1]) / 2
    return np.concatenate([[x[0] - step[0] / 2], middle, [x[-1] + step[-1] / 2]])
