"""Step 4b: observations of many wedges and sweeps become one table."""

from __future__ import annotations

import numpy as np

from ewaldite.diffuse.observations import Observations
from ewaldite.kernels.clusters import clusters
from ewaldite.model.experiment import FloatArray
from ewaldite.model.sums import packed

_WEIGHTED = ("ix", "iy", "iz")


def join_neighbours(table: Observations, phi: FloatArray, span: float) -> Observations:
    """Join observations of one voxel that lie close to each other in rotation.

    A voxel that the border of two wedges cuts is seen twice. Observations of one voxel and
    sweep are ordered by rotation and cut into clusters wherever the next one would stretch the
    cluster beyond the span. Counts, exposures and backgrounds of a cluster are summed, so that
    its intensity is the ratio of sums; positions are means over the (pixel, frame) pairs.

    Parameters
    ----------
    table:
        Observations of any number of sweeps.
    phi:
        Spindle angle of each observation; dims (voxel), degrees.
    span:
        Largest rotation within a cluster, degrees.

    Returns
    -------
    :
        The table, in the order of sweep, voxel, rotation.
    """
    if len(table) == 0 or span <= 0:
        return table
    order = np.lexsort((phi, packed(table.index), table.sweep))
    sweep, key = table.sweep[order].astype(np.int64), packed(table.index)[order]
    cluster = clusters(sweep, key, phi[order], span)
    table = table.select(order)
    first = np.flatnonzero(np.r_[True, cluster[1:] != cluster[:-1]])
    if first.size == len(table):
        return table

    def total(values: FloatArray) -> FloatArray:
        return np.asarray(np.add.reduceat(values, first, axis=0))

    pixels = total(table.pixels)
    means = {name: total(getattr(table, name) * table.pixels) / pixels for name in _WEIGHTED}
    return Observations(
        grid=table.grid,
        index=table.index[first],
        counts=total(table.counts),
        pixels=pixels,
        exposure=total(table.exposure),
        background=total(table.background),
        background_variance=total(table.background_variance),
        fraction=total(table.fraction),
        s=total(table.s * table.pixels[:, None]) / pixels[:, None],
        panel=table.panel[first],
        wedge=table.wedge[first],
        sweep=table.sweep[first],
        masks={name: np.maximum.reduceat(m, first) for name, m in table.masks.items()},
        **means,
    )
