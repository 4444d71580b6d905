"""The part of a report on the absolute scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ewaldite.io.nexus import load
from ewaldite.plot.lines import line_figure
from ewaldite.plot.style import figure_bytes
from ewaldite.report.model import Figure, Section, Table

# Below this part of the chosen cut-off the sums mean nothing, and k runs away
_FROM = 0.5


def absolute_section(out: Path) -> Section:
    """Section on the absolute scale, from ``absolute_scale.nxs``.

    Parameters
    ----------
    out:
        Folder of the results.
    """
    found = load(out / "absolute_scale.nxs")
    k, cutoff = found["scale"], float(found["cutoff"].value)
    curves = found["curves"]
    shown = {}
    for name, column in (("with bonds", "scale"), ("atoms alone", "scale_free")):
        curve = curves[column]
        s = curve.coords["s_cutoff"].values
        shown[name] = curve["s_cutoff", int(np.searchsorted(s, _FROM * cutoff)) :]
    figure = line_figure({"k": shown}, level=float(k.value), height=3.2)
    rows: tuple[tuple[str, float], ...] = (
        ("k, electrons² per unit cell over counts/(mrad² s)", float(k.value)),
        ("σ of k", float(np.sqrt(k.variance))),
        ("… from counting", float(found["sigma_counting"].value)),
        ("… from the choice of the cut-off", float(found["sigma_cutoff"].value)),
        ("cut-off (1/Å)", cutoff),
        ("electrons per unit cell", float(found["n_electrons"].value)),
    )
    return Section(
        "Absolute scale",
        text=f"By the forward-scattering (Krogh-Moe) sum. Contents: {found['contents']}.\n\n"
        "The scale is one number for all voxels: its uncertainty stands beside their errors, "
        "not among them. A right scale does not depend on the cut-off; where both curves "
        "still rise, the sums are cut too early.",
        figures=(
            Figure(figure_bytes(figure, "svg"), "svg", "Scale against the cut-off of the sums"),
        ),
        tables=(Table(("", "value"), rows),),
        notes=tuple(note for note in found["notes"].split("\n") if note),
    )
