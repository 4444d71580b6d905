"""Sum the segments of a wedge into a grid, what the filter masked apart from the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ewaldite.diffuse.dead_time import shortened
from ewaldite.diffuse.wedge_sums import WedgeSums, variance_column
from ewaldite.model.grid import Grid
from ewaldite.model.sums import Sums, packed


@dataclass(frozen=True)
class Collected:
    """A wedge on a grid.

    Attributes
    ----------
    included:
        Sums over what is no Bragg peak, with the columns of
        :class:`~ewaldite.diffuse.wedge_sums.WedgeSums`, ``background_variance`` on this grid,
        and ``volume``: the unmasked part of the voxel in reciprocal cells. Where the filter cut
        a voxel, the covariance of its two parts counts to one of them.
    excluded:
        The same over the masked filter voxels, with their volume.
    """

    included: Sums
    excluded: Sums


@dataclass(frozen=True)
class CollectedWedge:
    """A wedge on several grids.

    Attributes
    ----------
    grids:
        By the name of the grid.
    summary:
        Numbers for the report.
    """

    grids: dict[str, Collected]
    summary: dict[str, float]


def collect(sums: WedgeSums, grid: Grid, masked: NDArray[np.int64]) -> Collected:
    """Sum a wedge into a grid.

    Parameters
    ----------
    sums:
        The wedge.
    grid:
        One of the grids of its partition.
    masked:
        Filter voxels that are Bragg peaks, those of neighbouring wedges included;
        dims (voxel, 3), int64.

    Returns
    -------
    :
        What is included and what is excluded.
    """
    partition = sums.partition
    is_bragg = np.isin(
        packed(partition.voxel(sums.filter_grid, sums.segments.index)), packed(masked)
    )
    voxel = partition.voxel(grid, sums.segments.index)
    removed = _masked_volume(sums, grid, masked)
    variance = variance_column(partition.grids.index(grid))
    columns = {
        ("background_variance" if name == variance else name): column
        for name, column in sums.segments.columns.items()
        if name == variance or not name.startswith("background_variance")
    }
    segments = Sums(sums.segments.index, columns)
    included, excluded = (
        shortened(Sums.grouped(voxel[rows], segments.select(rows).columns))
        for rows in (~is_bragg, is_bragg)
    )
    whole = 1.0 / grid.voxels_per_cell
    gone_included, gone_excluded = (
        _looked_up(removed, table.index) for table in (included, excluded)
    )
    return Collected(
        Sums(included.index, {**included.columns, "volume": whole - gone_included}),
        Sums(excluded.index, {**excluded.columns, "volume": gone_excluded}),
    )


def masked_with_neighbours(
    sums: WedgeSums, neighbours: Sequence[NDArray[np.int64]]
) -> NDArray[np.int64]:
    """Join the mask of a wedge with those of neighbouring wedges on the cells that they share.

    A peak that the border of two wedges cuts is weak in one and strong in the other. Masks as
    the filter made them are joined, so that nothing travels farther than one wedge.

    Parameters
    ----------
    sums:
        The wedge.
    neighbours:
        Masked filter voxels of the wedges before and after it; dims (voxel, 3), int64.

    Returns
    -------
    :
        Masked filter voxels in the cells of the wedge; dims (voxel, 3), int64, sorted.
    """
    grid = sums.filter_grid
    cells = grid.cell(sums.partition.voxel(grid, sums.segments.index))
    own = np.unique(packed(cells))
    masked = np.concatenate([sums.masked, *neighbours])
    masked = masked[np.isin(packed(grid.cell(masked)), own)]
    _, first = np.unique(packed(masked), return_index=True)
    return masked[first]


def _masked_volume(sums: WedgeSums, grid: Grid, masked: NDArray[np.int64]) -> Sums:
    """Volume of the masked part of the voxels of a grid, in reciprocal cells."""
    segment, _ = sums.partition.of_voxels(sums.filter_grid, masked)
    volume = sums.partition.volume(segment)
    return Sums.grouped(sums.partition.voxel(grid, segment), {"volume": volume})


def _looked_up(table: Sums, index: NDArray[np.int64]) -> NDArray[np.float64]:
    """Volume of voxels, 0 where the table has none; dims (voxel, 3) to (voxel)."""
    if len(table) == 0:
        return np.zeros(index.shape[0])
    keys, wanted = packed(table.index), packed(index)
    at = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
    return np.asarray(np.where(keys[at] == wanted, table["volume"][at], 0.0))
