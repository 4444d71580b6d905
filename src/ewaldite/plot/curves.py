"""How sharply the filter works."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ewaldite.plot.style import COLOURS, FAINT, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def power_figure(
    excess: ArrayLike, masked: ArrayLike, *, threshold: float | None = 6.0
) -> Figure:
    """Picture of the power of the filter: what part of the voxels with a given peak it masks.

    Parameters
    ----------
    excess:
        Expected Bragg counts of a voxel over the standard deviation of its diffuse counts; dims
        (bin), dimensionless.
    masked:
        Part of such voxels that were masked; dims (bin), from 0 to 1.
    threshold:
        Excess from which on voxels are to be masked, drawn as a line.
    """
    figure = new_figure(6.4, 3.6)
    axes = figure.add_subplot()
    _line(axes, excess, 100 * np.asarray(masked, dtype=np.float64), "masked", 0)
    if threshold is not None:
        axes.axvline(threshold, color=FAINT, linewidth=0.9, linestyle="--")
    axes.set_ylim(0, 102)
    tidy(axes, xlabel="expected Bragg excess (σ of the voxel)", ylabel="masked (% of voxels)")
    return figure


def _line(axes: Axes, x: ArrayLike, y: ArrayLike, name: str, colour: int) -> None:
    axes.plot(
        np.asarray(x, dtype=np.float64),
        np.asarray(y, dtype=np.float64),
        color=COLOURS[colour % len(COLOURS)],
        linewidth=1.3,
        marker="o",
        markersize=2.4,
        label=name,
    )
