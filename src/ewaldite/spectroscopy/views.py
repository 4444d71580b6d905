"""How steps of the rotation see a cut."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.kernels.cut_rows import ENERGY, INVERSE, LENGTH, LOW
from ewaldite.kernels.cut_tables import BinTable, ViewTable
from ewaldite.spectroscopy.cut_grid import CutGrid

FloatArray = NDArray[np.float64]


def views(grid: CutGrid, a3: ArrayLike, a4: ArrayLike) -> ViewTable:
    """Turn the rows of a cut from the sample table into the laboratory and the tank.

    ``Q_table = R_y(-a3) Q_lab`` and ``k_f = R_y(a4) k_f(tank at 0)``; the beam is along z.

    Parameters
    ----------
    grid:
        Of the cut.
    a3, a4:
        Rotation of the sample with its offset, and tank angle; dims (step), degrees.

    Returns
    -------
    :
        The views, step by step.
    """
    sample = about_y(-np.deg2rad(np.asarray(a3, np.float64)))
    tank = about_y(np.deg2rad(np.asarray(a4, np.float64)))
    steps, images = sample.shape[0], grid.table.shape[0]
    in_lab = np.einsum("grx,sxy->sgry", grid.table, sample)
    in_tank = np.einsum("sgrx,sxy->sgry", in_lab, tank)
    rows = grid.table.shape[1]
    return ViewTable(
        first=np.arange(steps + 1, dtype=np.int64) * images,
        step=np.repeat(np.arange(steps, dtype=np.int64), images),
        ki=np.ascontiguousarray(in_lab[..., 2].reshape(-1, rows)),
        kf=np.ascontiguousarray(in_tank.reshape(-1, rows, 3)),
        beam=np.ascontiguousarray(np.repeat(tank[:, 2, :], images, axis=0)),
    )


def about_y(angle: ArrayLike) -> FloatArray:
    """Right-handed rotations about y; angle dims (...), rad; dims (..., row, column)."""
    t = np.asarray(angle, dtype=np.float64)
    zero, one = np.zeros_like(t), np.ones_like(t)
    c, s = np.cos(t), np.sin(t)
    flat = np.stack([c, zero, s, zero, one, zero, -s, zero, c], axis=-1)
    return flat.reshape(*t.shape, 3, 3)


def changing(grid: CutGrid, seen: ViewTable, k_f: FloatArray) -> tuple[ViewTable, BinTable]:
    """Leave out rows that are the same for all pixels, views and energies.

    Out of the scattering plane Q is exactly zero here. A row that asks for nothing else, as
    ``k = [-0.1, 0.1]`` does where b is upright, holds everything and decides nothing.

    Parameters
    ----------
    grid:
        Of the cut.
    seen:
        Its rows at every step.
    k_f:
        Final wavevectors; dims (pixel, xyz), 1/Å.

    Returns
    -------
    :
        The rows that are left, at least one, for the kernels.
    """
    rows = grid.rows
    upright = bool(np.all(k_f[:, 1] == 0.0))
    of_plane = np.any(seen.ki != 0.0, axis=0) | np.any(seen.kf[..., [0, 2]] != 0.0, axis=(0, 2))
    constant = ~of_plane & (rows[:, ENERGY] == 0.0) & (rows[:, LENGTH] == 0.0)
    constant &= upright | np.all(seen.kf[..., 1] == 0.0, axis=0)
    bin_ = np.floor((0.0 - rows[:, LOW]) * rows[:, INVERSE])
    inside = (bin_ >= 0) & (bin_ < grid.number)
    kept = np.flatnonzero(~(constant & inside & (bin_ * grid.stride == 0)))
    if not kept.size:
        kept = np.zeros(1, np.int64)
    ki, kf = (np.ascontiguousarray(part[:, kept]) for part in (seen.ki, seen.kf))
    bins = BinTable(rows[kept], grid.number[kept], grid.stride[kept])
    return seen._replace(ki=ki, kf=kf), bins
