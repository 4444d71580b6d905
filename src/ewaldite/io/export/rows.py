"""Blocks of a table as plain columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.errors import UserError
from ewaldite.io.nexus.layout import TABLE_DIM
from ewaldite.model.grid import Grid

Table = sc.DataArray | Iterable[sc.DataArray]


def blocks_of(table: Table, asked: str, *, real: bool = False) -> Iterator[sc.DataArray]:
    """Blocks of a table, checked.

    Parameters
    ----------
    table:
        A table, or its blocks in order, as :func:`~ewaldite.io.nexus.iterate` gives them.
    asked:
        What is to be done, for the message.
    real:
        Whether a table with u, v, w will do as well.

    Raises
    ------
    UserError
        If a block is no table with h, k, l.
    """
    for block in [table] if isinstance(table, sc.DataArray) else table:
        if block.dims != (TABLE_DIM,) or not (
            "h" in block.coords or (real and "u" in block.coords)
        ):
            raise UserError(
                asked,
                f"the data have the dims {block.dims}",
                "Give a table with the dim voxel and the coordinates h, k, l.",
            )
        yield block


def shown(block: sc.DataArray) -> NDArray[np.bool_]:
    """Rows with an intensity that no mask excludes; dims (voxel), bool."""
    use = np.isfinite(np.asarray(block.values, dtype=np.float64))
    for mask in block.masks.values():
        use &= ~mask.values
    return use


def grid_of_block(block: sc.DataArray) -> Grid:
    """Grid of a table, that of whole hkl if it names none."""
    if "n_h" not in block.coords:
        return Grid((1, 1, 1))
    nh, nk, nl = (int(block.coords[f"n_{x}"].value) for x in "hkl")
    return Grid((nh, nk, nl), block.coords["grid_mode"].value)
