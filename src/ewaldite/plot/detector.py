"""A detector image with its masks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.plot.style import COLOURS, INK, new_figure, robust_limits, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_OPACITY = 150
# Pixels of the longer side that are drawn: more than a page shows, and far less memory
_DRAWN = 1200


def detector_figure(
    image: ArrayLike,
    masks: Mapping[str, NDArray[np.bool_]] | None = None,
    *,
    beam: tuple[float, float] | None = None,
    title: str = "",
) -> Figure:
    """Picture of an image; every mask is a colour over it, named and counted beside.

    Parameters
    ----------
    image:
        dims (slow, fast), counts; negative values are drawn as none.
    masks:
        True where a pixel is excluded, by name; dims (slow, fast), bool.
    beam:
        Where the beam meets the image: slow and fast, 0-based pixels with integer centres.
    title:
        What it is.
    """
    counts = np.asarray(image, dtype=np.float32)
    excluded = dict(masks or {})
    good = counts >= 0
    for mask in excluded.values():
        good &= ~np.asarray(mask, dtype=bool)
    low, high = robust_limits(counts[good], low=0.02, high=0.995)
    figure = new_figure(5.0 * counts.shape[1] / counts.shape[0] + 1.6, 6.2)
    axes = figure.add_subplot()
    from matplotlib.colors import PowerNorm

    step = max(1, max(counts.shape) // _DRAWN)
    place: dict[str, Any] = {
        "interpolation": "nearest",
        "extent": (-0.5, counts.shape[1] - 0.5, counts.shape[0] - 0.5, -0.5),
    }
    drawn = counts[::step, ::step]
    shown = axes.imshow(
        np.where(drawn >= 0, drawn, np.nan),
        cmap="gray_r",
        norm=PowerNorm(0.5, vmin=min(low, 0.0), vmax=high),
        **place,
    )
    for number, (name, mask) in enumerate(excluded.items()):
        colour = COLOURS[(number + 1) % len(COLOURS)]
        axes.imshow(_overlay(mask[::step, ::step], colour), **place)
        total = int(np.count_nonzero(mask))
        axes.scatter(
            [],
            [],
            marker="s",
            color=colour,
            label=f"{name}: {total:,} ({100 * total / counts.size:.1f} %)",
        )
    if beam is not None:
        axes.plot(beam[1], beam[0], marker="+", markersize=12, color=COLOURS[0])
    tidy(axes, xlabel="fast (pixel)", ylabel="slow (pixel)", title=title)
    axes.grid(visible=False)
    bar = figure.colorbar(shown, ax=axes, shrink=0.7, aspect=28, extend="max", pad=0.02)
    bar.set_label("counts", fontsize=9, color=INK)
    bar.ax.tick_params(labelsize=8, colors=INK)
    bar.outline.set_visible(False)
    if excluded:
        figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return figure


def _overlay(mask: NDArray[np.bool_], colour: str) -> NDArray[np.uint8]:
    """Image of one colour, transparent where there is no mask; dims (slow, fast, rgba)."""
    where = np.asarray(mask, dtype=bool)
    out = np.zeros((*where.shape, 4), dtype=np.uint8)
    out[where] = (*bytes.fromhex(colour[1:]), _OPACITY)
    return out
