"""Steps from the sums of wedges to the tables of observations and Bragg reflections."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.diffuse.bragg import join_reflections
from ewaldite.diffuse.combine import join_neighbours
from ewaldite.diffuse.context import REINDEX, Context
from ewaldite.diffuse.observations import Observations
from ewaldite.diffuse.reindexed import check_grid, reindexed, reindexed_bragg
from ewaldite.diffuse.reindexing import resolve
from ewaldite.diffuse.wedge_job import BRAGG_GRID
from ewaldite.io.atomic import write_text
from ewaldite.io.nexus import TableWriter, iterate, load, save
from ewaldite.run.memory import give_back


def combine_tables(context: Context) -> None:
    """Step ``combine``: one table of all sweeps, in one setting, and the Bragg table.

    Parts of a voxel or a reflection that the border of two wedges cut are joined. The
    observations of one sweep are in memory at a time.
    """
    options = context.options
    spots = load(context.work / "bragg.nxs")
    place = rotation_of(context, spots.coords["sweep"].values, spots.coords["iz"].values)
    bragg = join_reflections(spots, place, options.scale.bragg_within_degrees)
    _say_incomplete(context, bragg)
    rows = _rows_of_sweeps(context)

    def joined(sweep: int) -> Observations:
        found = load(context.work / "observations.nxs", rows=(rows[sweep], rows[sweep + 1]))
        table = Observations.from_scipp(found)
        phi = rotation_of(context, table.sweep, table.iz)
        return join_neighbours(table, phi, options.scale.merge_within_degrees)

    operators = _reindex(context, joined, bragg)
    result = reindexed_bragg(bragg, operators)
    sample = context.sample(BRAGG_GRID)
    save(context.path("bragg.nxs"), result, context.provenance(), sample=sample)
    path, sample = context.path("observations.nxs"), context.sample(options.scale.grid)
    with TableWriter(path, context.provenance(), sample=sample) as writer:
        for sweep in range(len(context.entries)):
            writer.append(reindexed(joined(sweep), operators).to_scipp())
            give_back()
    if writer.rows < rows[-1]:
        context.log.info("combine: %d observations joined to %d", rows[-1], writer.rows)
    context.log.info("combine: %d observations", writer.rows)


def _rows_of_sweeps(context: Context) -> list[int]:
    """Where the rows of each sweep begin in the exported table, and where the last ends."""
    number = np.zeros(len(context.entries), dtype=np.int64)
    for block in iterate(context.work / "observations.nxs", columns=["sweep"]):
        number += np.bincount(block.coords["sweep"].values, minlength=len(number))
    return [0, *np.cumsum(number).tolist()]


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
        if len(decision.candidates) > 1 or decision.why == "given":
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
        context.log.info("Bragg table: %d of %d reflections are '%s'", count, len(mask), name)
