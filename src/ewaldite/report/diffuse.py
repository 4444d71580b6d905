"""The report of a diffuse run, from its result files alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np
import scipp as sc

from ewaldite.diffuse.context import LEFT_OUT
from ewaldite.diffuse.maps.files import map_name
from ewaldite.diffuse.maps.parts import Part
from ewaldite.io.nexus import item_names, load, read_info, shell_means
from ewaldite.plot.detector import detector_figure
from ewaldite.plot.radial import radial_figure
from ewaldite.plot.style import figure_bytes, save_figure
from ewaldite.plot.summary import NORMALS, summary_figure
from ewaldite.report.absolute import absolute_section
from ewaldite.report.model import Figure, Section, Table
from ewaldite.report.page import write_report
from ewaldite.report.scaling import scaling_section
from ewaldite.report.statistics import statistics_sections


def report_diffuse(out: Path, images: Mapping[str, Any] | None = None) -> tuple[Path, Path]:
    """Write ``report.html`` and ``report.png`` beside the results of a run.

    Parameters
    ----------
    out:
        Folder of the results.
    images:
        First image of every sweep by name; dims (slow, fast), counts; for pictures of the
        masks.

    Returns
    -------
    :
        The two files.

    Raises
    ------
    UserError
        If a result is missing or the report cannot be written.
    """
    shown = _map_to_show(out)
    info = read_info(shown)
    provenance = info.provenance
    # a file of an earlier run with [contents] may lie there still
    is_absolute = "intensity_unit" in info.columns
    merged = _merged(out / ("absolute.nxs" if is_absolute else "merged.nxs"))
    cell = info.sample.cell
    if cell is None:
        raise ValueError("a map of a run carries its cell")
    # a map may be larger than memory; its planes are not
    planes = {normal: load(shown, within={normal: (0.0, 0.0)}) for normal in NORMALS}
    curve = shell_means(merged, cell)
    if curve is None:
        raise ValueError("a merged table of a run carries |s|")
    if is_absolute:
        curve.coords["intensity_unit"] = merged.coords["intensity_unit"]
    title = "Diffuse scattering"
    picture = summary_figure(
        planes, cell, curve, title=title, footnote=f"ewaldite {provenance.version}"
    )
    save_figure(out / "report.png", picture)
    summary = Figure(
        figure_bytes(picture), "png", "The map: hk0, h0l, 0kl, and its mean over |s|"
    )
    sections = [
        Section("Map", text=_crystal(info.sample, merged), figures=(summary,)),
        *statistics_sections(out),
        scaling_section(out, tuple(item_names(out / "masks.nxs"))),
        *([absolute_section(out)] if is_absolute else []),
        _filter(out),
        *_masks(out, images or {}),
        Section(
            "Mean intensity",
            figures=(
                Figure(figure_bytes(radial_figure({"merged": curve}), "svg"), "svg", "By |s|"),
            ),
        ),
    ]
    write_report(
        out / "report.html",
        sections,
        title=title,
        subtitle=f"ewaldite {provenance.version}",
        provenance=provenance,
    )
    return out / "report.html", out / "report.png"


def _merged(path: Path) -> sc.DataArray:
    """The merged table with the columns that are shown."""
    wanted = (*"hkl", "s", "counts", "multiplicity", "intensity_unit")
    there = read_info(path).columns
    table: sc.DataArray = load(path, columns=[name for name in wanted if name in there])
    return table


def _map_to_show(out: Path) -> Path:
    """The diffuse map, or the first other part that was made in its place."""
    made = (out / map_name(part) for part in get_args(Part))
    return next((path for path in made if path.is_file()), out / map_name("diffuse"))


def _crystal(sample: Any, merged: sc.DataArray) -> str:
    cell = " ".join(f"{x:.3f}" for x in sample.cell)
    counts = float(merged.coords["counts"].sum().value)
    return (
        f"Cell {cell} (Å, °), space group {sample.space_group}; "
        f"{len(merged):,} voxels of the asymmetric unit hold {counts:,.0f} counts in "
        f"{int(merged.coords['multiplicity'].sum().value):,} observations.\n\n"
        "Voxels that were not observed are absent: they are NaN and masked, not zero."
    )


def _filter(out: Path) -> Section:
    summaries = json.loads((out / "work" / "filter.json").read_text(encoding="utf-8"))
    sweeps: dict[str, dict[str, float]] = {}
    for summary in summaries:
        total = sweeps.setdefault(summary["sweep"], {})
        for name, value in summary.items():
            if name not in ("sweep", "wedge"):
                total[name] = total.get(name, 0.0) + value
    names = list(next(iter(sweeps.values())))
    rows: tuple[tuple[str | int, ...], ...] = tuple(
        (name, *(int(total[n]) for n in names)) for name, total in sweeps.items()
    )
    notes = tuple(
        f"{int(total['frames skipped'])} frames of {name} could not be read and were skipped"
        for name, total in sweeps.items()
        if total.get("frames skipped")
    )
    left_out = out / "work" / LEFT_OUT
    if left_out.is_file():
        notes += tuple(json.loads(left_out.read_text(encoding="utf-8")))
    return Section("Filter", tables=(Table(("sweep", *names), rows),), notes=notes)


def _masks(out: Path, images: Mapping[str, Any]) -> list[Section]:
    sections = []
    for sweep in item_names(out / "masks.nxs"):
        group = load(out / "masks.nxs", item=sweep)
        masks = {name: mask.values for name, mask in group.items() if mask.values.any()}
        total = int(np.prod(next(iter(group.values())).shape))
        counts = {name: int(mask.sum()) for name, mask in masks.items()}
        figures: tuple[Figure, ...] = ()
        if sweep in images:
            shown = figure_bytes(detector_figure(images[sweep], masks))
            figures = (Figure(shown, "png", "First image with its masks"),)
        table = Table.of_counts(counts, total, what="pixels")
        sections.append(Section(f"Pixels of {sweep}", tables=(table,), figures=figures))
    return sections
