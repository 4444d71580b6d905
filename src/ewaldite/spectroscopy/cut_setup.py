"""What the shards of a cut share: its grid, the pixels, and the steps with their flux."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ewaldite.crystal.symmetry import SpaceGroup, space_group
from ewaldite.errors import UserError
from ewaldite.model.experiment import IntArray
from ewaldite.spectroscopy.backend import Backend
from ewaldite.spectroscopy.backend_file import Efficiency
from ewaldite.spectroscopy.coverage_work import CoverageWork
from ewaldite.spectroscopy.cut import Cut
from ewaldite.spectroscopy.cut_events import EventSums
from ewaldite.spectroscopy.cut_grid import CutGrid, cut_grid
from ewaldite.spectroscopy.exposure import Exposure, join
from ewaldite.spectroscopy.options import SpectroscopyOptions
from ewaldite.spectroscopy.pixels import Pixels, pixels
from ewaldite.spectroscopy.run_input import RunInput
from ewaldite.spectroscopy.steps import Steps

# Neither lattice nor translations
_POINT_GROUP = re.compile(r"[-/m12346 ]*[m12346][-/m12346 ]*")


@dataclass(frozen=True)
class CutSetup:
    """A cut with the pixels and steps of all runs; plain data.

    Attributes
    ----------
    grid:
        Of the cut.
    pixel:
        The pixels with N_b.
    exposed:
        Steps of all runs with their flux.
    steps:
        Times and angles of the steps, run by run.
    unit:
        Of N_b.
    notes:
        What a user should know.
    """

    grid: CutGrid
    pixel: Pixels
    exposed: Exposure
    steps: tuple[Steps, ...]
    unit: str
    notes: tuple[str, ...]

    @property
    def first(self) -> tuple[int, ...]:
        """Number of the first step of each run among all."""
        sizes = np.cumsum([0, *(len(s) for s in self.steps)])
        return tuple(int(n) for n in sizes[:-1])

    @cached_property
    def events(self) -> EventSums:
        """What sums events, one for all shards."""
        return EventSums(self.grid, self.pixel, self.exposed)

    @cached_property
    def coverage(self) -> CoverageWork:
        """What sums the coverage, in parts."""
        return CoverageWork(self.grid, self.pixel, self.exposed)

    @property
    def moving(self) -> bool:
        """Whether an angle changes within a step."""
        return any(s.moving for s in self.steps)

    def with_notes(self, notes: Sequence[str]) -> CutSetup:
        """Copy with notes before its own."""
        return dataclasses.replace(self, notes=tuple(dict.fromkeys([*notes, *self.notes])))

    def save(self, path: Path) -> None:
        """Write it to an NPZ file."""
        header = {
            "cut": self.grid.cut.model_dump(mode="json"),
            "unit": self.unit,
            "notes": self.notes,
            "moving": [s.moving for s in self.steps],
        }
        arrays: dict[str, Any] = {"header": np.array(json.dumps(header))}
        for name, part in _parts(self).items():
            for field, value in part.items():
                arrays[f"{name}/{field}"] = value
        with path.open("wb") as stream:
            np.savez(stream, **arrays)


def _parts(setup: CutSetup) -> dict[str, dict[str, Any]]:
    parts: dict[str, Any] = {"pixel": setup.pixel, "exposed": setup.exposed, "grid": setup.grid}
    parts |= {f"steps {n}": steps for n, steps in enumerate(setup.steps)}
    return {
        name: {
            f.name: value
            for f in dataclasses.fields(part)
            if isinstance(value := getattr(part, f.name), np.ndarray)
        }
        for name, part in parts.items()
    }


def load_setup(path: Path) -> CutSetup:
    """Read what :meth:`CutSetup.save` wrote; once in a process for the same file."""
    seen = path.stat()
    return _load(path, seen.st_mtime_ns, seen.st_size)


@lru_cache(maxsize=2)
def _load(path: Path, time: int, size: int) -> CutSetup:
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as content:
        header = json.loads(str(content["header"][()]))
        parts: dict[str, dict[str, Any]] = {}
        for key in content.files:
            name, slash, field = key.partition("/")
            if slash:
                parts.setdefault(name, {})[field] = content[key]
    steps = [
        Steps(**parts[f"steps {n}"], moving=moving) for n, moving in enumerate(header["moving"])
    ]
    return CutSetup(
        grid=CutGrid(Cut.model_validate(header["cut"]), **parts["grid"]),
        pixel=Pixels(**parts["pixel"]),
        exposed=Exposure(**parts["exposed"]),
        steps=tuple(steps),
        unit=header["unit"],
        notes=tuple(header["notes"]),
    )


def set_up_cut(
    cut: Cut,
    options: SpectroscopyOptions,
    runs: Sequence[RunInput],
    efficiency: Efficiency | None,
) -> CutSetup:
    """Prepare a cut.

    Parameters
    ----------
    cut:
        The cut.
    options:
        The configuration.
    runs:
        The runs, opened.
    efficiency:
        Of the pixels; None takes them as equal.

    Raises
    ------
    UserError
        If the detectors of the runs differ, or no pixel, energy or step is left.
    """
    sample = runs[0].converter.sample
    operations = operations_of(cut, options)
    grid = cut_grid(cut, None if sample is None else sample.to_hkl, operations)
    pixel, unit, notes = _pixels(runs, efficiency)
    parts, steps = zip(*(run.expose(grid) for run in runs), strict=True)
    for run in runs:
        notes += [f"{run.raw.path.name}: {note}" for note in run.raw.notes]
    return CutSetup(grid, pixel, join(parts), steps, unit, tuple(dict.fromkeys(notes)))


def operations_of(cut: Cut, options: SpectroscopyOptions) -> IntArray | None:
    """Rotations that fold a cut, dims (operation, 3, 3); None for none."""
    group = cut.fold or options.normalise.point_group
    return None if group is None else group_of(group).point_operations


def group_of(name: str) -> SpaceGroup:
    """Group that folds a cut.

    Parameters
    ----------
    name:
        Number or symbol of a space group, or symbol of a point group, as ``"4/mmm"``, which is
        that of the primitive lattice.

    Raises
    ------
    UserError
        If it is not known.
    """
    try:
        return space_group(name)
    except UserError:
        if not _POINT_GROUP.fullmatch(name):
            raise
    try:
        return space_group(f"P {name.strip()}")
    except UserError:
        return space_group(name)


def _pixels(
    runs: Sequence[RunInput], efficiency: Efficiency | None
) -> tuple[Pixels, str, list[str]]:
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
        keep = keep & run.keep
    notes = ["no vanadium: N_b is 1, arcs are not comparable"]
    backend = Backend.ones(one.detector_number)
    if efficiency is not None:
        backend = efficiency.backend
        notes = list(efficiency.check(one, runs[0].raw.path.name))
    if not np.any(keep):
        raise UserError(
            f"reduce {runs[0].raw.path.name}",
            "the masks leave no pixel",
            "Loosen tube_ends, dead, pixels or file of [mask].",
        )
    of_run = backend.of(one.detector_number, keep)
    return pixels(one.direction, one.k_f, one.final_energy, of_run), backend.unit, notes
