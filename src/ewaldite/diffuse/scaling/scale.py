"""Step 5: find the scale factors that make observations agree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from ewaldite.crystal.symmetry import SpaceGroup
from ewaldite.diffuse.observations import Observations
from ewaldite.diffuse.scaling.gauge import to_gauge
from ewaldite.diffuse.scaling.joint import Fit
from ewaldite.diffuse.scaling.layout import Layout
from ewaldite.diffuse.scaling.nodes import degrees_of
from ewaldite.diffuse.scaling.options import ScaleOptions
from ewaldite.diffuse.scaling.overlap import notes_on_overlap
from ewaldite.diffuse.scaling.prescale import prescale
from ewaldite.diffuse.scaling.problem import Joint
from ewaldite.diffuse.scaling.result import ScalingResult
from ewaldite.diffuse.scaling.scaler import Scaler
from ewaldite.diffuse.scaling.selection import CANDIDATES, choose_terms
from ewaldite.diffuse.scaling.start import StartFactors, started
from ewaldite.diffuse.scaling.table import ScalingTable
from ewaldite.run.memory import give_back

FloatArray = NDArray[np.float64]
Log = Callable[[str], None]

# Most observations that decide on terms
_DECIDING = 100_000


def scale(
    observations: Observations | Iterable[Observations],
    group: SpaceGroup,
    *,
    degrees_per_frame: Mapping[int, float] | float,
    options: ScaleOptions,
    rng: np.random.Generator,
    start: Mapping[int, StartFactors] | None = None,
    log: Log | None = None,
) -> ScalingResult:
    """Find the scaling model under which equivalent observations agree best.

    Observations of a voxel with expected counts ``N = e a d (b D I0 + c) + B`` (see
    :class:`~ewaldite.diffuse.scaling.model.ScalingModel`) are scaled on isotropic averages; the
    terms that the data justify are chosen; and control points and merged intensities are
    refined against ``Σ ((N - B - e a d (b D I0 + c)) / σ)² + Σ λ |B p|²`` (see
    :func:`~ewaldite.diffuse.scaling.joint.refine`).

    Parameters
    ----------
    observations:
        The table, or its parts in order, of any number of sweeps; each sweep is a batch. Parts
        are taken up in compact form, so that the table itself need not be in memory.
    group:
        Space group of the crystal.
    degrees_per_frame:
        Rotation per unit of iz, of each sweep or of all.
    options:
        Options.
    rng:
        Deals voxels into halves and parts.
    start:
        Scale factors of other programs by the number of the sweep.
    log:
        Takes sentences on what is decided.

    Returns
    -------
    :
        Model, rejected rows, residuals, merged intensities, history, notes.

    Raises
    ------
    UserError
        There is no usable observation, or the Laue group does not map the grid onto itself.
    """
    table = ScalingTable.of(observations, group, friedel=options.friedel)
    give_back()  # what the parts took is as much as the fit will need
    return scale_table(
        table,
        degrees_per_frame=degrees_per_frame,
        options=options,
        rng=rng,
        start=start,
        log=log,
    )


def scale_table(
    table: ScalingTable,
    *,
    degrees_per_frame: Mapping[int, float] | float,
    options: ScaleOptions,
    rng: np.random.Generator,
    start: Mapping[int, StartFactors] | None = None,
    log: Log | None = None,
) -> ScalingResult:
    """Scale a compact table; see :func:`scale`."""
    say = log or (lambda _: None)
    notes = [*_notes_on_rows(table), *notes_on_overlap(table)]
    scaled = options.terms == "auto" or "b" in options.terms
    first = prescale(table.cells, enabled=scaled)
    if start:
        first = started(first, table.batches, start)
    degrees = degrees_of(table.batches, degrees_per_frame)
    scaler = Scaler(options, degrees, first, rng)
    extra = ["B"] if options.relative_b else []
    terms = [*([] if options.terms == "auto" else options.terms), *extra]
    if options.terms == "auto":
        terms = ["b", *extra]
        if table.voxels > 1:
            # one gain for the whole detector is a second name of b
            gains = scaler.layout(table, ["d"]).of("d")
            several = any(points.values.size > 1 for _, points, _ in gains)
            terms, tried = choose_terms(
                table,
                scaler.residuals,
                always=terms,
                candidates=[term for term in CANDIDATES if term != "d" or several],
                most=_DECIDING,
                rng=rng,
            )
            notes += [str(choice) for choice in tried]
    layout = scaler.layout(table, terms)
    if options.method == "joint":
        problem, fit = scaler.fit(table, layout, lambda i: say(str(i)))
        fit.weights.update(fit.p)
    else:
        problem, fit = scaler.alternate(table, layout)
    notes += _notes_on_fit(table, problem, fit)
    for note in notes:
        say(note)
    return _result(table, layout, fit, notes)


def _notes_on_rows(table: ScalingTable) -> list[str]:
    notes = []
    if table.unusable:
        notes.append(f"{table.unusable} of {table.size} observations are masked or empty")
    if table.alone:
        notes.append(
            f"{table.alone} observations are alone in their voxel and have no say in the scales"
        )
    return notes


def _notes_on_fit(table: ScalingTable, problem: Joint, fit: Fit) -> list[str]:
    notes = []
    squares = problem.squares()
    for term in problem.layout.model.terms:
        parts = [squares[where] for _, _, where in problem.layout.of(term)]
        empty = sum(int(np.count_nonzero(x == 0)) for x in parts)
        if empty:
            total = sum(x.size for x in parts)
            notes.append(
                f"{empty} of {total} control points of {term} are seen by no observation; "
                "smoothness fills them"
            )
    rejected = fit.weights.rejected
    notes.append(f"{rejected} of {len(table)} observations are rejected as outliers")
    if not fit.converged:
        notes.append(f"scaling did not come to rest in {len(fit.history)} iterations")
    return notes


def _result(table: ScalingTable, layout: Layout, fit: Fit, notes: list[str]) -> ScalingResult:
    model, gauge = to_gauge(layout.with_vector(fit.p))
    outlier = np.zeros(table.size, np.bool_)
    outlier[table.row[fit.weights.weight == 0]] = True
    residual = np.full(table.size, np.nan, np.float32)
    residual[table.row] = fit.weights.residual
    number = np.maximum(np.diff(table.start), 1)
    length = (
        np.add.reduceat(table.length, table.start[:-1], dtype=np.float64) / number
        if table.voxels
        else np.zeros(0)
    )
    return ScalingResult(
        model=model,
        outlier=outlier,
        residual=residual,
        key=table.key,
        intensity=gauge(fit.intensity, length),
        terms=tuple(model.terms),
        history=fit.history,
        converged=fit.converged,
        notes=tuple(notes),
    )
