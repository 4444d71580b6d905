"""Step ``combine``: the tables of all sweeps, in one setting."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.diffuse.bragg import join_reflections
from ewaldite.diffuse.combine import join_neighbours
from ewaldite.diffuse.context import REINDEX, Context
from ewaldite.diffuse.observations import Observations
from ewaldite.diffuse.reindexed import check_grid, reindexed, reindexed_bragg
from ewaldite.diffuse.reindexing import resolve
from ewaldite.diffuse.step_needs import combine_need
from ewaldite.diffuse.step_shards import worked_on
from ewaldite.diffuse.wedge_job import BRAGG_GRID
from ewaldite.io.atomic import write_text
from ewaldite.io.nexus import TableWriter, iterate, load, save
from ewaldite.model.experiment import FloatArray, IntArray
from ewaldite.run.memory import give_back


@dataclass(frozen=True)
class CombineWork:
    """Joins the observations of sweeps; plain data, which another process may be sent.

    Attributes
    ----------
    table:
        File that the step ``export`` wrote.
    rows:
        Where those of each sweep begin, and where the last end.
    phi:
        Spindle angle at the frames of each sweep; dims (frame), degrees.
    span:
        As of :func:`~ewaldite.diffuse.combine.join_neighbours`.
    operators:
        Reindexing operators, by number of the sweep.
    """

    table: Path
    rows: tuple[int, ...]
    phi: tuple[FloatArray, ...]
    span: float
    operators: dict[int, IntArray] = field(default_factory=dict)

    def __call__(self, sweep: int) -> Observations:
        """Observations of a sweep, those joined that belong together; dims (voxel)."""
        found = load(self.table, rows=(self.rows[sweep], self.rows[sweep + 1]))
        table, phi = Observations.from_scipp(found), self.phi[sweep]
        del found
        at = np.interp(table.iz, np.arange(len(phi)), phi)
        return reindexed(join_neighbours(table, at, self.span), self.operators)


def combine_tables(context: Context) -> None:
    """Step ``combine``: one table of all sweeps, in one setting, and the Bragg table.

    Parts of a voxel or a reflection that the border of two wedges cut are joined; sweeps in
    parallel, of which as many are in memory as there are workers.
    """
    options = context.options
    spots = load(context.work / "bragg.nxs")
    place = rotation_of(context, spots.coords["sweep"].values, spots.coords["iz"].values)
    bragg = join_reflections(spots, place, options.scale.bragg_within_degrees)
    _say_incomplete(context, bragg)
    rows = _rows_of_sweeps(context)
    work = CombineWork(
        context.work.absolute() / "observations.nxs",
        rows,
        tuple(entry.sweep.scan.phi for entry in context.entries),
        options.scale.merge_within_degrees,
    )
    work = replace(work, operators=_reindex(context, work, bragg))
    result = reindexed_bragg(bragg, work.operators)
    sample = context.sample(BRAGG_GRID)
    save(context.path("bragg.nxs"), result, context.provenance(), sample=sample)
    path, sample = context.path("observations.nxs"), context.sample(options.scale.grid)
    names = [sweep.name for sweep in options.sweep]
    with (
        worked_on(
            context,
            "combine",
            range(len(names)),
            work,
            combine_need(int(np.diff(rows).max()), len(bragg)),
            unit="sweeps",
            label=lambda sweep: f"the sweep '{names[sweep]}'",
        ) as tables,
        TableWriter(path, context.provenance(), sample=sample) as writer,
    ):
        for table in tables:
            writer.append(table.to_scipp())
            del table
            give_back()
    if writer.rows < rows[-1]:
        context.log.info("combine: %d observations joined to %d", rows[-1], writer.rows)
    context.log.info("combine: %d observations", writer.rows)


def _rows_of_sweeps(context: Context) -> tuple[int, ...]:
    """Where the rows of each sweep begin in the exported table, and where the last ends."""
    number = np.zeros(len(context.entries), dtype=np.int64)
    for block in iterate(context.work / "observations.nxs", columns=["sweep"]):
        number += np.bincount(block.coords["sweep"].values, minlength=len(number))
    return (0, *np.cumsum(number).tolist())


def _reindex(
    context: Context, observations: Callable[[int], Observations], bragg: sc.DataArray
) -> dict[int, NDArray[np.int64]]:
    """Bring all sweeps to one setting; returns the operators, also written to a file."""
    names = [sweep.name for sweep in context.options.sweep]
    decisions = resolve(
        observations,
        context.group,
        context.cells,
        given=context.given_operators,
        bragg=bragg,
        names=names,
    )
    for name, decision in zip(names, decisions, strict=True):
        chosen = len(decision.candidates) > 1 and len(names) > 1
        if chosen or decision.why == "given":
            context.log.info("reindex %s: %s", name, decision.text())
        check_grid(context.options.map.grid, decision.operator)
    written = {str(n): decision.name for n, decision in enumerate(decisions)}
    write_text(context.work / REINDEX, json.dumps(written, indent=1))
    return context.operators


def rotation_of(
    context: Context, sweep: NDArray[np.int32], iz: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Spindle angle at positions ``iz`` in the scans of sweeps; dims (voxel), degrees."""
    phi = np.empty(iz.size)
    for entry in context.entries:
        rows = sweep == entry.number
        scan = entry.sweep.scan
        phi[rows] = np.interp(iz[rows], np.arange(len(scan)), scan.phi)
    return phi


def _say_incomplete(context: Context, bragg: sc.DataArray) -> None:
    for name, mask in bragg.masks.items():
        count = int(mask.values.sum())
        if count:
            said = "Bragg table: %d of %d reflections are '%s'"
            context.log.info(said, count, len(mask), name)
