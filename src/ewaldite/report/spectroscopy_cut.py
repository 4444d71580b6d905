"""Sections of the report on cuts and on vanadium."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipp as sc

from ewaldite.plot.cut_axes import CutAxes
from ewaldite.plot.cut_parts import s_label
from ewaldite.plot.spectrum import cut_figure
from ewaldite.plot.style import figure_bytes, unit_label
from ewaldite.plot.triplets import ENERGIES, triplets_figure
from ewaldite.report.model import Figure, Section, Table

Group = sc.DataGroup[Any]

_REASONS = {
    "in_cut": "in the cut",
    "outside": "in no bin of it",
    "no_pixel": "of a pixel that takes no part",
    "no_flux": "at an incident energy without flux",
    "no_step": "in no step of the rotation",
    "masked": "in a cell that is masked",
}
# Events of a bin that make its error that of a normal distribution
_MANY = 20


def cut_section(
    name: str, data: Group, cell: Sequence[float] | None, drawn: bytes | None = None
) -> Section:
    """A cut with its coverage and statistics.

    Parameters
    ----------
    name:
        Of the cut.
    data:
        As it is stored.
    cell:
        a, b, c, α, β, γ; Å and degrees.
    drawn:
        Its picture, a PNG, if there is one; else it is drawn.
    """
    picture = drawn or figure_bytes(cut_figure(data, name, cell))
    axes = CutAxes.of(data["S"], data.get("cut"), str(data.get("folded_by", "")))
    ranges = f"; integrated over {axes.ranges}" if axes.ranges else ""
    ranges += f"; folded by the rotations of {axes.group}" if axes.group else ""
    caption = f"S(Q, ω) and its coverage by {', '.join(map(axes.label, axes.axes))}{ranges}"
    return Section(
        f"Cut {name}",
        figures=(Figure(picture, "png", caption),),
        tables=(_events(data), _bins(data)),
    )


def vanadium_section(data: Group | None, wanted: bool) -> Section:
    """The efficiency of the pixels, or that there is none.

    Parameters
    ----------
    data:
        ``vanadium.nxs``, with ``N_b``; None if there is no such file.
    wanted:
        Whether the run was normalised by vanadium.
    """
    if not wanted:
        text = (
            "No vanadium run was given: N_b = 1. All pixels count as equally efficient, and S "
            "of different arcs does not compare."
        )
        return Section("Vanadium", notes=(text,))
    if data is None:
        return Section("Vanadium", text="The efficiencies of the run are not in its folder.")
    n_b = data["N_b"]
    picture = triplets_figure(n_b, "$N_b$")
    caption = "Efficiency N_b = ε ΔΩ ΔE_f of every pixel"
    return Section(
        "Vanadium",
        figures=(Figure(figure_bytes(picture), "png", caption),),
        tables=(_arcs(n_b),),
    )


def _arcs(n_b: sc.DataArray) -> Table:
    arc, value = n_b.coords["arc"].values, n_b.values
    out = np.zeros(value.shape, dtype=np.bool_)
    for mask in n_b.masks.values():
        out |= mask.values
    rows: list[tuple[str, int, float | None, float | None, float | None]] = []
    for number, energy in enumerate(ENERGIES):
        used = (arc == number) & ~out & np.isfinite(value) & (value > 0)
        if not used.any():
            rows.append((f"{energy:.1f}", 0, None, None, None))
            continue
        error = np.sqrt(n_b.variances[used]) / value[used]
        rows.append(
            (
                f"{energy:.1f}",
                int(used.sum()),
                float(value[used].mean()),
                100 * float(value[used].std() / value[used].mean()),
                100 * float(np.median(error)),
            )
        )
    unit = unit_label(n_b.unit) or "relative"
    heads = ("arc (meV)", "pixels", f"mean ({unit})", "spread (%)", "median error (%)")
    return Table(heads, tuple(rows), "N_b by arc")


def _events(data: Group) -> Table:
    total = sum(data["reasons"].values())
    rows = tuple(
        (_REASONS.get(reason, reason), int(number), f"{100 * number / max(total, 1):.2f} %")
        for reason, number in data["reasons"].items()
    )
    return Table(
        ("events", "number", "part"),
        rows,
        f"Of {total:,} events that no mask of pixels, pulses or tank took",
    )


def _bins(data: Group) -> Table:
    s, counts = data["S"], data["events"].values
    seen = np.isfinite(s.values)
    own, common = (
        np.sqrt(data[n].values[seen]) for n in ("counting_variance", "common_variance")
    )
    size = np.abs(s.values[seen])
    some = size > 0
    rows: list[tuple[str, float | int | None]] = [
        ("bins", int(seen.size)),
        ("without coverage", int(np.count_nonzero(~seen))),
        ("with coverage and no event", int(np.count_nonzero(seen & (counts == 0)))),
        (f"with {_MANY} events or more", int(np.count_nonzero(seen & (counts >= _MANY)))),
        ("median events in a bin with coverage", _median(counts[seen])),
        ("largest", int(counts[seen].max(initial=0))),
        (f"median of {s_label(s)}", _median(s.values[seen])),
        ("median relative error, counting (%)", _median(100 * own[some] / size[some])),
        (
            "median relative error, monitor and vanadium (%)",
            _median(100 * common[some] / size[some]),
        ),
    ]
    return Table(("bins", "number"), tuple(rows), "Statistics")


def _median(values: Any) -> float | int | None:
    if not np.size(values):
        return None
    middle = float(np.median(values))
    return int(middle) if middle.is_integer() else middle
