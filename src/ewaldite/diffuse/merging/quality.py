"""Statistics of a merge by shell, by batch and by rotation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.crystal.asu import AsuMap
from ewaldite.diffuse.merging.batch_tables import RotationSums, batch_table, rotation_table
from ewaldite.diffuse.merging.batches import BatchSums
from ewaldite.diffuse.merging.blocks import Blocks
from ewaldite.diffuse.merging.entries import Entries, between_batches
from ewaldite.diffuse.merging.merge_sums import Levels, Merger
from ewaldite.diffuse.merging.rates import ShellSums
from ewaldite.diffuse.merging.shells import Shells, isotropic_part
from ewaldite.diffuse.merging.statistics import HalfSets, length_at_centre, shell_table
from ewaldite.kernels import quality as column
from ewaldite.model.sums import packed

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Resolution:
    """Shells for statistics.

    Attributes
    ----------
    metric:
        Reciprocal metric tensor; dims (3, 3), 1/Å².
    d_min:
        Resolution, Å.
    shells:
        Number of shells of equal width in |s|.
    """

    metric: FloatArray
    d_min: float
    shells: int = 20

    @property
    def width(self) -> float:
        """Width of a shell, 1/Å."""
        return 1.0 / self.d_min / self.shells


def statistics(
    blocks: Blocks,
    rates: ShellSums,
    merger: Merger,
    batches: BatchSums,
    merged: sc.DataArray,
    resolution: Resolution,
    names: Sequence[str],
    *,
    kind: HalfSets = "random",
    error: FloatArray | None = None,
) -> sc.DataGroup[sc.DataGroup[sc.DataArray]]:
    """Make a further pass over the observations and tell how well they agree.

    Parameters
    ----------
    blocks:
        The table that was merged.
    rates:
        That predicted it.
    merger, batches:
        Sums over all its observations, which are given up.
    merged:
        The merged table that they gave.
    resolution:
        Shells.
    names:
        Of the batches.
    kind:
        Half sets for CC1/2 by shell.
    error:
        Systematic error of each sweep; dims (sweep), float64.

    Returns
    -------
    :
        ``shells``, see :func:`~ewaldite.diffuse.merging.statistics.shell_table`; ``batches``
        and ``rotation``, see :mod:`~ewaldite.diffuse.merging.batch_tables`; ``between``, see
        :func:`~ewaldite.diffuse.merging.entries.between_batches`.

    Raises
    ------
    UserError
        If more voxels lie within the resolution than can be counted.
    """
    shells = Shells.equal(resolution.shells, resolution.width)
    j = isotropic_part(merged)
    rotation = RotationSums.empty(names, batches.range, batches.width)
    levels = merger.release()
    by_shell = _pass(blocks, rates, merger, levels, batches, merged, shells, j, rotation, error)
    table = shell_table(
        merged,
        merger.sums.group,
        resolution.metric,
        resolution.d_min,
        resolution.width,
        kind,
        by_shell,
        j,
    )
    possible = int(table["possible"].values.sum())
    entries = batches.entries()
    seen, first = _seen(merger, entries, resolution)
    tables = {
        "shells": table,
        "batches": batch_table(
            rotation, entries, seen, possible, merged, levels.norm, j, shells
        ),
        "rotation": rotation_table(rotation, seen, first, possible),
    }
    groups = {name: sc.DataGroup(dict(found.items())) for name, found in tables.items()}
    groups["between"] = between_batches(entries, names, shells, merged.coords["s"].values, j)
    return sc.DataGroup(groups)


def _pass(
    blocks: Blocks,
    rates: ShellSums,
    merger: Merger,
    levels: Levels,
    batches: BatchSums,
    merged: sc.DataArray,
    shells: Shells,
    isotropic: FloatArray,
    rotation: RotationSums,
    error: FloatArray | None,
) -> FloatArray:
    """Fill the sums by rotation, deal the halves of batches; sums by shell."""
    by_shell = np.zeros((len(shells), column.COLUMNS))
    shell = shells.shell(merged.coords["s"].values)
    for block in blocks.predicted(rates, error):
        o, row, w = block.observations, merger.rows(block), merger.weights(block)
        batches.deal(row, block, w)
        column.add_observations(
            row,
            rotation.row(o.sweep, batches.bins(block)),
            shell,
            o.counts,
            block.scaled_exposure,
            o.background,
            o.background_variance,
            block.offset,
            w,
            block.error,
            merged.values,
            levels.variance,
            levels.norm,
            levels.multiplicity,
            isotropic,
            rotation.table,
            by_shell,
        )
    return by_shell


def _seen(
    merger: Merger, entries: Entries, resolution: Resolution
) -> tuple[IntArray, IntArray]:
    """Batch and first bin of every voxel of the asymmetric unit in every batch.

    Friedel mates that were kept apart count once; voxels beyond the resolution do not.
    """
    sums = merger.sums
    asu = AsuMap(sums.grid, sums.group)
    index, _ = asu(sums.index)
    inside = length_at_centre(index, asu, resolution.metric) <= 1 / resolution.d_min
    keep = inside[entries.row]
    voxel = packed(index)[entries.row[keep]]
    batch, first = entries.batch[keep], entries.first_bin[keep]
    if sums.friedel or sums.group.is_centrosymmetric:
        return batch.astype(np.int64), first.astype(np.int64)
    order = np.lexsort((first, voxel, batch))
    voxel, batch, first = voxel[order], batch[order], first[order]
    new = np.ones(len(voxel), np.bool_)
    new[1:] = (voxel[1:] != voxel[:-1]) | (batch[1:] != batch[:-1])
    return batch[new].astype(np.int64), first[new].astype(np.int64)
