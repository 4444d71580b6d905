"""Dispersion maps: S against one way through reciprocal space and energy transfer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import scipp as sc

from ewaldite.errors import UserError
from ewaldite.plot.cut_map import Scale
from ewaldite.plot.cut_parts import CutParts
from ewaldite.plot.spectrum import map_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ENERGY = "energy_transfer"


def dispersion_figure(
    data: sc.DataGroup[Any] | sc.DataArray,
    title: str = "",
    *,
    scale: Scale = "linear",
    branches: Mapping[str, sc.DataArray] | None = None,
) -> Figure:
    """Picture of S(Q, E) with its coverage, energy upwards, and branches drawn over it.

    Parameters
    ----------
    data:
        A cut of two axes, one of them ``energy_transfer``; as it is stored, or S alone.
    title:
        Above it.
    scale:
        Of the colours of S: a weak branch beside a strong line is seen on ``"log"``.
    branches:
        Energies by name, as of a model: dims (the other axis), meV, with a coordinate.

    Returns
    -------
    :
        The figure.

    Raises
    ------
    UserError
        If the cut has no such axes.
    """
    parts = CutParts.of(data)
    if parts.s.ndim != 2 or ENERGY not in parts.s.dims:
        raise UserError(
            "draw a dispersion map",
            f"the cut has the axes {', '.join(map(str, parts.s.dims))}",
            f"Give a cut of two axes, one of them '{ENERGY}'.",
        )
    (other,) = (str(d) for d in parts.s.dims if d != ENERGY)
    figure = map_figure(parts.turned(other, ENERGY), title, scale=scale)
    axes = figure.axes[0]
    for name, branch in (branches or {}).items():
        axes.plot(
            np.asarray(branch.coords[other].values, np.float64),
            branch.to(unit="meV").values,
            color="white",
            linewidth=1.1,
            linestyle="--",
            label=name,
        )
    if branches:
        axes.legend(
            loc="upper right",
            fontsize=7.5,
            framealpha=0.25,
            labelcolor="white",
            facecolor="black",
            edgecolor="none",
        )
    return figure
