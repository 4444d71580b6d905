"""The crystal and the grid that a stored result belongs to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import h5py
import numpy as np
from numpy.typing import NDArray

from ewaldite.io.nexus.layout import new_group, text
from ewaldite.model.grid import Grid

Cell = tuple[float, float, float, float, float, float]


@dataclass(frozen=True)
class Sample:
    """What a result needs to be read as a crystal's: cell, symmetry, orientation, grid.

    Attributes
    ----------
    cell:
        a, b, c in Å and alpha, beta, gamma in degrees: the average cell that hkl refer to.
    space_group:
        Hermann–Mauguin symbol.
    grid:
        The voxel grid, None for a table that has none (Bragg reflections).
    axes:
        For every sweep by name the mean real-space axes **as columns**, in the laboratory at
        phi = 0; dims (xyz, abc), Å, float64.
    """

    cell: Cell | None = None
    space_group: str | None = None
    grid: Grid | None = None
    axes: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sample):
            return NotImplemented
        same = (self.cell, self.space_group, self.grid) == (
            other.cell,
            other.space_group,
            other.grid,
        )
        return (
            same
            and self.axes.keys() == other.axes.keys()
            and all(np.array_equal(self.axes[name], other.axes[name]) for name in self.axes)
        )

    __hash__ = None  # type: ignore[assignment]


def write_sample(entry: h5py.Group, sample: Sample) -> None:
    """Write an NXsample, the grid in an NXcollection of its own inside it."""
    group = new_group(entry, "sample", "NXsample")
    if sample.cell is not None:
        group["unit_cell"] = np.asarray(sample.cell, dtype=np.float64)
        group["unit_cell_abc"] = np.asarray(sample.cell[:3], dtype=np.float64)
        group["unit_cell_abc"].attrs["units"] = "angstrom"
        group["unit_cell_alphabetagamma"] = np.asarray(sample.cell[3:], dtype=np.float64)
        group["unit_cell_alphabetagamma"].attrs["units"] = "deg"
    if sample.space_group is not None:
        group["space_group"] = sample.space_group
    if sample.grid is not None:
        grid = new_group(group, "grid", "NXcollection")
        grid["n"] = np.asarray(sample.grid.n, dtype=np.int64)
        grid["mode"] = sample.grid.mode
    group["sweeps"] = json.dumps(list(sample.axes))
    for number, axes in enumerate(sample.axes.values()):
        name = f"axes_{number}"
        group[name] = np.asarray(axes, dtype=np.float64).reshape(3, 3)
        group[name].attrs["units"] = "angstrom"


def read_sample(entry: h5py.Group) -> Sample:
    """Invert :func:`write_sample`; an entry without a sample gives an empty one.

    Raises
    ------
    KeyError, ValueError
        If the group is not as it was written.
    """
    if "sample" not in entry:
        return Sample()
    group = entry["sample"]
    cell: Cell | None = None
    if "unit_cell" in group:
        a, b, c, alpha, beta, gamma = (float(x) for x in group["unit_cell"][()])
        cell = (a, b, c, alpha, beta, gamma)
    grid = None
    if "grid" in group:
        nh, nk, nl = (int(x) for x in group["grid/n"][()])
        mode = text(group["grid/mode"])
        if mode not in ("node", "split"):
            raise ValueError(f"unknown grid mode {mode!r}")
        grid = Grid((nh, nk, nl), "split" if mode == "split" else "node")
    names = json.loads(text(group["sweeps"]))
    return Sample(
        cell=cell,
        space_group=text(group["space_group"]) if "space_group" in group else None,
        grid=grid,
        axes={name: group[f"axes_{number}"][()] for number, name in enumerate(names)},
    )
