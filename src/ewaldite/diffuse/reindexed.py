"""Tables in another basis of the lattice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.crystal.reindex import IDENTITY, operator_name
from ewaldite.diffuse.observations import Observations
from ewaldite.errors import UserError
from ewaldite.model.grid import Grid

IntArray = NDArray[np.int64]


def check_grid(grid: Grid, matrix: IntArray) -> None:
    """Refuse an operator that does not map the voxels of a grid onto one another.

    Parameters
    ----------
    grid:
        The voxels.
    matrix:
        M; dims (3, 3), int64.

    Raises
    ------
    UserError
        It mixes axes that are cut differently, or, in split mode with even n, adds indices.
    """
    n = np.asarray(grid.n, dtype=np.int64)
    offset = np.zeros(3, dtype=np.int64) if grid.mode == "node" else 1 - n
    scaled = matrix * n[None, :]
    whole = not np.any(scaled % n[:, None])
    if whole and not np.any((offset @ (scaled // n[:, None]) - offset) % 2):
        return
    raise UserError(
        f"reindex by {operator_name(matrix)}",
        f"subdivide = {list(grid.n)} in {grid.mode} mode is not left invariant by it",
        "Give equal, odd numbers to axes that it mixes, or reindex before integration.",
    )


def reindexed(observations: Observations, operators: Mapping[int, IntArray]) -> Observations:
    """Reindex the voxels of some sweeps.

    Parameters
    ----------
    observations:
        A table or a block of one.
    operators:
        M by number of the sweep; sweeps that are not named stay as they are.

    Returns
    -------
    :
        The same rows; scattering vectors and positions, which are of the laboratory, stay.

    Raises
    ------
    UserError
        An operator does not map the grid onto itself.
    """
    grid, index = observations.grid, observations.index
    n = np.asarray(grid.n, dtype=np.int64)
    for sweep, matrix in operators.items():
        if np.array_equal(matrix, IDENTITY):
            continue
        check_grid(grid, matrix)
        rows = observations.sweep == sweep
        if not np.any(rows):
            continue
        scaled = matrix * n[None, :] // n[:, None]
        index = index.copy() if index is observations.index else index
        index[rows] = grid.from_numerator(grid.numerator(observations.index[rows]) @ scaled)
    return replace(observations, index=index)


def reindexed_bragg(table: sc.DataArray, operators: Mapping[int, IntArray]) -> sc.DataArray:
    """Reindex the reflections of some sweeps.

    Parameters
    ----------
    table:
        Coordinates ``h``, ``k``, ``l``, ``sweep``; dims (voxel).
    operators:
        M by number of the sweep.

    Returns
    -------
    :
        The same rows.
    """
    hkl = np.stack([table.coords[x].values for x in "hkl"], axis=1)
    sweep = table.coords["sweep"].values
    for number, matrix in operators.items():
        rows = sweep == number
        hkl[rows] = hkl[rows] @ matrix
    # -0.0 would be a surprise to readers of the file
    columns = {
        x: sc.array(dims=["voxel"], values=hkl[:, i] + 0.0, unit=table.coords[x].unit)
        for i, x in enumerate("hkl")
    }
    return table.assign_coords(columns)
