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
from ewaldite.spectroscopy.run_view import VIEWS

Group = sc.DataGroup[Any]


def report_spectroscopy(out: Path) -> Path:
    """Write ``report.html`` beside the results of a run.

    It reads ``options.toml`` as the provenance of the cuts has it, so that what an earlier run
    left in the folder is not shown; ``cuts/NAME.nxs`` of every cut of the options;
    ``runs.nxs``, a group by the name of the run of what
    :func:`~ewaldite.spectroscopy.run_view.view_run` gives; and, where the options have
    [vanadium], ``vanadium.nxs`` with ``N_b`` (dims (row); coordinates ``detector_number``,
    ``arc``, ``channel``, ``tube``, ``pixel``). The last two may be absent: their sections are
    then shorter.

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
    sections = [
        _overview(views, cuts, provenance),
        *(_run(name, view) for name, view in views.items()),
        *(_cut(name, data) for name, data in cuts.items()),
    ]
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


def _group(path: Path) -> Group:
    found = load(path)
    assert isinstance(found, sc.DataGroup)
    return found


def _overview(views: Group, cuts: Mapping[str, Group], provenance: Provenance) -> Section:
    events = sum(view["events"] for view in views.values())
    rejected = sum(view["rejected"] for view in views.values())
    text = (
        f"{len(views)} runs with {events:,} events, {events - rejected:,} of them without a "
        f"mask, became {len(cuts)} cuts."
    )
    return Section("Result", text=text, notes=provenance.notes)


def _run(name: str, view: Group) -> Section:
    table = Table.of_counts(view["masks"], view["events"], what="events")
    return Section(f"Run {name}", tables=(table,))


def _cut(name: str, data: Group) -> Section:
    covered = ~data["S"].masks["no_coverage"].values
    rows: list[tuple[str, float]] = [
        (f"events {reason.replace('_', ' ')}", n) for reason, n in data["reasons"].items()
    ]
    rows += [
        ("bins", covered.size),
        ("bins with coverage", int(np.count_nonzero(covered))),
    ]
    return Section(f"Cut {name}", tables=(Table(("what", "number"), tuple(rows)),))
