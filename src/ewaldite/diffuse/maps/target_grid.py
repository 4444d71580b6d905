"""Whether the voxels of a grid lie where supercells and fractions of cells want them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.crystal.map_axes import RECIPROCAL
from ewaldite.errors import UserError
from ewaldite.model.grid import Grid

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Of a cell: how far a fraction with few digits, as 0.3333, may be from a voxel
_NEAR = 1e-3


def supercell_matrix(supercell: ArrayLike) -> IntArray:
    """Matrix of a supercell, ``a'ᵢ = Σⱼ Mᵢⱼ aⱼ``.

    Parameters
    ----------
    supercell:
        Three factors of a, b, c, or the rows of M; dims (3) or (3, 3), whole numbers.

    Returns
    -------
    :
        dims (3, 3), int64.

    Raises
    ------
    UserError
        If it is neither, or the new axes span no right-handed cell.
    """
    given = np.asarray(supercell)
    asked = f"use the supercell {given.tolist()}"
    if given.shape not in ((3,), (3, 3)) or not np.array_equal(given, np.rint(given)):
        raise UserError(
            asked,
            "it is neither three whole numbers nor three rows of three",
            "Write it as in [2, 2, 1] or [[1, 1, 0], [-1, 1, 0], [0, 0, 1]].",
        )
    matrix = np.rint(given).astype(np.int64)
    matrix = np.diag(matrix) if given.shape == (3,) else matrix
    if round(np.linalg.det(matrix)) < 1:
        raise UserError(
            asked,
            f"its determinant is {round(np.linalg.det(matrix))}",
            "Choose axes that span a right-handed cell.",
        )
    return matrix


def check_nodes(grid: Grid, supercell: ArrayLike) -> None:
    """See that a grid has a voxel at every node of a supercell.

    Raises
    ------
    UserError
        If it has not.
    """
    matrix = supercell_matrix(supercell)
    determinant, adjugate = inverse_of(matrix)
    n = np.asarray(grid.n, dtype=np.int64)
    cornered = np.any(grid.numerator(np.zeros(3, dtype=np.int64)) % 2)
    if cornered or np.any(n[:, None] * adjugate % determinant):
        rows = [[Fraction(int(x), determinant).denominator for x in row] for row in adjugate]
        least = [int(np.lcm.reduce(row)) for row in rows]
        raise UserError(
            f"take the nodes of the supercell {matrix.tolist()} from the map",
            f"subdivide = {list(grid.n)} in {grid.mode} mode has no voxel at some of them",
            f"Make the map with subdivide = {least} or multiples of it, mode = 'node'.",
        )


def check_fraction(grid: Grid, fraction: ArrayLike) -> None:
    """See that a grid has a voxel at a fraction of every cell.

    Raises
    ------
    UserError
        If it has not.
    """
    wanted = triple_of(fraction)
    parts = np.arange(max(grid.n))
    for axis, name in enumerate(RECIPROCAL):
        places = grid.centre(np.stack([parts] * 3, axis=-1))[: grid.n[axis], axis]
        rows_at(wanted, name, places, axis)


def inverse_of(matrix: IntArray) -> tuple[int, IntArray]:
    """Determinant and adjugate."""
    determinant = round(np.linalg.det(matrix))
    return determinant, np.rint(np.linalg.inv(matrix) * determinant).astype(np.int64)


def triple_of(fraction: ArrayLike) -> FloatArray:
    """Fraction of a cell; dims (3), r.l.u.

    Raises
    ------
    UserError
        If it is none.
    """
    wanted = np.asarray(fraction, dtype=np.float64)
    if wanted.shape != (3,) or not np.all(np.isfinite(wanted)):
        raise UserError(
            f"take the fraction {wanted.tolist()} of every cell",
            "it is no triple of numbers",
            "Write it as in [0.5, 0.5, 0].",
        )
    return wanted


def rows_at(wanted: FloatArray, name: str, centre: FloatArray, axis: int) -> IntArray:
    """Rows of voxels at a fraction of their cells; at least one.

    Raises
    ------
    UserError
        If there is none.
    """
    away = centre - wanted[axis]
    rows = np.flatnonzero(np.abs(away - np.rint(away)) < _NEAR)
    if rows.size == 0:
        has = sorted({round(float(x), 4) for x in centre % 1.0} - {1.0})
        raise UserError(
            f"take the fraction {wanted.tolist()} of every cell",
            f"along {name} the map has voxels at {has} of a cell",
            "Choose one of them, or make the map with another subdivide.",
        )
    return rows
