"""The part of a report that tells how well observations agree."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.io.nexus import load
from ewaldite.plot.lines import line_figure
from ewaldite.plot.style import figure_bytes
from ewaldite.report.model import Figure, Section, Table

_ANISOTROPIC = "_anisotropic"
_HEADS = {
    "observations": "observations",
    "voxels": "voxels",
    "completeness": "completeness",
    "multiplicity": "multiplicity",
    "intensity_over_sigma": "I/σ",
    "chi2": "χ²",
    "r_meas": "R_meas",
    "cc_half": "CC½",
    "cc_star": "CC*",
    "cc_others": "CC others",
    f"r_meas{_ANISOTROPIC}": "R_meas aniso.",
    f"cc_half{_ANISOTROPIC}": "CC½ aniso.",
    f"cc_star{_ANISOTROPIC}": "CC* aniso.",
    f"cc_others{_ANISOTROPIC}": "CC others aniso.",
}

_ALONG_ROTATION = {
    "CC others, anisotropic": f"cc_others{_ANISOTROPIC}",
    "χ²": "chi2",
    "completeness": "completeness",
}


def statistics_sections(out: Path) -> list[Section]:
    """Sections on shells, sweeps and rotation, from ``statistics.nxs``.

    Parameters
    ----------
    out:
        Folder of the results.
    """
    tables = load(out / "statistics.nxs")
    sections = [_shells(tables["shells"])]
    batches = tables["batches"]
    if _any(batches).size > 1:
        sections.append(_batches(batches, tables["between"]))
    sections.append(_rotation(tables["rotation"]))
    return sections


def _shells(table: Mapping[str, sc.DataArray]) -> Section:
    figure = line_figure(
        {
            "correlation": {
                "CC½": _with_interval(table),
                "CC*": table["cc_star"],
                "CC½, anisotropic part": _with_interval(table, _ANISOTROPIC),
                "CC*, anisotropic part": table[f"cc_star{_ANISOTROPIC}"],
            },
            "completeness": {"": table["completeness"]},
            "multiplicity": {"": table["multiplicity"]},
        }
    )
    edges = table["cc_half"].coords["s"].values
    names = [(float(a + b) / 2, f"{1 / b:.2f}") for a, b in pairwise(edges)]
    return Section(
        "Statistics by resolution",
        text="Of merged voxels in shells of |s|. CC½ is the correlation of half sets with its "
        "interval of one standard deviation, CC* what it implies for the correlation with the "
        "truth. The isotropic ring makes the total agree with itself: what counts for a map is "
        "the anisotropic part. χ² is the scatter of equivalent observations over what their "
        "errors allow.",
        figures=(Figure(figure_bytes(figure, "svg"), "svg", "Agreement and coverage"),),
        tables=(_table(("|s| (1/Å)", "to d (Å)"), names, table),),
    )


def _with_interval(table: Mapping[str, sc.DataArray], ending: str = "") -> sc.DataArray:
    """CC½ with half its interval as standard deviation, for the picture."""
    curve = table[f"cc_half{ending}"]
    low, high = (table[f"cc_half_{end}{ending}"].values for end in ("lower", "upper"))
    half = (high - low) / 2
    data = sc.array(dims=curve.dims, values=_shown(curve), variances=half**2, unit="one")
    return sc.DataArray(data, coords={"s": curve.coords["s"]})


def _batches(table: Mapping[str, sc.DataArray], between: Mapping[str, sc.DataArray]) -> Section:
    names = [str(x) for x in _any(table).coords["batch"].values]
    pairs = Table(
        ("", *names),
        tuple(
            (name, *(_number(x) for x in row))
            for name, row in zip(names, _shown(between[f"cc{_ANISOTROPIC}"]), strict=True)
        ),
        "Correlation of the anisotropic parts of two sweeps",
    )
    return Section(
        "Sweeps",
        text="CC others is the correlation with the mean of all other sweeps. A sweep that "
        "agrees with itself (CC½) and not with the others is indexed in another setting, "
        "damaged, or of another crystal form.",
        tables=(_table(("sweep",), [(name,) for name in names], table), pairs),
    )


def _rotation(table: Mapping[str, sc.DataArray]) -> Section:
    start = _any(table).coords["start"]
    middle = (start + _any(table).coords["stop"]).values / 2
    # an array of texts, of which each can be compared
    batch = np.array(list(_any(table).coords["batch"].values))
    panels = {
        label: {
            str(name): _curve(middle[batch == name], _shown(table[column])[batch == name])
            for name in dict.fromkeys(batch)
        }
        for label, column in _ALONG_ROTATION.items()
    }
    picture = Figure(figure_bytes(line_figure(panels), "svg"), "svg", "Along the rotation")
    return Section(
        "Rotation",
        text="Single observations against the mean of all others of their voxels, in bins of "
        "rotation: what falls along the way tells of radiation damage or of a crystal that "
        "leaves the beam.",
        figures=(picture,),
    )


def _curve(phi: NDArray[np.float64], values: NDArray[np.float64]) -> sc.DataArray:
    return sc.DataArray(
        sc.array(dims=["phi"], values=values, unit="one"),
        coords={"phi": sc.array(dims=["phi"], values=phi, unit="deg")},
    )


def _table(
    head: tuple[str, ...], names: list[tuple[Any, ...]], table: Mapping[str, sc.DataArray]
) -> Table:
    columns = {name: _shown(table[name]) for name in _HEADS if name in table}
    rows = tuple(
        (*name, *(_number(values[i]) for values in columns.values()))
        for i, name in enumerate(names)
    )
    return Table((*head, *(_HEADS[name] for name in columns)), rows)


def _shown(array: sc.DataArray) -> NDArray[np.float64]:
    """Values, NaN where a mask excludes them; integers stay what they are."""
    values = np.array(array.values)
    if array.masks:
        values = values.astype(np.float64)
        for mask in array.masks.values():
            values[mask.values] = np.nan
    return values


def _number(value: Any) -> float | int:
    return int(value) if np.issubdtype(type(value), np.integer) else float(value)


def _any(table: Mapping[str, sc.DataArray]) -> sc.DataArray:
    return next(iter(table.values()))
