"""The way of the neutrons in time and distance: pulse, choppers, monitor, sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ewaldite.plot.style import COLOURS, FAINT, INK, new_figure, tidy
from ewaldite.tables.neutron import H_OVER_MASS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FloatArray = NDArray[np.float64]

_PATHS = 5
_OTHERS = 4  # pulses before and after that are hinted at
_NEAR = 1.9  # of the distance of the nearest discs, what the detail shows
_MS = 1e3
_DISC = COLOURS[5]


def time_distance_figure(view: Mapping[str, Any], title: str = "") -> Figure:
    """Time–distance diagram of a run: which neutrons of a pulse reach the sample, and when.

    Left all of the way, right the first metres with the pulse-shaping choppers. A disc is a
    bar where it is closed; one that stands open is dotted. The neutrons of one pulse are
    filled, with lines of single wavelengths; those of pulses before and after are faint.

    Parameters
    ----------
    view:
        Of :func:`~ewaldite.spectroscopy.run_view.view_run`: its ``way``, ``choppers`` and
        ``paths``.
    title:
        Above it.
    """
    way, discs = view["way"], view["choppers"]
    figure = new_figure(10.4, 5.2)
    whole, near = figure.subplots(1, 2, width_ratios=[1.75, 1.0])
    end = _MS * (way["earliest"] + way["period"])
    polygons = [np.asarray(one.values) for one in view["paths"].values()]
    length = float(way["sample"])
    first = min((float(d["distance"]) for d in discs.values()), default=length / 10)
    short = min(_NEAR * first, length)
    for axes, top, last in (
        (whole, length, end),
        (near, short, _near_end(polygons, short, way)),
    ):
        _draw_paths(axes, polygons, top, way, detail=axes is near)
        below = -np.inf
        for name, disc in sorted(discs.items(), key=lambda item: float(item[1]["distance"])):
            y = float(disc["distance"])
            if y > top:
                continue
            _draw_disc(axes, disc, last)
            if axes is near or y > short:
                # the lower one of two discs that are close has its name below
                close = any(y < float(d["distance"]) < y + 0.05 * top for d in discs.values())
                _name_disc(axes, str(name), disc, down=close and y - below > 0.05 * top)
            below = y
        axes.set_ylim(-0.02 * top, 1.03 * top)
        axes.set_xlim(0.0, last)
        tidy(axes, xlabel="time since the proton pulse (ms)")
        axes.grid(visible=False)
    whole.set_ylabel("distance from the source (m)", fontsize=9, color=INK)
    for name, y in (("sample", length), ("monitor", float(way["monitor"]))):
        whole.axhline(y, color=COLOURS[2] if name == "monitor" else INK, linewidth=0.9)
    whole.annotate(
        "monitor, sample", (0.0, length), xytext=(3, 3), textcoords="offset points",
        fontsize=7.5, color=INK,
    )  # fmt: skip
    whole.set_ylim(-0.02 * length, 1.05 * length)
    whole.set_title(title, fontsize=10, color=INK, loc="left", pad=10)
    mode = {"parked": "parked", "spinning": "spinning"}.get(way["mode"], "by table")
    near.set_title(
        f"pulse-shaping choppers {mode}", fontsize=9, color=FAINT, loc="left", pad=10
    )
    if way["mode"] == "spinning":
        near.plot(
            _MS * way["reference_time"], way["reference"], marker="+", markersize=9, color=INK
        )
    return figure


def envelope(polygons: Sequence[FloatArray], distance: FloatArray) -> FloatArray:
    """First and last time at distances, of each polygon of emission and wavelength.

    Parameters
    ----------
    polygons:
        Each dims (corner, 2), s and Å.
    distance:
        dims (distance), m.

    Returns
    -------
    :
        dims (polygon, distance, 2), s.
    """
    out = np.empty((len(polygons), distance.size, 2))
    for n, corners in enumerate(polygons):
        time = corners[:, 0] + corners[:, 1] * distance[:, None] / H_OVER_MASS
        out[n] = np.stack([time.min(axis=1), time.max(axis=1)], axis=1)
    return out


def _near_end(polygons: Sequence[FloatArray], top: float, way: Mapping[str, Any]) -> float:
    last = [float(e.max()) for e in envelope(polygons, np.array([top]))]
    return _MS * 1.15 * max([*last, float(way["pulse_end"])])


def _draw_paths(
    axes: Axes,
    polygons: Sequence[FloatArray],
    top: float,
    way: Mapping[str, Any],
    *,
    detail: bool,
) -> None:
    import matplotlib

    distance = np.linspace(0.0, top, 200)
    for low, high in np.moveaxis(_MS * envelope(polygons, distance), -1, 1):
        for pulse in range(-_OTHERS, _OTHERS + 1):
            late, mine = _MS * pulse * way["period"], pulse == 0
            axes.fill_betweenx(
                distance, low + late, high + late, color=COLOURS[0] if mine else FAINT,
                alpha=0.22 if mine else 0.13, linewidth=0,
            )  # fmt: skip
    axes.plot(
        [_MS * way["pulse_start"], _MS * way["pulse_end"]], [0, 0], color=COLOURS[1],
        linewidth=5, solid_capstyle="butt", zorder=4,
    )  # fmt: skip
    shades = matplotlib.colormaps["viridis"]
    for corners in polygons:
        low, high = corners[:, 1].min(), corners[:, 1].max()
        for number, part in enumerate(np.linspace(0.02, 0.98, _PATHS)):
            wavelength = float(low + part * (high - low))
            start = _emission(corners, wavelength)
            stop = start + wavelength * top / H_OVER_MASS
            axes.plot(
                [_MS * start, _MS * stop], [0, top], color=shades(0.9 * part), linewidth=1.0
            )
            if not detail:
                unit = " Å" if number == _PATHS - 1 else ""
                axes.annotate(
                    f"{wavelength:.1f}{unit}", (_MS * stop, top), xytext=(0, 4), ha="center",
                    textcoords="offset points", fontsize=7, color=shades(0.9 * part),
                )  # fmt: skip


def _emission(corners: FloatArray, wavelength: float) -> float:
    """Middle of the times of emission of one wavelength, s."""
    found = []
    for one, two in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if (one[1] - wavelength) * (two[1] - wavelength) <= 0 and one[1] != two[1]:
            part = (wavelength - one[1]) / (two[1] - one[1])
            found.append(one[0] + part * (two[0] - one[0]))
    return float(np.mean([min(found), max(found)]))


def _draw_disc(axes: Axes, disc: Mapping[str, Any], end: float) -> None:
    y = float(disc["distance"])
    if disc["state"] != "turns":
        axes.axhline(y, color=_DISC, linewidth=0.9, linestyle=":")
        return
    closed = 0.0
    for opened, shut in [*(_MS * disc["openings"].values), (end, end)]:
        if opened > closed:
            axes.plot(
                [closed, min(opened, end)], [y, y], color=_DISC, linewidth=2.2,
                solid_capstyle="butt", zorder=5,
            )  # fmt: skip
        closed = max(closed, shut)


def _name_disc(axes: Axes, name: str, disc: Mapping[str, Any], *, down: bool) -> None:
    words = {"turns": "", "stands": " (open)", "unknown": " (not logged)"}[disc["state"]]
    axes.annotate(
        name.replace("_", " ") + words, (1.0, float(disc["distance"])),
        xycoords=("axes fraction", "data"), xytext=(-2, -3 if down else 3),
        textcoords="offset points", ha="right", va="top" if down else "bottom", fontsize=7,
        color=_DISC,
    )  # fmt: skip
