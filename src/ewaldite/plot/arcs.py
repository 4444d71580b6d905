"""One branch as every arc of analysers sees it, and how the arcs compare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import scipp as sc

from ewaldite.plot.cut_map import colour_bar_of, colour_scale, draw_map
from ewaldite.plot.cut_parts import CutParts, s_label
from ewaldite.plot.style import COLOURS, FAINT, INK, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKERS = ("o", "s", "^", "v", "D")
# Of the axis of the detail, whatever the first two ratios are
_LEAST = 0.05


def arcs_figure(
    maps: Mapping[str, sc.DataGroup[Any]],
    ratios: Mapping[str, sc.DataArray],
    branch: sc.DataArray | None = None,
) -> Figure:
    """Picture of the same cut by each arc, above ratios of what was found to what is true.

    Parameters
    ----------
    maps:
        Cuts of two axes, energy transfer upwards, by the name of the arc.
    ratios:
        Ratios by the name of what they show: dims (final_energy), with variances, the
        coordinate in meV. All are drawn at right, the first two in detail at left.
    branch:
        Energy of the branch against the other axis of the cuts, meV; drawn over them.
    """
    figure = new_figure(11.0, 5.8)
    rows: Any = figure.subfigures(2, 1, height_ratios=[1.0, 1.15])
    upper, lower = rows
    panels = upper.subplots(1, len(maps), sharey=True)
    parts = [CutParts.of(data) for data in maps.values()]
    colours = colour_scale(np.concatenate([p.typical for p in parts]))
    for axes, name, one in zip(np.atleast_1d(panels), maps, parts, strict=True):
        mesh = draw_map(axes, sc.values(one.s), one.axes, colours)
        axes.set_title(name, fontsize=9, color=INK)
        if axes is not np.atleast_1d(panels)[0]:
            axes.set_ylabel("")
        if branch is not None:
            (other,) = branch.dims
            axes.plot(
                branch.coords[other].values, branch.values, color="white", linewidth=0.8,
                linestyle="--",
            )  # fmt: skip
    colour_bar_of(upper, mesh, list(np.atleast_1d(panels)), s_label(parts[0].s), pad=0.01)
    near, far = lower.subplots(1, 2)
    names = list(ratios)
    _draw(near, {name: ratios[name] for name in names[:2]})
    _draw(far, ratios)
    low, high = near.get_ylim()
    near.set_ylim(min(low, 1 - _LEAST), max(high, 1 + _LEAST))
    far.set_yscale("log")
    ticks = [t for t in (0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0) if _inside(far, t)]
    far.set_yticks(ticks, [f"{t:g}" for t in ticks])
    far.minorticks_off()
    far.legend(frameon=False, fontsize=8, loc="best")
    return figure


def _inside(axes: Axes, value: float) -> bool:
    low, high = axes.get_ylim()
    return bool(low <= value <= high)


def _draw(axes: Axes, ratios: Mapping[str, sc.DataArray]) -> None:
    for number, (name, ratio) in enumerate(ratios.items()):
        axes.errorbar(
            ratio.coords["final_energy"].values, ratio.values, np.sqrt(ratio.variances),
            marker=_MARKERS[number % len(_MARKERS)], markersize=4.5, linewidth=0.9,
            elinewidth=1.0, capsize=2.5, color=COLOURS[number % len(COLOURS)], label=name,
        )  # fmt: skip
    axes.axhline(1.0, color=FAINT, linewidth=0.8, linestyle="--", zorder=0)
    tidy(axes, xlabel="final energy of the arc (meV)", ylabel="S found / S true")
