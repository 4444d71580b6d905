"""The filter that needs no counts: spots where the geometry puts them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.filter_options import FilterOptions
from ewaldite.errors import UserError
from ewaldite.model.grid import Grid

# Boxes that only touch do not overlap, whatever the last bit says.
_TOUCH = 1e-9


def half_widths_rlu(
    options: FilterOptions, reciprocal_lengths: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Half widths of a spot along a*, b*, c*.

    Parameters
    ----------
    options:
        ``half_widths`` and ``half_width_unit`` are used.
    reciprocal_lengths:
        |a*|, |b*|, |c*|; dims (3,), 1/Å, float64; needed for half widths in 1/Å.

    Returns
    -------
    :
        dims (3,), reciprocal-lattice units, float64.

    Raises
    ------
    UserError
        Where the half widths are in 1/Å and no lengths are given.
    """
    widths = np.asarray(options.half_widths, dtype=np.float64)
    if options.half_width_unit == "rlu":
        return widths
    if reciprocal_lengths is None:
        raise UserError(
            "mask the predicted spots",
            f"half_widths = {list(options.half_widths)} in 1/Å without a cell",
            'Give the cell, or the half widths with half_width_unit = "rlu".',
        )
    return np.asarray(widths / np.asarray(reciprocal_lengths, dtype=np.float64))


def predicted_filter(
    grid: Grid,
    index: NDArray[np.int64],
    options: FilterOptions,
    reciprocal_lengths: NDArray[np.float64] | None = None,
) -> NDArray[np.bool_]:
    """Mask every voxel that overlaps a spot around a whole hkl.

    The point of the voxel ``|x_i - c_i| <= 1/(2 n_i)`` nearest to H is at
    ``d_i = max(0, |c_i - H_i| - 1/(2 n_i))``; it overlaps the ellipsoid with half widths w
    where ``Σ (d_i/w_i)² < 1`` and the box where every ``d_i < w_i``. H is the nearest whole
    hkl, for no other is nearer along any axis.

    Parameters
    ----------
    grid:
        The grid.
    index:
        Voxel indices; dims (voxel, 3), int64.
    options:
        ``half_widths``, ``half_width_unit`` and ``spot_shape`` are used.
    reciprocal_lengths:
        |a*|, |b*|, |c*|; dims (3,), 1/Å, float64; needed for half widths in 1/Å.

    Returns
    -------
    :
        dims (voxel,), bool.

    Raises
    ------
    UserError
        Where the half widths are in 1/Å and no lengths are given.
    """
    widths = half_widths_rlu(options, reciprocal_lengths)
    centre = grid.centre(index)
    away = np.abs(centre - np.rint(centre)) - 0.5 / np.asarray(grid.n)
    relative = np.maximum(away, 0.0) / widths
    if options.spot_shape == "box":
        return np.asarray((relative < 1.0 - _TOUCH).all(axis=-1))
    return np.asarray((relative**2).sum(axis=-1) < 1.0 - _TOUCH)
