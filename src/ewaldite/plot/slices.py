"""Slices of a map at constant h, k or l."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import scipp as sc
from numpy.typing import ArrayLike, NDArray

from ewaldite.errors import UserError
from ewaldite.io.nexus.layout import intensity_unit
from ewaldite.plot.plane import Normal, Plane, draw_frame, plane_name
from ewaldite.plot.style import ABSENT, INK, colour_map, new_figure, robust_limits, unit_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure

FloatArray = NDArray[np.float64]
Limits = tuple[float, float]


def cut(array: sc.DataArray, normal: Normal, value: float) -> sc.DataArray:
    """Layer of voxels of a map that holds ``normal = value``; masked voxels become NaN.

    Parameters
    ----------
    array:
        dims (h, k, l) in any order, with coordinates of the voxels' centres, or edges, r.l.u.
    normal:
        The index that is constant.
    value:
        Its value, r.l.u.

    Returns
    -------
    :
        dims (across, up), float64, the unit of the map, coordinates of edges. For ``normal``
        ``l`` the dims are (h, k), for ``k`` (h, l), for ``h`` (k, l).

    Raises
    ------
    UserError
        If the array is no map, or does not reach that value.
    """
    if sorted(array.dims) != ["h", "k", "l"] or not {"h", "k", "l"} <= set(array.coords):
        raise UserError(
            f"draw a slice at {normal} = {value:g}",
            f"the data have the dims {array.dims}",
            "Give a map with the dims and coordinates h, k, l.",
        )
    borders = {name: edges(array, name) for name in ("h", "k", "l")}
    layer = int(np.searchsorted(borders[normal], value, side="left")) - 1
    if not 0 <= layer < array.sizes[normal]:
        low, high = borders[normal][[0, -1]]
        raise UserError(
            f"draw a slice at {normal} = {value:g}",
            f"the map reaches from {low:g} to {high:g}",
            "Choose a value inside.",
        )
    dims = [name for name in ("h", "k", "l") if name != normal]
    values = np.asarray(array.data[normal, layer].transpose(dims).values, dtype=np.float64)
    for mask in array.masks.values():
        whole = mask.broadcast(sizes=array.sizes)[normal, layer].transpose(dims)
        values = np.where(whole.values, np.nan, values)
    return sc.DataArray(
        sc.array(dims=dims, values=values, unit=array.unit),
        coords={name: sc.array(dims=[name], values=borders[name]) for name in dims},
        name=array.name,
    )


def edges(array: sc.DataArray, name: str) -> FloatArray:
    """Borders of the voxels along an axis; dims (name, one more than voxels), float64."""
    coord = np.asarray(array.coords[name].values, dtype=np.float64)
    if coord.size == array.sizes[name] + 1:
        return coord
    if coord.size == 1:
        return np.array([coord[0] - 0.5, coord[0] + 0.5])
    middle = (coord[1:] + coord[:-1]) / 2
    first, last = 2 * coord[0] - middle[0], 2 * coord[-1] - middle[-1]
    return np.concatenate([[first], middle, [last]])


def draw_slice(
    axes: Axes,
    layer: sc.DataArray,
    cell: ArrayLike,
    *,
    limits: Limits | None = None,
    colours: str = "viridis",
    rings: Sequence[float] = (),
) -> QuadMesh:
    """Draw a layer on the true, in general oblique, axes of the reciprocal lattice.

    Parameters
    ----------
    axes:
        Where.
    layer:
        What :func:`cut` gives; absent voxels (NaN) are drawn in a neutral grey.
    cell:
        a, b, c, α, β, γ; Å and degrees.
    limits:
        Colour limits in the unit of the layer, from its quantiles by default.
    colours:
        Name of a colour map of matplotlib.
    rings:
        Spacings d, Å, at which circles |s| = 1/d are drawn; for a layer through the origin.

    Returns
    -------
    :
        The mesh, for a colour bar.
    """
    across, up = layer.dims
    (normal,) = (name for name in ("h", "k", "l") if name not in (across, up))
    plane = Plane.of_cell(cell, "h" if normal == "h" else "k" if normal == "k" else "l")
    u, v = layer.coords[across].values, layer.coords[up].values
    x, y = plane.points(u[:, None], v[None, :])
    low, high = limits or robust_limits(layer.values)
    mesh = axes.pcolormesh(
        x,
        y,
        np.ma.masked_invalid(layer.values),
        cmap=colour_map(colours).with_extremes(bad=ABSENT),
        vmin=low,
        vmax=high,
        rasterized=True,
        linewidth=0,
    )
    draw_frame(axes, plane, (u[0], u[-1]), (v[0], v[-1]))
    _draw_rings(axes, rings)
    return mesh


def slice_figure(
    array: sc.DataArray,
    cell: ArrayLike,
    *,
    normal: Normal = "l",
    value: float = 0.0,
    limits: Limits | None = None,
    colours: str = "viridis",
    rings: Sequence[float] = (),
) -> Figure:
    """Picture of one slice with its colour bar; see :func:`cut` and :func:`draw_slice`."""
    layer = cut(array, normal, value)
    across, up = (layer.coords[dim].values for dim in layer.dims)
    x, y = Plane.of_cell(cell, normal).points(across[:, None], up[None, :])
    aspect = float(np.ptp(y) / np.ptp(x))
    figure = new_figure(6.6, min(max(4.6 * aspect + 1.0, 2.6), 9.0))
    axes = figure.add_subplot()
    through_origin = rings if abs(value) < 1e-9 else ()
    mesh = draw_slice(axes, layer, cell, limits=limits, colours=colours, rings=through_origin)
    axes.set_title(plane_name(normal, value), fontsize=12, color=INK, style="italic", pad=8)
    colour_bar(figure, mesh, [axes], layer)
    return figure


def colour_bar(
    figure: Figure, mesh: QuadMesh, axes: Sequence[Axes], layer: sc.DataArray
) -> None:
    """Draw the colour bar of a slice, with name and unit of what is shown."""
    unit = unit_label(intensity_unit(layer))
    bar = figure.colorbar(mesh, ax=list(axes), shrink=0.65, aspect=28, extend="both", pad=0.03)
    bar.set_label(
        f"{layer.name or 'intensity'} ({unit})" if unit else layer.name or "intensity",
        fontsize=9,
        color=INK,
    )
    bar.ax.tick_params(labelsize=8, colors=INK, width=0.6, length=3)
    bar.outline.set_visible(False)


def _draw_rings(axes: Axes, rings: Sequence[float]) -> None:
    from matplotlib.patches import Circle
    from matplotlib.patheffects import withStroke

    for d in rings:
        circle = Circle((0, 0), 1 / d, fill=False, edgecolor="white", linewidth=0.7)
        circle.set_linestyle(":")
        axes.add_patch(circle)
        axes.annotate(
            f"{d:g} Å",
            (0, 1 / d),
            ha="center",
            va="bottom",
            fontsize=6.5,
            color="white",
            path_effects=[withStroke(linewidth=1.6, foreground=INK)],
        )
