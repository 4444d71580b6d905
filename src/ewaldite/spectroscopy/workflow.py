"""The workflow of ``ewaldite spectroscopy run``: raw files to cuts of S(Q, ω)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipp as sc

from ewaldite.crystal.symmetry import space_group
from ewaldite.errors import UserError
from ewaldite.io.nexus import Sample, save
from ewaldite.model.provenance import Provenance
from ewaldite.model.quantity import parse_quantity
from ewaldite.run.budget import usable_processors
from ewaldite.run.progress import Progress, SilentProgress
from ewaldite.spectroscopy.backend import Backend
from ewaldite.spectroscopy.config import config_text
from ewaldite.spectroscopy.convert import file_digest
from ewaldite.spectroscopy.coverage import Coverage, Pixels, coverage, pixels
from ewaldite.spectroscopy.cut import Cut
from ewaldite.spectroscopy.cut_background import Background
from ewaldite.spectroscopy.cut_events import EventSums
from ewaldite.spectroscopy.cut_grid import cut_grid
from ewaldite.spectroscopy.empty_run import read_empty
from ewaldite.spectroscopy.estimators import estimate
from ewaldite.spectroscopy.exposure import join
from ewaldite.spectroscopy.options import SpectroscopyOptions
from ewaldite.spectroscopy.run_input import RunInput, open_run
from ewaldite.spectroscopy.steps import Steps
from ewaldite.spectroscopy.vanadium_run import vanadium_backend

_AVOGADRO = 0.602214076  # 1e24/mol


@dataclass(frozen=True)
class Job:
    """A cut in the making.

    Attributes
    ----------
    cut:
        What is made.
    events:
        Its events so far.
    steps:
        Steps of each run.
    first:
        Number of the first step of each run among all.
    """

    cut: Cut
    events: EventSums
    steps: Sequence[Steps]
    first: Sequence[int]

    def add(self, number: int, run: RunInput) -> None:
        """Add the events of a run."""
        steps, moving = self.steps[number], any(s.moving for s in self.steps)
        for slab in run.events():
            good = slab.flags == 0
            step = steps.at(slab.time[good])
            step = np.where(step < 0, -1, step + self.first[number])
            angles = {"a3": slab.a3[good], "a4": slab.a4[good]} if moving else {}
            self.events.add(slab.row[good], slab.k_i[good], step, **angles)


@dataclass(frozen=True)
class Reduced:
    """A finished cut.

    Attributes
    ----------
    cut:
        What was made.
    path:
        Its file.
    data:
        What is in it.
    """

    cut: Cut
    path: Path
    data: sc.DataGroup[Any]


def reduce_cuts(
    options: SpectroscopyOptions,
    out: Path,
    *,
    base: Path,
    command: str = "",
    log: logging.Logger,
    progress: Progress | None = None,
) -> list[Reduced]:
    """Make all cuts of a configuration.

    Parameters
    ----------
    options:
        The configuration.
    out:
        Folder for results; it exists.
    base:
        Folder to which paths of the options refer.
    command:
        Command line, for the provenance.
    log:
        Is told what is done, and what a user should know.
    progress:
        Is told how far it is.

    Returns
    -------
    :
        The cuts, in the files ``cuts/NAME.nxs``.

    Raises
    ------
    UserError
        If there is nothing to do, a file cannot be used, or options do not fit.
    """
    _check(options)
    told = progress or SilentProgress()
    threads = options.normalise.threads or usable_processors()
    backend, notes = None, ["no vanadium: N_b is 1, arcs are not comparable"]
    if options.vanadium is not None:
        backend, said = vanadium_backend(options, options.vanadium, base)
        notes = list(said)
        log.info("vanadium: %d pixels have an efficiency", np.count_nonzero(backend.value))
    empty = None
    if options.background is not None:
        empty = read_empty(options, options.background, base)
    with ExitStack() as stack:
        runs = [stack.enter_context(open_run(options, r, base)) for r in options.run]
        pixel = _pixels(runs, backend)
        jobs = [_job(cut, options, runs, pixel) for cut in options.cut]
        told.start("events", len(jobs) * sum(run.size for run in runs), "events")
        for number, run in enumerate(runs):
            for job in jobs:
                job.add(number, run)
                told.advance(run.size)
        told.finish()
        for run in runs:
            notes += [f"{run.raw.path.name}: {note}" for note in run.raw.notes]
    notes = list(dict.fromkeys(notes))
    for note in notes:
        log.warning("note: %s", note)
    provenance = Provenance(
        command=command,
        options=config_text(options),
        inputs={str(f): file_digest(base / f) for f in _files(options)},
        notes=tuple(notes),
    )
    cell = options.sample.cell
    (out / "cuts").mkdir(parents=True, exist_ok=True)
    made = []
    for job in jobs:
        covered = coverage(
            job.events.grid, job.events.pixel, job.events.exposed, threads=threads
        )
        background = None if empty is None else empty.turned(job.events)
        data = _finish(job, covered, background, options, backend)
        path = out / "cuts" / f"{job.cut.name}.nxs"
        save(path, data, provenance, sample=Sample(cell=cell))
        made.append(Reduced(job.cut, path, data))
        log.info("%s", _said(job, data))
    return made


def _check(options: SpectroscopyOptions) -> None:
    for what, given in (("[[run]]", options.run), ("[[cut]]", options.cut)):
        if not given:
            raise UserError(
                "reduce to S(Q, ω)", f"the configuration has no {what}", f"Add a {what}."
            )
    names = [cut.name for cut in options.cut]
    doubled = [name for name in names if names.count(name) > 1]
    if doubled:
        raise UserError(
            "reduce to S(Q, ω)", f"two cuts are called '{doubled[0]}'", "Rename one."
        )


def _pixels(runs: Sequence[RunInput], backend: Backend | None) -> Pixels:
    one = runs[0].converter.instrument
    keep = runs[0].keep
    for run in runs[1:]:
        other = run.converter.instrument
        same = np.array_equal(other.detector_number, one.detector_number)
        if not same or not np.allclose(other.direction, one.direction, atol=1e-9):
            raise UserError(
                f"reduce {run.raw.path.name} together with {runs[0].raw.path.name}",
                "their detectors are not the same",
                "Reduce them one by one.",
            )
        keep &= run.keep
    efficiency = (backend or Backend.ones(one.detector_number)).of(one.detector_number, keep)
    return pixels(one.direction, one.k_f, one.final_energy, efficiency)


def _job(
    cut: Cut, options: SpectroscopyOptions, runs: Sequence[RunInput], pixel: Pixels
) -> Job:
    sample = runs[0].converter.sample
    group = options.normalise.point_group
    operations = None if group is None else space_group(group).point_operations
    grid = cut_grid(cut, None if sample is None else sample.to_hkl, operations)
    parts, steps = zip(*(run.expose(grid) for run in runs), strict=True)
    first = np.cumsum([0, *(len(p) for p in parts)])[:-1].tolist()
    return Job(cut, EventSums(grid, pixel, join(parts)), steps, first)


def _finish(
    job: Job,
    covered: Coverage,
    background: Background | None,
    options: SpectroscopyOptions,
    backend: Backend | None,
) -> sc.DataGroup[Any]:
    absolute = backend is not None and backend.unit != "dimensionless"
    amount, unit = options.normalise.amount, "cm^2/meV/sr" if absolute else "dimensionless"
    data = estimate(
        job.events,
        covered,
        estimator=options.normalise.estimator,
        background=background,
        unit=unit,
    )
    if absolute and amount is not None:
        mole = parse_quantity(amount, "mol", "[normalise] amount")
        per_unit = sc.scalar(1.0 / (mole * _AVOGADRO), unit="barn/cm^2")
        for name in ("S", "lower", "upper"):
            data[name] = data[name] * per_unit
        for name in ("counting_variance", "common_variance"):
            data[name] = data[name] * per_unit.value**2
    data["cut"] = job.cut.model_dump(mode="json")
    data["reasons"] = job.events.reasons
    return data


def _said(job: Job, data: sc.DataGroup[Any]) -> str:
    covered = ~data["S"].masks["no_coverage"].values
    return (
        f"cut {job.cut.name}: {job.events.reasons['in_cut']:,} events, "
        f"{np.count_nonzero(covered):,} of {covered.size:,} bins have coverage"
    )


def _files(options: SpectroscopyOptions) -> list[Path]:
    files = [run.file for run in options.run]
    if options.vanadium is not None:
        files += [f for f in (options.vanadium.file, options.vanadium.empty) if f is not None]
    if options.background is not None:
        files.append(options.background.file)
    return files
