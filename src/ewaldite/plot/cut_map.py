"""Maps of cuts: two axes of energy and reciprocal space, in colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import scipp as sc
from numpy.typing import ArrayLike, NDArray

from ewaldite.plot.cut_axes import CutAxes
from ewaldite.plot.plane import draw_frame
from ewaldite.plot.style import ABSENT, INK, robust_limits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.collections import QuadMesh
    from matplotlib.colorbar import Colorbar
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

FloatArray = NDArray[np.float64]
Scale = Literal["linear", "log"]

#: Colour maps that are perceptually even: of S, and of how much was measured.
COLOURS_OF_S, COLOURS_OF_COVERAGE = "viridis", "magma"
_DECADES = 3.0


def colour_scale(values: ArrayLike, scale: Scale = "linear") -> Normalize:
    """Colours for values, which a few extreme bins do not set.

    Parameters
    ----------
    values:
        Any dims; what is not finite is left out.
    scale:
        Linear colours begin at zero, or below where values do. Logarithmic ones reach down to
        the smallest positive value, three decades at most; what is not positive has the lowest
        colour.
    """
    from matplotlib.colors import LogNorm, Normalize

    array = np.asarray(values, dtype=np.float64)
    low, high = robust_limits(array)
    if scale == "linear":
        return Normalize(min(low, 0.0), high)
    positive = array[np.isfinite(array) & (array > 0)]
    if not positive.size:
        return Normalize(0.0, 1.0)
    top = max(high, float(positive.min()) * 1.001)
    return LogNorm(max(float(np.quantile(positive, 0.01)), top / 10**_DECADES), top, clip=False)


def draw_map(
    axes: Axes,
    array: sc.DataArray,
    which: CutAxes,
    colours: Normalize,
    *,
    cell: ArrayLike | None = None,
    palette: str = COLOURS_OF_S,
) -> QuadMesh:
    """Draw an array of two axes; two of reciprocal space at their true angle.

    Parameters
    ----------
    axes:
        Where.
    array:
        dims (across, up), with edges; what is NaN or masked is absent and grey.
    which:
        The axes.
    colours:
        Values to colours.
    cell:
        a, b, c, α, β, γ; Å and degrees; None: axes are drawn square.
    palette:
        Name of a colour map of matplotlib.

    Returns
    -------
    :
        The mesh, for a colour bar.
    """
    import matplotlib

    across, up = array.dims
    first, second = (np.asarray(array.coords[d].values, np.float64) for d in (across, up))
    oblique = cell is not None and which.is_plane()
    if oblique and cell is not None:
        plane = which.plane(cell)
        x, y = plane.points(first[:, None], second[None, :])
    else:
        x, y = np.broadcast_arrays(first[:, None], second[None, :])
    low = matplotlib.colormaps[palette](0.0)
    shades = matplotlib.colormaps[palette].with_extremes(bad=ABSENT, under=low)
    mesh = axes.pcolormesh(
        x,
        y,
        np.ma.masked_invalid(_shown(array, colours)),
        cmap=shades,
        norm=colours,
        rasterized=True,
        linewidth=0,
    )
    if oblique:
        draw_frame(axes, plane, (first[0], first[-1]), (second[0], second[-1]))
        return mesh
    axes.set_xlim(first[0], first[-1])
    axes.set_ylim(second[0], second[-1])
    axes.set_xlabel(which.label(across), fontsize=9, color=INK)
    axes.set_ylabel(which.label(up), fontsize=9, color=INK)
    axes.tick_params(labelsize=8, colors=INK, width=0.6, length=3)
    for spine in axes.spines.values():
        spine.set_linewidth(0.6)
    return mesh


def colour_bar_of(
    figure: Figure, mesh: ScalarMappable, axes: list[Axes], label: str, **place: Any
) -> Colorbar:
    """Colour bar with a label."""
    usual: dict[str, Any] = {"shrink": 0.85, "aspect": 28, "pad": 0.03, "extend": "max"}
    bar = figure.colorbar(mesh, ax=axes, **usual | place)
    bar.set_label(label, fontsize=9, color=INK)
    bar.ax.tick_params(which="both", labelsize=8, colors=INK, width=0.6, length=3)
    bar.outline.set_visible(False)
    bar.ax.yaxis.get_offset_text().set_fontsize(7)
    return bar


def _shown(array: sc.DataArray, colours: Normalize) -> FloatArray:
    """Values to draw: on a logarithmic scale what is not positive is just below the lowest."""
    from matplotlib.colors import LogNorm

    values = np.array(array.values, dtype=np.float64)
    for mask in array.masks.values():
        values[sc.broadcast(mask, sizes=array.sizes).values] = np.nan
    if isinstance(colours, LogNorm):
        values[values <= 0] = float(colours.vmin or 1.0) / 2
    return values
