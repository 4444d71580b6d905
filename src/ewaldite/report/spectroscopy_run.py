"""Sections of the report on single runs: events, choppers, detector, monitor."""

from __future__ import annotations

from typing import Any

import scipp as sc

from ewaldite.plot.monitor import monitor_figure
from ewaldite.plot.style import figure_bytes
from ewaldite.plot.time_distance import time_distance_figure
from ewaldite.plot.triplets import ENERGIES, triplets_figure
from ewaldite.report.model import Figure, Section, Table

Group = sc.DataGroup[Any]


def run_section(name: str, view: Group) -> Section:
    """What one run was, and what became of its events.

    Parameters
    ----------
    name:
        Of the run.
    view:
        What :func:`~ewaldite.spectroscopy.run_view.view_run` gave.
    """
    figures = (
        Figure(
            figure_bytes(time_distance_figure(view)),
            "png",
            "Time–distance diagram: neutrons of one pulse, by wavelength; bars are closed "
            "choppers, those of other pulses are faint",
        ),
        Figure(
            figure_bytes(triplets_figure(view["pixels"])),
            "png",
            "Events without a mask by pixel: 5 arcs, 9 channels, 3 tubes in each",
        ),
        Figure(
            figure_bytes(monitor_figure(view["monitor"], ENERGIES)),
            "png",
            f"Counts of {view['monitor'].coords['name'].value} in the whole run, with the "
            "nominal final energies of the arcs (meV)",
        ),
    )
    return Section(
        f"Run {name}",
        text=_text(view),
        figures=figures,
        tables=(flow_table(view), _choppers(view)),
        notes=tuple(view["notes"]),
    )


def flow_table(view: Group) -> Table:
    """Events that were read, rejected by each mask, and kept."""
    total, rejected = int(view["events"]), int(view["rejected"])
    rows: list[tuple[str, int, str]] = [("read", total, _part(total, total))]
    rows += [(f"mask {name}", int(n), _part(n, total)) for name, n in view["masks"].items()]
    rows += [
        ("with at least one mask", rejected, _part(rejected, total)),
        ("without a mask", total - rejected, _part(total - rejected, total)),
    ]
    caption = "What became of the events; one with several masks is counted in each"
    return Table(("events", "number", "part"), tuple(rows), caption)


def _text(view: Group) -> str:
    way, monitor = view["way"], view["monitor"]
    counts = float(monitor.sum().value)
    start = {
        "parked": "at the mean time of emission",
        "spinning": "in the pulse-shaping choppers",
    }.get(way["mode"], "by the table of wavelengths, nominally at the mean time of emission")
    return (
        f"File {view['file']}. Pulse-shaping choppers: {way['mode']}; neutrons are timed "
        f"{start}, {way['reference']:.3f} m from the moderator, "
        f"{1e3 * way['reference_time']:.3f} ms after the proton pulse. "
        f"They reach the sample, at {way['sample']:.3f} m, from "
        f"{1e3 * way['earliest']:.2f} ms on. The band is {way['band'][0]:.2f} to "
        f"{way['band'][1]:.2f} Å; the monitor, at {way['monitor']:.3f} m, counted "
        f"{counts:,.0f}.\n\n"
        f"Sample table: {_angle(view['a3'])}. Tank: {_angle(view['a4'])}."
    )


def _angle(entry: list[float]) -> str:
    low, high, number = entry
    if low == high:
        return f"{low:.2f}°".replace("-", "−")
    return f"{low:.2f}° to {high:.2f}° in {number:,} entries of its log".replace("-", "−")


def _choppers(view: Group) -> Table:
    rows = tuple(
        (
            name.replace("_", " "),
            float(disc["distance"]),
            str(disc["state"]),
            f"{disc['frequency']:g} Hz" if disc["state"] == "turns" else "–",
            _openings(disc),
        )
        for name, disc in view["choppers"].items()
    )
    heads = ("chopper", "distance (m)", "state", "frequency", "open after the pulse (ms)")
    return Table(heads, rows, "Choppers as the file has them")


def _openings(disc: Group) -> str:
    shown = [f"{1e3 * a:.2f} to {1e3 * b:.2f}" for a, b in disc["openings"].values[:3]]
    more = len(disc["openings"].values) > len(shown)
    return (", ".join(shown) + (" …" if more else "")) or "–"


def _part(number: int, total: int) -> str:
    return f"{100 * number / total:.2f} %" if total else "–"
