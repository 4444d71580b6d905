"""How good the data are, shell by shell, and how sharply the filter works."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ewaldite.plot.style import COLOURS, FAINT, new_figure, resolution_axis, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def quality_figure(
    s: ArrayLike,
    *,
    cc_half: ArrayLike | None = None,
    cc_star: ArrayLike | None = None,
    completeness: ArrayLike | None = None,
    multiplicity: ArrayLike | None = None,
) -> Figure:
    """Picture of the merging statistics: one panel each for what is given.

    Parameters
    ----------
    s:
        Middle of the shells; dims (shell), 1/Å.
    cc_half, cc_star:
        Correlation of half sets and what follows from it; dims (shell), from -1 to 1.
    completeness:
        Fraction of the voxels that were observed; dims (shell), from 0 to 1.
    multiplicity:
        Mean number of observations of a voxel; dims (shell).
    """
    correlations = {"CC½": cc_half, "CC*": cc_star}
    panels: list[tuple[str, dict[str, ArrayLike]]] = [
        ("correlation", {k: v for k, v in correlations.items() if v is not None})
    ]
    if completeness is not None:
        panels.append(
            ("completeness (%)", {"completeness": 100 * np.asarray(completeness, np.float64)})
        )
    if multiplicity is not None:
        panels.append(("multiplicity", {"multiplicity": multiplicity}))
    panels = [panel for panel in panels if panel[1]]
    figure = new_figure(6.4, 0.9 + 1.9 * max(len(panels), 1))
    drawn: list[Axes] = []
    for number, (label, curves) in enumerate(panels):
        shared = drawn[0] if drawn else None
        axes = figure.add_subplot(len(panels), 1, number + 1, sharex=shared)
        for offset, (name, values) in enumerate(curves.items()):
            _line(axes, s, values, name, number + 5 * offset)
        tidy(axes, ylabel=label, xlabel="|s| (1/Å)" if number == len(panels) - 1 else "")
        axes.tick_params(labelbottom=number == len(panels) - 1)
        if len(curves) > 1:
            axes.legend(frameon=False, fontsize=8)
        drawn.append(axes)
    for axes, (label, _) in zip(drawn, panels, strict=True):
        low, high = axes.get_ylim()
        axes.set_ylim(min(low, 0.0), {"correlation": 1.05}.get(label, high))
    if drawn:
        resolution_axis(drawn[0])
    return figure


def masked_fraction_figure(s: ArrayLike, fractions: dict[str, ArrayLike]) -> Figure:
    """Picture of the part of the voxels that each mask takes, in shells of |s|.

    Parameters
    ----------
    s:
        Middle of the shells; dims (shell), 1/Å.
    fractions:
        Masked fraction by the name of the mask; dims (shell), from 0 to 1.
    """
    figure = new_figure(6.4, 3.6)
    axes = figure.add_subplot()
    for number, (name, values) in enumerate(fractions.items()):
        _line(axes, s, 100 * np.asarray(values, dtype=np.float64), name, number)
    tidy(axes, xlabel="|s| (1/Å)", ylabel="masked (% of voxels)")
    axes.set_ylim(bottom=0)
    resolution_axis(axes)
    if len(fractions) > 1:
        axes.legend(frameon=False, fontsize=8)
    return figure


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
