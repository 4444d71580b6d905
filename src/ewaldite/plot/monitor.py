"""The spectrum that the monitor counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.plot.style import COLOURS, FAINT, INK, new_figure, small_powers, tidy
from ewaldite.tables.neutron import K2_TO_MEV

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FloatArray = NDArray[np.float64]

_ENERGY_TICKS = (1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 8, 10, 15, 20, 40)


def monitor_figure(
    monitor: sc.DataArray, final_energies: Sequence[float] = (), title: str = ""
) -> Figure:
    """Picture of the monitor's spectrum against wavelength, with incident energies on top.

    Parameters
    ----------
    monitor:
        Counts with variances; dims (wavelength), with edges in Å; as
        :func:`~ewaldite.spectroscopy.run_view.monitor_view` gives it.
    final_energies:
        Energies at which elastic neutrons are analysed, marked by lines; meV.
    title:
        Above it.
    """
    edges = np.asarray(monitor.coords["wavelength"].values, dtype=np.float64)
    width = np.diff(edges)
    rate, error = monitor.values / width, np.sqrt(monitor.variances) / width
    figure = new_figure(7.6, 3.5)
    axes = figure.add_subplot()
    axes.stairs(rate, edges, color=COLOURS[2], linewidth=1.0)
    axes.fill_between(
        edges, np.append(rate - error, 0.0), np.append(rate + error, 0.0), step="post",
        color=COLOURS[2], alpha=0.3, linewidth=0,
    )  # fmt: skip
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0.0, 1.08 * max(float(rate.max(initial=0.0)), 1e-300))
    tidy(axes, xlabel="incident wavelength (Å)", ylabel="monitor counts per Å")
    axes.set_title(title, fontsize=10, color=INK, loc="left", pad=8)
    small_powers(axes)
    for energy in final_energies:
        place = wavelength_of(energy)
        if edges[0] < place < edges[-1]:
            axes.axvline(place, color=FAINT, linewidth=0.8, linestyle="--", zorder=0)
            axes.annotate(
                f"$E_f$ {energy:.1f}", (place, 0.02), xycoords=("data", "axes fraction"),
                xytext=(2, 0), textcoords="offset points", fontsize=7, color=FAINT,
            )  # fmt: skip
    _energy_axis(axes)
    return figure


def wavelength_of(energy: float) -> float:
    """Wavelength of a neutron, Å; energy in meV."""
    return float(2.0 * np.pi / np.sqrt(energy / K2_TO_MEV))


def _energy_axis(axes: Axes) -> None:
    low, high = axes.get_xlim()
    chosen = [e for e in _ENERGY_TICKS if low <= wavelength_of(e) <= high]
    top = axes.secondary_xaxis("top")
    top.set_xticks([wavelength_of(e) for e in chosen], [f"{e:g}" for e in chosen])
    top.tick_params(colors=FAINT, labelsize=7, width=0.6, length=3)
    top.spines["top"].set_color(FAINT)
    top.spines["top"].set_linewidth(0.6)
    top.set_xlabel("incident energy (meV)", fontsize=8, color=FAINT)
