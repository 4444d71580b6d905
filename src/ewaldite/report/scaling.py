"""The part of a report on the scaling model and what it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipp as sc

from ewaldite.io.nexus import load
from ewaldite.plot.heat import heat_figure
from ewaldite.plot.lines import line_figure
from ewaldite.plot.style import figure_bytes
from ewaldite.report.model import Figure, Section, Table

_RESIDUALS = "mean residual (σ)"


def scaling_section(out: Path, names: tuple[str, ...]) -> Section:
    """Section on the scaling model, from ``scales.nxs``.

    Parameters
    ----------
    out:
        Folder of the results.
    names:
        Of the sweeps, in the order of their numbers.
    """
    found = load(out / "scales.nxs")
    terms = found["model"]["terms"]
    step = dict(
        zip(
            (str(b) for b in found["model"]["batches"].values),
            found["model"]["degrees_per_frame"].values,
            strict=True,
        )
    )
    if len(step) == 1:
        # the terms of a single sweep are those of all
        step["all"] = next(iter(step.values()))
    titled = {
        term: {
            _title(key, names): _along_phi(array, step.get(key)) for key, array in group.items()
        }
        for term, group in terms.items()
    }
    figures = [*_along_rotation(titled), *_over_two(titled), *_residuals(found)]
    return Section(
        "Scaling",
        text="Every observation has the intensity a d (b I + c): scale b, absorption a, offset "
        "c, detector d. The isotropic offset is a convention: for every |s| the smallest c/b "
        "of all sweeps and rotations is zero. In the maps of residuals, grey is nothing seen; "
        "patterns are effects that the model lacks.",
        figures=tuple(figures),
        tables=(_history(found["history"]),),
        notes=tuple(found["notes"]),
    )


def _title(key: str, names: tuple[str, ...]) -> str:
    if key == "all":
        return names[0] if len(names) == 1 else "all sweeps"
    return names[int(key)]


def _along_phi(array: sc.DataArray, degrees: float | None) -> sc.DataArray:
    """Replace the position in the scan by the rotation since its beginning."""
    if "iz" not in array.dims or degrees is None:
        return array
    turn = array.coords["iz"].values * degrees
    turned = sc.DataArray(array.data, coords=dict(array.coords)).rename_dims(iz="turn")
    del turned.coords["iz"]
    turned.coords["turn"] = sc.array(dims=["turn"], values=turn, unit="deg")
    return turned


def _along_rotation(titled: Mapping[str, Mapping[str, sc.DataArray]]) -> list[Figure]:
    """Terms of the rotation alone, and the offset against |s|."""
    panels: dict[str, Mapping[str, sc.DataArray]] = {}
    for term, label in (("b", "scale b"), ("B", "relative B")):
        if term in titled:
            panels[label] = titled[term]
    if "c" in titled:
        panels["offset c"] = {
            name: sc.mean(array, [d for d in array.dims if d != "s"])
            for name, array in titled["c"].items()
        }
    if not panels:
        return []
    caption = "Scale factors against rotation, and the mean offset against |s|"
    return [Figure(figure_bytes(line_figure(panels), "svg"), "svg", caption)]


def _over_two(titled: Mapping[str, Mapping[str, sc.DataArray]]) -> list[Figure]:
    figures = []
    if "c" in titled:
        panels = {name: array.transpose(["s", "turn"]) for name, array in titled["c"].items()}
        figures.append(_picture(panels, "offset c", "Offset over |s| and rotation"))
    if "a" in titled:
        panels = {
            name: sc.mean(array, "turn").transpose(["iy", "ix"])
            for name, array in titled["a"].items()
        }
        figures.append(
            _picture(panels, "absorption a", "Absorption, mean over the rotation", image=True)
        )
    flat = {n: x for n, x in titled.get("d", {}).items() if x.ndim == 2}
    if flat:
        panels = {name: array.transpose(["iy", "ix"]) for name, array in flat.items()}
        figures.append(_picture(panels, "gain d", "Gain of the detector", image=True))
    return figures


def _residuals(found: Mapping[str, Any]) -> list[Figure]:
    detector = found["residuals on the detector"]
    dose = found["residuals over s and rotation"]
    on_detector = heat_figure(
        dict(detector.items()), label=_RESIDUALS, symmetric=True, equal=True, downwards=True
    )
    over_dose = heat_figure(dict(dose.items()), label=_RESIDUALS, symmetric=True)
    return [
        Figure(figure_bytes(on_detector), "png", "Mean residuals on the detector"),
        Figure(figure_bytes(over_dose), "png", "Mean residuals over |s| and rotation (dose)"),
    ]


def _picture(
    panels: Mapping[str, sc.DataArray], label: str, caption: str, *, image: bool = False
) -> Figure:
    figure = heat_figure(panels, label=label, equal=image, downwards=image)
    return Figure(figure_bytes(figure), "png", caption)


def _history(history: Mapping[str, sc.Variable]) -> Table:
    columns = {name: np.asarray(values.values).tolist() for name, values in history.items()}
    columns["rejected"] = [int(x) for x in columns["rejected"]]
    rows = tuple(
        (number, *row) for number, row in enumerate(zip(*columns.values(), strict=True), 1)
    )
    return Table(("iteration", *columns), rows, "Refinement")
