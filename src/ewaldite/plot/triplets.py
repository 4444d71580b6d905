"""The detector of BIFROST: 45 triplets, in them three tubes of pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.plot.cut_map import colour_bar_of, colour_scale
from ewaldite.plot.style import ABSENT, COLOURS, FAINT, INK, new_figure, unit_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FloatArray = NDArray[np.float64]

ARCS, CHANNELS, TUBES, PIXELS = 5, 9, 3, 100
#: Nominal final energies of the arcs, meV.
ENERGIES = (2.7, 3.2, 3.8, 4.4, 5.0)
# Pixels between two channels, and tubes between two arcs
_GAP, _SPACE = 6, 1
_REJECTED = COLOURS[1]


def triplets_figure(pixels: sc.DataArray, label: str = "events", title: str = "") -> Figure:
    """Picture of a value of every pixel: arcs above one another, channels side by side.

    Each block is a triplet as it counts: its tubes as rows, the pixels along them with A4
    growing to the right. Pixels that take no part are red, triplets that are not there grey.

    Parameters
    ----------
    pixels:
        dims (pixel), coordinates ``arc``, ``channel``, ``tube``, ``position_in_tube`` from 0;
        masks are pixels that take no part, NaN has no value.
    label:
        What is shown.
    title:
        Above it.
    """
    import matplotlib
    from matplotlib.colors import ListedColormap

    values, masked, there = layout(pixels)
    figure = new_figure(9.6, 4.3)
    axes = figure.add_subplot()
    extent = (0.0, float(values.shape[1]), float(values.shape[0]), 0.0)
    flat: dict[str, Any] = {"extent": extent, "interpolation": "nearest", "aspect": "auto"}
    missing = _places() & ~there
    axes.imshow(np.ma.masked_where(~missing, missing), cmap=ListedColormap([ABSENT]), **flat)
    shown = np.ma.masked_where(~there | masked | ~np.isfinite(values), values)
    scale = colour_scale(shown.compressed())
    mesh = axes.imshow(shown, cmap=matplotlib.colormaps["viridis"], norm=scale, **flat)
    red = np.ma.masked_where(~masked, masked)
    axes.imshow(red, cmap=ListedColormap([_REJECTED]), **flat)
    out = int(masked.sum())
    for number, colour, text in (
        (out, _REJECTED, f"{out:,} of {pixels.size:,} pixels take no part"),
        (int(missing.sum()), ABSENT, "not in the file"),
    ):
        if number:
            axes.scatter([], [], marker="s", color=colour, label=text)
    if masked.any() or missing.any():
        figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    _names(axes)
    axes.set_title(title, fontsize=10, color=INK, loc="left", pad=8)
    unit = unit_label(pixels.unit)
    text = f"{label} ({unit})" if unit else label
    colour_bar_of(figure, mesh, [axes], text, pad=0.01, shrink=0.9)
    return figure


def layout(pixels: sc.DataArray) -> tuple[FloatArray, NDArray[np.bool_], NDArray[np.bool_]]:
    """Pixels of all triplets side by side, as they are drawn.

    Parameters
    ----------
    pixels:
        As for :func:`triplets_figure`.

    Returns
    -------
    :
        Values, which pixels take no part, and where there is a pixel at all; dims
        (arcs · tubes, channels · pixels) with rows and columns between triplets.
    """
    index = {
        name: np.asarray(pixels.coords[name].values, dtype=np.int64)
        for name in ("arc", "channel", "tube", "position_in_tube")
    }
    row = index["arc"] * (TUBES + _SPACE) + index["tube"]
    column = index["channel"] * (PIXELS + _GAP) + index["position_in_tube"]
    shape = (ARCS * (TUBES + _SPACE) - _SPACE, CHANNELS * (PIXELS + _GAP) - _GAP)
    values = np.full(shape, np.nan)
    values[row, column] = pixels.values
    there = np.zeros(shape, dtype=np.bool_)
    there[row, column] = True
    masked = np.zeros(shape, dtype=np.bool_)
    for mask in pixels.masks.values():
        masked[row, column] |= np.asarray(mask.values, dtype=np.bool_)
    return values, masked, there


def _places() -> NDArray[np.bool_]:
    """Where the instrument has pixels; dims as for :func:`layout`."""
    rows = np.arange(ARCS * (TUBES + _SPACE) - _SPACE) % (TUBES + _SPACE) < TUBES
    columns = np.arange(CHANNELS * (PIXELS + _GAP) - _GAP) % (PIXELS + _GAP) < PIXELS
    return np.asarray(rows[:, None] & columns)


def _names(axes: Axes) -> None:
    columns = [c * (PIXELS + _GAP) + PIXELS / 2 for c in range(CHANNELS)]
    rows = [a * (TUBES + _SPACE) + TUBES / 2 for a in range(ARCS)]
    axes.set_xticks(columns, [str(c + 1) for c in range(CHANNELS)])
    axes.set_yticks(rows, [f"{e:.1f}" for e in ENERGIES])
    axes.tick_params(colors=INK, labelsize=8, length=0)
    axes.set_xlabel("channel (in each: pixels, A4 grows to the right)", fontsize=9, color=INK)
    axes.set_ylabel("arc: final energy (meV)", fontsize=9, color=INK)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", colors=FAINT, labelcolor=INK)
