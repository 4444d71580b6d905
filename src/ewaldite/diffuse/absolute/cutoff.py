"""How far the sums of the absolute scale go, and in what steps."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.crystal.cell import orthogonalization
from ewaldite.diffuse.absolute.options import AbsoluteOptions
from ewaldite.diffuse.absolute.shells import Shells
from ewaldite.diffuse.absolute.totals import Rows
from ewaldite.errors import UserError
from ewaldite.model.grid import Grid

# Most shells to 1 1/Å; mdx-lib 1.2 has as many
_SHELLS = 500
# Voxels that the first shell must hold
_FIRST_SHELL = 8.0


def seen_to(grid: Grid, index: NDArray[np.int64], cell: ArrayLike) -> float:
    """How far voxels that the edge of the data may cut were surely seen.

    A voxel is in the table as soon as a part of it was seen: centres of the outermost lie up
    to half a diagonal beyond the last pixel, and the reflections in them, which no pixel
    could see, must not count as absent. Each voxel was seen at its nearest corner at least.

    Parameters
    ----------
    grid, index:
        The voxels; dims (voxel, 3), int64; at least one.
    cell:
        a, b, c, α, β, γ; Å and degrees.

    Returns
    -------
    :
        The largest |s| of a nearest corner, 1/Å.
    """
    basis = np.linalg.inv(orthogonalization(cell))
    nearest = np.full(len(index), np.inf)
    for signs in itertools.product((-0.5, 0.5), repeat=3):
        corner = (grid.centre(index) + np.array(signs) / np.array(grid.n)) @ basis
        nearest = np.minimum(nearest, np.linalg.norm(corner, axis=1))
    return float(nearest.max())


def choose_shells(
    options: AbsoluteOptions,
    diffuse: Rows,
    voxels_per_volume: float,
    s_limit: float | None = None,
) -> Shells:
    """Shells to the edge of the data, as narrow as mdx-lib's or as the voxels allow.

    Parameters
    ----------
    options:
        ``s_max`` and ``shells``.
    diffuse:
        Rows of the diffuse table.
    voxels_per_volume:
        Voxels in a unit of reciprocal space, Å³.
    s_limit:
        Edge of the data, 1/Å; None: the centre of the outermost row.

    Returns
    -------
    :
        The shells.
    """
    edge = (float(diffuse.s.max()) if s_limit is None else s_limit) * (1 + 1e-9)
    s_max = min(options.s_max or edge, edge)
    if options.shells is not None:
        # the number is that up to s_max, whether or not the data go so far
        s_max = options.s_max or edge
        return Shells.of(s_max, options.shells)
    first = max((_FIRST_SHELL * 3 / (4 * np.pi * voxels_per_volume)) ** (1 / 3), _SHELLS**-0.5)
    return Shells.of(s_max, max(round((s_max / first) ** 2), 2))


def choose_cutoff(options: AbsoluteOptions, shells: Shells) -> tuple[int, tuple[str, ...]]:
    """Count the shells up to the cut-off, or to the edge of the data where that comes first.

    Parameters
    ----------
    options:
        ``s_cutoff``.
    shells:
        The shells.

    Returns
    -------
    :
        Number of shells; what is to be said of it.

    Raises
    ------
    UserError
        The cut-off lies in the first shell.
    """
    edge = float(shells.edges[-1])
    if options.s_cutoff > edge * (1 + 1e-9):
        note = (
            f"The data end at {edge:.3g} 1/Å, before [absolute] s_cutoff = "
            f"{options.s_cutoff:g}: the scale was read there and is further from the truth."
        )
        return len(shells.edges) - 1, (note,)
    number = shells.within(options.s_cutoff)
    if number < 1:
        raise UserError(
            "find the absolute scale",
            f"[absolute] s_cutoff = {options.s_cutoff:g} 1/Å lies in the first shell, which "
            f"ends at {shells.edges[1]:.3g}",
            "Raise s_cutoff or shells.",
        )
    return number, ()
