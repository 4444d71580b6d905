"""Step ``export``: observations and Bragg reflections of every wedge, as tables on disk."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from ewaldite.diffuse.bragg import bragg_table
from ewaldite.diffuse.collect import Collected, CollectedWedge
from ewaldite.diffuse.collect_step import (
    BRAGG,
    MAP,
    SCALE,
    collected_store,
    grids,
    integrate_wedges,
)
from ewaldite.diffuse.context import Context
from ewaldite.diffuse.export import observations_of
from ewaldite.diffuse.image_steps import kept_shards, wedge_store
from ewaldite.diffuse.observations import Observations
from ewaldite.diffuse.step_needs import export_need
from ewaldite.diffuse.step_shards import again_if_lost, kept_of, wedge_label, worked_on
from ewaldite.diffuse.sweep_input import cell_of
from ewaldite.diffuse.wedge_store import Shard
from ewaldite.io.nexus import TableWriter
from ewaldite.model.experiment import Panel
from ewaldite.model.grid import Grid
from ewaldite.run.checkpoint import ShardStore

_FILES = {SCALE: "observations", MAP: "map_observations", BRAGG: "bragg"}


@dataclass(frozen=True)
class ExportedWedge:
    """What a wedge adds to the tables; plain data.

    Attributes
    ----------
    observations:
        By the name of the grid.
    spots:
        Sums on the grid of Bragg reflections.
    """

    observations: dict[str, Observations]
    spots: Collected


@dataclass(frozen=True)
class ExportWork:
    """Makes observations of wedges; plain data, which another process may be sent.

    Attributes
    ----------
    grids:
        Of the observations, by name.
    collected:
        What the step ``integrate`` kept.
    panels:
        Of each sweep; how they lie on the image is the same in all its wedges.
    volumes:
        Mean volume of the unit cell in each wedge, Å³.
    minimum_pixels:
        As of :func:`~ewaldite.diffuse.export.observations_of`.
    """

    grids: dict[str, Grid]
    collected: ShardStore[Shard, CollectedWedge]
    panels: tuple[tuple[Panel, ...], ...]
    volumes: dict[Shard, float]
    minimum_pixels: int

    def __call__(self, shard: Shard) -> ExportedWedge:
        """Make the observations of a wedge."""
        collected = kept_of(self.collected, shard).grids
        made = {
            name: observations_of(
                collected.pop(name).included,
                grid,
                cell_volume=self.volumes[shard],
                panels=self.panels[shard.sweep],
                wedge=shard.wedge,
                sweep=shard.sweep,
                minimum_pixels=self.minimum_pixels,
            )
            for name, grid in self.grids.items()
        }
        return ExportedWedge(made, collected[BRAGG])


def export_tables(context: Context) -> None:
    """Step ``export``: the tables of every wedge, made in parallel and written in order."""
    again_if_lost(
        lambda: _export(context, kept_shards(context)), lambda: integrate_wedges(context)
    )


def _export(context: Context, shards: Sequence[Shard]) -> None:
    store = collected_store(context, shards, wedge_store(context))
    work = ExportWork(
        {name: grids(context)[name] for name in (SCALE, MAP)},
        store,
        tuple(tuple(entry.sweep.wedges[0].panels) for entry in context.entries),
        {shard: _volume(context, shard) for shard in shards},
        context.options.scale.minimum_pixels,
    )
    with (
        ExitStack() as stack,
        worked_on(
            context,
            "export",
            shards,
            work,
            export_need(max(map(store.size, shards))),
            unit="wedges",
            label=wedge_label(context),
        ) as results,
    ):
        writers = {name: stack.enter_context(_writer(context, name)) for name in _FILES}
        for shard, wedge in zip(shards, results, strict=True):
            for name, table in wedge.observations.items():
                writers[name].append(table.to_scipp())
            writers[BRAGG].append(
                bragg_table(
                    wedge.spots.excluded,
                    wedge.spots.included,
                    cell_volume=work.volumes[shard],
                    wedge=shard.wedge,
                    sweep=shard.sweep,
                )
            )
            del wedge  # before the next one is waited for


def _writer(context: Context, name: str) -> TableWriter:
    return TableWriter(
        context.work / f"{_FILES[name]}.nxs",
        context.provenance(),
        sample=context.sample(grids(context)[name], reindexed=False),
    )


def _volume(context: Context, shard: Shard) -> float:
    _, volume = cell_of(context.entries[shard.sweep].sweep.wedges[shard.wedge])
    return volume
