"""The report of a neutron run, from its result files alone."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipp as sc

from ewaldite.errors import UserError
from ewaldite.io.nexus import load, read_info
from ewaldite.model.provenance import Provenance
from ewaldite.report.model import Section, Table
from ewaldite.report.page import write_report
from ewaldite.report.spectroscopy_cut import cut_section, vanadium_section
from ewaldite.report.spectroscopy_level import level_section
from ewaldite.report.spectroscopy_run import run_section
from ewaldite.run.sizes import counted
from ewaldite.spectroscopy.run_view import VIEWS
from ewaldite.spectroscopy.time_level import LEVEL

Group = sc.DataGroup[Any]


def report_spectroscopy(out: Path) -> Path:
    """Write ``report.html`` beside the results of a run.

    It takes the options from the provenance of the newest cut, so that what an earlier run left
    in the folder is not shown. Then ``cuts/NAME.nxs`` of every cut of the options, and its
    picture ``cuts/NAME.png`` where that is newer; ``runs.nxs``, a group by the name of the run
    of what :func:`~ewaldite.spectroscopy.run_view.view_run` gives; and, where the options have
    [vanadium], ``vanadium.nxs`` with ``N_b`` (dims (pixel); coordinates ``arc``, ``channel``,
    ``tube``, ``position_in_tube``); where they have [time_background],
    ``time_background.nxs``. The last three may be absent: their sections are then shorter.

    Parameters
    ----------
    out:
        Folder of the results.

    Returns
    -------
    :
        The file.

    Raises
    ------
    UserError
        If there is no cut, or the report cannot be written.
    """
    files = sorted((out / "cuts").glob("*.nxs"), key=lambda path: path.stat().st_mtime)
    if not files:
        raise UserError(
            f"write a report of {out}",
            "it has no cuts/NAME.nxs",
            "Run 'ewaldite spectroscopy run' first.",
        )
    provenance = read_info(files[-1]).provenance
    options = tomllib.loads(provenance.options)
    names = [cut["name"] for cut in options.get("cut", [])] or [files[-1].stem]
    cuts = {n: _group(out / "cuts" / f"{n}.nxs") for n in names if _is_cut(out, n)}
    views = _group(out / VIEWS) if (out / VIEWS).is_file() else sc.DataGroup({})
    vanadium = out / "vanadium.nxs"
    wanted = options.get("vanadium") is not None
    found = _group(vanadium) if wanted and vanadium.is_file() else None
    cell = options.get("sample", {}).get("cell")
    sections = [
        _overview(views, cuts, provenance),
        *(cut_section(n, data, cell, _drawn(out, n)) for n, data in cuts.items()),
        *(run_section(str(name), view) for name, view in views.items()),
        vanadium_section(found, wanted),
    ]
    levels = out / LEVEL
    if options.get("time_background") is not None and levels.is_file():
        sections.append(level_section(_group(levels)))
    path = out / "report.html"
    write_report(
        path,
        sections,
        title="S(Q, ω)",
        subtitle=f"ewaldite {provenance.version}",
        provenance=provenance,
    )
    return path


def _is_cut(out: Path, name: str) -> bool:
    return (out / "cuts" / f"{name}.nxs").is_file()


def _drawn(out: Path, name: str) -> bytes | None:
    """Picture of a cut, if it was drawn after the cut was made."""
    picture, cut = (out / "cuts" / f"{name}{suffix}" for suffix in (".png", ".nxs"))
    if not picture.is_file() or picture.stat().st_mtime < cut.stat().st_mtime:
        return None
    return picture.read_bytes()


def _group(path: Path) -> Group:
    found = load(path)
    assert isinstance(found, sc.DataGroup)
    return found


def _overview(views: Group, cuts: Mapping[str, Group], provenance: Provenance) -> Section:
    events = sum(int(view["events"]) for view in views.values())
    rejected = sum(int(view["rejected"]) for view in views.values())
    runs, made = counted(len(views), "runs"), counted(len(cuts), "cuts")
    text = (
        f"{made} of S(Q, ω)."
        if not views
        else (
            f"{runs} with {events:,} events, {events - rejected:,} of them without a mask, "
            f"became {made} of S(Q, ω)."
        )
    )
    rows = tuple(
        (
            name,
            " × ".join(map(str, data["S"].shape)),
            int(np.count_nonzero(~data["S"].masks["no_coverage"].values)),
            int(data["reasons"]["in_cut"]),
        )
        for name, data in cuts.items()
    )
    table = Table(("cut", "bins", "with coverage", "events"), rows)
    return Section("Result", text=text, tables=(table,), notes=provenance.notes)
