"""The steps of a cut: its exposure, events, coverage, background, and S(Q, ω)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import scipp as sc
from scipy.sparse import csr_array

from ewaldite.io.nexus import Sample, save
from ewaldite.kernels.coverage import COVERAGE, WIDTH
from ewaldite.model.provenance import installed_version
from ewaldite.model.quantity import parse_quantity
from ewaldite.run.checkpoint import ContentKeys
from ewaldite.run.digest import digest, file_checksum
from ewaldite.run.shards import ShardProgress
from ewaldite.spectroscopy.background_shards import (
    TurnBackground,
    load_background,
    save_background,
)
from ewaldite.spectroscopy.context import Context
from ewaldite.spectroscopy.coverage_file import load_coverage, save_coverage
from ewaldite.spectroscopy.coverage_shards import CoverCut, load_part, save_part
from ewaldite.spectroscopy.cut import Cut
from ewaldite.spectroscopy.cut_events import EventSums
from ewaldite.spectroscopy.cut_paths import CutPaths
from ewaldite.spectroscopy.cut_setup import load_setup, set_up_cut
from ewaldite.spectroscopy.cut_sums import covariance_group
from ewaldite.spectroscopy.empty_run import load_empty
from ewaldite.spectroscopy.estimators import estimate
from ewaldite.spectroscopy.event_shards import (
    CountEvents,
    load_counts,
    save_counts,
)
from ewaldite.spectroscopy.open_runs import RUNS
from ewaldite.spectroscopy.resolve import sample_frame
from ewaldite.spectroscopy.sample_factors import sample_factors
from ewaldite.spectroscopy.sharded import reduce, run_sizes
from ewaldite.spectroscopy.shared_errors import SharedErrors
from ewaldite.spectroscopy.time_background import TimeBackground
from ewaldite.spectroscopy.time_background_shards import (
    SpreadTime,
    load_time_background,
    save_time_background,
)
from ewaldite.spectroscopy.time_level import LEVEL
from ewaldite.spectroscopy.time_level_step import level_of
from ewaldite.spectroscopy.vanadium_step import EMPTY, vanadium_of, write_npz
from ewaldite.tables.magnetic import SOURCE

KIND = "cut of S(Q, ω)"
_AVOGADRO = 0.602214076  # 1e24/mol


def expose(context: Context, cut: Cut) -> None:
    """Step ``exposure NAME``: grid, pixels, steps of the rotation and their flux."""
    options = context.options
    numbers = range(len(options.run))
    efficiency, notes = vanadium_of(context)
    runs = [RUNS.get(options, n, context.base) for n in numbers]
    setup = set_up_cut(cut, options, runs, efficiency).with_notes(notes)
    context.note(*setup.notes)
    write_npz(_paths(context, cut).setup, setup.save)


def sum_events(context: Context, cut: Cut) -> None:
    """Step ``events NAME``: sums over the events, shard by shard."""
    paths = _paths(context, cut)
    reduction = CountEvents(
        context.options.model_dump_json(), context.base, run_sizes(context), paths.setup
    )
    total = reduce(
        context,
        reduction,
        f"events {cut.name}",
        paths.event_shards,
        ContentKeys(digest(installed_version(), file_checksum(paths.setup))),
        (save_counts, load_counts),
        ShardProgress(context.progress, size=lambda s: s.size, unit="events"),
    )
    write_npz(paths.events, lambda path: save_counts(total, path))


def cover(context: Context, cut: Cut) -> None:
    """Step ``coverage NAME``: what the bins would count for S = 1, with its errors."""
    paths, device = _paths(context, cut), context.options.computing.device
    covered = reduce(
        context,
        CoverCut(paths.setup, device),
        f"coverage {cut.name}",
        paths.coverage_shards,
        ContentKeys(digest(installed_version(), file_checksum(paths.setup), device)),
        (save_part, load_part),
        ShardProgress(context.progress, unit="parts"),
    )
    write_npz(paths.coverage, lambda path: save_coverage(covered, path))


def turn_background(context: Context, cut: Cut) -> None:
    """Step ``background NAME``: the empty run at every rotation of the sample."""
    paths, empty = _paths(context, cut), context.work / EMPTY
    one = RUNS.get(context.options, 0, context.base)
    load_empty(empty).check(one.converter.instrument, one.raw.path.name)
    turned = reduce(
        context,
        TurnBackground(paths.setup, empty),
        f"background {cut.name}",
        paths.background_shards,
        ContentKeys(
            digest(installed_version(), file_checksum(paths.setup), file_checksum(empty))
        ),
        (save_background, load_background),
        ShardProgress(context.progress, size=lambda s: s.size, unit="events"),
    )
    write_npz(paths.background, lambda path: save_background(turned, path))


def spread_time_background(context: Context, cut: Cut) -> None:
    """Step ``time background NAME``: what is constant in time, in the bins of the cut."""
    paths, level = _paths(context, cut), context.out / LEVEL
    options = context.options
    empty = None if options.background is None else context.work / EMPTY
    files = [path for path in (paths.setup, level, empty) if path is not None]
    estimator, device = options.normalise.estimator, options.computing.device
    made = reduce(
        context,
        SpreadTime(paths.setup, level, empty, estimator, device),
        f"time background {cut.name}",
        paths.time_background_shards,
        ContentKeys(digest(installed_version(), *map(file_checksum, files), estimator, device)),
        (save_time_background, load_time_background),
        ShardProgress(context.progress, unit="parts"),
    )
    write_npz(paths.time_background, lambda path: save_time_background(made, path))


def finish_cut(context: Context, cut: Cut) -> None:
    """Step ``cut NAME``: S(Q, ω) and its errors, to ``cuts/NAME.nxs``."""
    paths, options = _paths(context, cut), context.options
    setup = load_setup(paths.setup)
    counted = load_counts(paths.events)
    background = None
    if options.background is not None:
        background = load_background(paths.background)
    constant = None
    if options.time_background is not None:
        constant = load_time_background(paths.time_background)
    absolute = setup.unit != "dimensionless"
    events = EventSums(setup.grid, setup.pixel, setup.exposed)
    events.total = counted
    estimator, covered_sums = options.normalise.estimator, load_coverage(paths.coverage)
    data = estimate(
        events,
        covered_sums,
        estimator=estimator,
        background=background,
        constant=constant,
        unit="cm^2/meV/sr" if absolute else "dimensionless",
    )
    if absolute and options.normalise.amount is not None:
        data = _per_formula_unit(data, options.normalise.amount)
    factors = sample_factors(options.sample_factors, sample_frame(options.sample))
    if factors is not None:
        covered_bins = data["coverage"].values.ravel()
        parts = (setup.grid, setup.pixel, setup.exposed)
        data = factors.divide(data, factors.means(*parts, covered_bins))
    amount = COVERAGE if estimator == "coverage" else WIDTH
    shared = SharedErrors.of(covered_sums, amount)
    if constant is not None:
        shared = shared.subtracting(*_root(data["time_background"], constant))
    data["covariance"] = covariance_group(shared, estimator)
    reasons = events.reasons
    data["kind"] = KIND
    data["cut"] = cut.model_dump(mode="json", exclude_none=True)
    group = cut.fold or options.normalise.point_group
    if group is not None:
        data["folded_by"] = group
    data["reasons"] = reasons
    notes = (*setup.notes, *level_of(context)[1])
    provenance = context.provenance(*_files(context), notes=notes)
    if factors is not None and factors.options.ion is not None:
        provenance = replace(provenance, tables={"magnetic form factor": SOURCE})
    paths.result.parent.mkdir(parents=True, exist_ok=True)
    save(
        paths.result,
        data,
        provenance,
        sample=Sample(cell=options.sample.cell),
    )
    covered = ~data["S"].masks["no_coverage"].values
    context.log.info(
        "cut %s: %s events, %s of %s bins have coverage%s",
        cut.name,
        f"{reasons['in_cut']:,}",
        f"{np.count_nonzero(covered):,}",
        f"{covered.size:,}",
        _left_out(reasons),
    )
    if not covered.any():
        context.log.warning(
            "note: cut %s: no bin has coverage: its bins lie where nothing was measured",
            cut.name,
        )


def _root(made: sc.DataArray, constant: TimeBackground) -> tuple[csr_array, bool]:
    """Errors of levels in the unit of S, whatever that was divided by since."""
    before, after = constant.variance, np.nan_to_num(made.variances).ravel()
    scale = np.sqrt(np.divide(after, before, out=np.zeros_like(after), where=before > 0))
    return csr_array(constant.root.multiply(scale[:, None])), constant.exact


def _left_out(reasons: dict[str, int]) -> str:
    """Events that lie in no masked place of their own, and yet cannot be used."""
    said = [
        f"{number:,} {words}"
        for name, words in (
            ("no_pixel", "of pixels without an efficiency"),
            ("no_flux", "at energies without flux"),
            ("no_step", "in no step of the rotation"),
            ("masked", "in masked cells"),
        )
        if (number := reasons[name])
    ]
    return f"; events left out: {', '.join(said)}" if said else ""


def _per_formula_unit(data: sc.DataGroup[Any], amount: str) -> sc.DataGroup[Any]:
    """S in barn/meV/sr for each of the formula units in the beam."""
    mole = parse_quantity(amount, "mol", "[normalise] amount")
    per_unit = sc.scalar(1.0 / (mole * _AVOGADRO), unit="barn/cm^2")
    for name in ("S", "lower", "upper", "time_background"):
        if name in data:
            data[name] = data[name] * per_unit
    for name in ("counting_variance", "common_variance"):
        data[name] = data[name] * per_unit.value**2
    return data


def _paths(context: Context, cut: Cut) -> CutPaths:
    return CutPaths(context.out, cut.name)


def _files(context: Context) -> list[Path | None]:
    options = context.options
    files: list[Path | None] = [run.file for run in options.run]
    if options.vanadium is not None:
        files += [options.vanadium.file, options.vanadium.empty]
    if options.background is not None:
        files.append(options.background.file)
    return files
