"""What all steps of a diffuse run share: options, opened sweeps, crystal, places of files."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ewaldite.crystal.cell import cell_from_axes, orthogonalization
from ewaldite.crystal.reindex import IDENTITY, parse_operator, reindexed_axes, reindexed_cell
from ewaldite.crystal.symmetry import (
    SpaceGroup,
    check_cell,
    check_subdivision,
    space_group,
    symmetrized_cell,
)
from ewaldite.diffuse.options import DiffuseOptions
from ewaldite.diffuse.reindexing import likest_cells
from ewaldite.diffuse.sweep_input import SweepInput, open_sweep
from ewaldite.diffuse.wedge_job import BRAGG_GRID
from ewaldite.errors import UserError
from ewaldite.io.nexus import Sample, load
from ewaldite.model.experiment import FloatArray, IntArray
from ewaldite.model.grid import Grid
from ewaldite.model.partition import Partition
from ewaldite.model.provenance import Provenance
from ewaldite.run.executor import Executor
from ewaldite.run.plan import Plan
from ewaldite.run.progress import Progress, SilentProgress

#: File in which the step ``combine`` says how it reindexed the sweeps.
REINDEX = "reindex.json"
#: File in which the step ``filter`` says which wedges it left out.
LEFT_OUT = "left_out.json"


@dataclass(frozen=True)
class Context:
    """A diffuse run.

    Attributes
    ----------
    options:
        The configuration.
    base:
        Folder to which its paths refer.
    command:
        Command line, for the provenance.
    options_text:
        The full options as TOML.
    log:
        Where the run says what it does.
    progress:
        Who is told how far it is.
    planned:
        What was told of steps before the first one started, by name.
    """

    options: DiffuseOptions
    base: Path
    command: str = ""
    options_text: str = ""
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("ewaldite"))
    progress: Progress = field(default_factory=SilentProgress)
    planned: dict[str, Plan] = field(default_factory=dict)

    @property
    def out(self) -> Path:
        """Folder of the results."""
        return self.base / self.options.output.directory

    @property
    def work(self) -> Path:
        """Folder of what steps hand to one another."""
        return self.out / "work"

    def path(self, name: str) -> Path:
        """Path of a result."""
        return self.out / name

    @cached_property
    def executor(self) -> Executor:
        """Where shards are reduced; whoever runs the steps closes it."""
        return Executor.of(self.options.run)

    @cached_property
    def entries(self) -> tuple[SweepInput, ...]:
        """The sweeps, opened and checked."""
        numbers = range(len(self.options.sweep))
        return tuple(open_sweep(self.options, number, self.base) for number in numbers)

    @property
    def count_types(self) -> set[str]:
        """Types of the counts of its images, as read and as counted."""
        found = {entry.images.dtype.name for entry in self.entries}
        # drawn apart they have a type of their own
        return found | ({"int64"} if self.options.integrate.oversample > 1 else set())

    @cached_property
    def partition(self) -> Partition:
        """Common refinement of the grids of filter, observations, Bragg table and map."""
        options = self.options
        grids = (options.filter.grid, options.scale.grid, options.map.grid, BRAGG_GRID)
        return Partition.of(*dict.fromkeys(grids))

    @cached_property
    def group(self) -> SpaceGroup:
        """Space group: the option, else the geometry."""
        name, source = self.options.crystal.space_group, "[crystal] space_group"
        if name is None:
            said = {e.sweep.space_group for e in self.entries if e.sweep.space_group}
            # A number and a symbol may mean the same
            named = {space_group(one, cell=self.reference_cell).name for one in said}
            if len(named) != 1:
                found = "no geometry says it" if not named else f"they say {sorted(named)}"
                raise UserError("find the space group", found, "Give [crystal] space_group.")
            name, source = named.pop(), "the space group of the geometry"
        try:
            group = space_group(name, cell=self.reference_cell)
            check_cell(self.reference_cell, group)
        except UserError as error:
            raise UserError(f"use {source} = '{name}'", error.found, error.remedy) from error
        for grid in (self.options.scale.grid, self.options.map.grid):
            check_subdivision(grid, group)
        return group

    @cached_property
    def cells(self) -> FloatArray:
        """Mean cell of each sweep as it was indexed; dims (sweep, 6), Å and degrees."""
        return np.array(
            [
                np.mean([cell_from_axes(w.mean_axes) for w in e.sweep.wedges], axis=0)
                for e in self.entries
            ]
        )

    @cached_property
    def given_operators(self) -> dict[int, IntArray]:
        """Reindexing operators that the options say, by number of the sweep."""
        words = {n: sweep.reindex for n, sweep in enumerate(self.options.sweep)}
        return {
            n: IDENTITY if text == "none" else parse_operator(text)
            for n, text in words.items()
            if text != "auto"
        }

    @cached_property
    def reference_cell(self) -> FloatArray:
        """Cell to which the others must be alike; dims (6), Å and degrees."""
        first = min(self.given_operators, default=0)
        return reindexed_cell(self.cells[first], self.given_operators.get(first, IDENTITY))

    @property
    def operators(self) -> dict[int, IntArray]:
        """Operators that the step ``combine`` reindexed sweeps with; none before it."""
        path = self.work / REINDEX
        found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        operators = {int(n): parse_operator(text) for n, text in found.items()}
        return {n: m for n, m in operators.items() if not np.array_equal(m, IDENTITY)}

    @cached_property
    def cell(self) -> FloatArray:
        """Mean cell, made to obey the symmetry; dims (6), Å and degrees.

        Every sweep takes part in the basis in which its cell is most like the reference.
        """
        names = [sweep.name for sweep in self.options.sweep]
        alike = likest_cells(
            self.group, self.cells, self.reference_cell, self.given_operators, names
        )
        return symmetrized_cell(alike.mean(axis=0), self.group)

    @cached_property
    def wavelength(self) -> float:
        """Mean wavelength of the sweeps, Å."""
        return float(np.mean([e.sweep.wedges[0].beam.wavelength for e in self.entries]))

    @cached_property
    def metric(self) -> FloatArray:
        """Reciprocal metric tensor; dims (3, 3), 1/Å²."""
        reciprocal = np.linalg.inv(orthogonalization(self.cell))
        return np.asarray(reciprocal @ reciprocal.T)

    @cached_property
    def d_min(self) -> float:
        """Resolution of the map: the option, else the edge of the detector; Å."""
        if self.options.map.d_min is not None:
            return self.options.map.d_min
        largest = 0.0
        for entry in self.entries:
            s = entry.features(entry.sweep.wedges[0]).resolution()
            largest = max(largest, float(np.nanmax(s[self.good(entry.number)])))
        return 1.0 / largest

    def good(self, number: int) -> NDArray[np.bool_]:
        """Pixels of a sweep that take part, by the file of the mask step; dims (slow, fast)."""
        return self.good_of(self.entries[number])

    def good_of(self, entry: SweepInput) -> NDArray[np.bool_]:
        """Pixels that take part of a sweep that was opened elsewhere; dims (slow, fast)."""
        masks = load(self.path("masks.nxs"), item=entry.options.name)
        good = np.ones(entry.sweep.image_shape, dtype=bool)
        for mask in masks.values():
            good &= ~mask.values
        return good

    def sample(self, grid: Grid | None = None, *, reindexed: bool = True) -> Sample:
        """Cell, symmetry and orientations as result files carry them.

        Parameters
        ----------
        grid:
            Of the table or map.
        reindexed:
            Whether the orientations are those after reindexing.
        """
        a, b, c, alpha, beta, gamma = (float(x) for x in self.cell)
        axes = {
            e.options.name: np.mean([w.mean_axes for w in e.sweep.wedges], axis=0)
            for e in self.entries
        }
        for number, operator in (self.operators if reindexed else {}).items():
            name = self.options.sweep[number].name
            axes[name] = reindexed_axes(axes[name], operator)
        return Sample(
            cell=(a, b, c, alpha, beta, gamma),
            space_group=self.group.name,
            grid=grid,
            axes=axes,
        )

    def left_out(self) -> list[str]:
        """What the pass over the images left out because it failed, one sentence a wedge."""
        path = self.work / LEFT_OUT
        if not path.is_file():
            return []
        found: list[str] = json.loads(path.read_text(encoding="utf-8"))
        return found

    def provenance(self, *notes: str) -> Provenance:
        """How the results came about."""
        inputs: dict[str, str] = {}
        tables: dict[str, str] = {}
        for entry in self.entries:
            name = entry.options.name
            inputs[f"images of {name}"] = entry.images.digest()
            if entry.background is not None:
                inputs[f"background of {name}"] = entry.background_digest
            tables |= {f"{key} of {name}": v for key, v in entry.resolved.sources.items()}
        merge = self.options.merge
        said = [note for entry in self.entries for note in entry.notes]
        return Provenance(
            command=self.command,
            options=self.options_text,
            inputs=inputs,
            tables=tables,
            seeds={
                "half sets": merge.seed,
                "oversampling": self.options.integrate.seed,
                "choice of terms": self.options.scale.seed,
            },
            notes=tuple(dict.fromkeys([*said, *self.left_out(), *notes])),
        )
