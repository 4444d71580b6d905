"""The one grid that bins events and coverage of a cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.errors import UserError
from ewaldite.kernels import cut_rows as column
from ewaldite.kernels.cut_tables import BinTable
from ewaldite.spectroscopy import cut as quantity
from ewaldite.spectroscopy.cut import Cut, coefficients

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_ROUNDING = 1e-12


@dataclass(frozen=True)
class CutGrid:
    """Bins of a cut for a given crystal.

    A row is a range that is integrated over, or an axis; rows that decide most come first. A
    coefficient below 1e-12 of what it is the sum of is rounding and becomes 0: out of the
    scattering plane Q is exactly 0, and so must be its image, or an edge at 0 would
    split events and coverage at random.

    Attributes
    ----------
    cut:
        The cut.
    table:
        Rows as linear forms in Q on the sample table, for each symmetry operation;
        dims (operation, row, xyz), r.l.u. Å (or as the axis), float64.
    rows:
        Lower end, one over the width, coefficient of ΔE, of |Q|; dims (row, column), float64.
    number, stride:
        Bins, and distance of neighbours in the flat grid; dims (row), int64.
    """

    cut: Cut
    table: FloatArray
    rows: FloatArray
    number: IntArray
    stride: IntArray

    @property
    def bins(self) -> BinTable:
        """What kernels take of it."""
        return BinTable(self.rows, self.number, self.stride)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of bins along each axis."""
        return self.cut.shape

    @property
    def size(self) -> int:
        """Number of bins."""
        return int(np.prod(self.shape))

    def narrowest(self, row: int) -> float:
        """Width of the bins of a row, in its own unit."""
        return float(1.0 / self.rows[row, column.INVERSE])

    @property
    def energy_step(self) -> float:
        """Narrowest bin in energy transfer, meV; infinite where no row has it."""
        of_energy = np.abs(self.rows[:, column.ENERGY])
        some = of_energy > 0
        widths = 1.0 / (self.rows[some, column.INVERSE] * of_energy[some])
        return float(widths.min(initial=np.inf))


def cut_grid(
    cut: Cut, hkl_matrix: ArrayLike | None = None, operations: ArrayLike | None = None
) -> CutGrid:
    """Make the grid of a cut.

    Parameters
    ----------
    cut:
        The cut.
    hkl_matrix:
        ``(U B)⁻¹ / 2π``: hkl as column = matrix · Q_table; dims (hkl, xyz), Å, float64. Not
        needed where the cut has no h, k, l.
    operations:
        Rotation parts M of a point group, identity first, ``hkl' = hkl · M``; dims
        (operation, 3, 3). An operation that sends the scattering plane onto the same
        coordinates as an earlier one is left out.

    Returns
    -------
    :
        The grid.

    Raises
    ------
    UserError
        If the cut needs a crystal and there is none.
    """
    names = [*cut.integrate, *cut.axes]
    given = np.array([coefficients(name) for name in names], dtype=np.float64)
    of_hkl = given[:, quantity.H : quantity.L + 1]
    if hkl_matrix is None and np.any(of_hkl):
        raise UserError(
            f"make the cut '{cut.name}'",
            "it has h, k or l, and there is no crystal",
            "Give [sample] cell, u and v, or cut along Q and energy_transfer.",
        )
    matrix = np.zeros((3, 3)) if hkl_matrix is None else np.asarray(hkl_matrix, np.float64)
    images = np.eye(3)[None] if operations is None else np.asarray(operations, np.float64)
    table = np.stack([_snapped(of_hkl @ m.T, matrix) for m in images])
    bins = [(*cut.integrate[n], np.nan) for n in cut.integrate]
    bins += [cut.bins[n] for n in cut.axes]
    low, high, _ = np.array(bins, dtype=np.float64).T
    number = np.ones(len(names), np.int64)
    number[len(cut.integrate) :] = cut.shape
    stride = np.zeros(len(names), np.int64)
    stride[len(cut.integrate) :] = [
        int(np.prod(cut.shape[i + 1 :])) for i in range(len(cut.shape))
    ]
    rows = np.empty((len(names), column.ROW_COLUMNS))
    rows[:, column.LOW] = low
    rows[:, column.INVERSE] = number / (high - low)
    rows[:, column.ENERGY] = given[:, quantity.ENERGY]
    rows[:, column.LENGTH] = given[:, quantity.LENGTH]
    return CutGrid(cut, _distinct(table), rows, number, stride)


def _snapped(of_hkl: FloatArray, matrix: FloatArray) -> FloatArray:
    product = of_hkl @ matrix
    size = np.abs(of_hkl) @ np.abs(matrix)
    scale = size.max(axis=1, keepdims=True, initial=0.0)
    return np.asarray(np.where(np.abs(product) <= _ROUNDING * scale, 0.0, product))


def _distinct(table: FloatArray) -> FloatArray:
    """Operations that differ in the scattering plane (x, z of the sample table)."""
    kept: list[FloatArray] = []
    scale = float(np.abs(table).max(initial=0.0))
    for image in table:
        plane = image[:, [0, 2]]
        near = [np.abs(plane - k[:, [0, 2]]).max(initial=0.0) for k in kept]
        if min(near, default=np.inf) > 1e-9 * scale or not kept:
            kept.append(image)
    return np.stack(kept)
