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
from ewaldite.diffuse.merging.rates import ShellSums
from ewaldite.diffuse.merging.shells import Shells, isotropic_part
from ewaldite.diffuse.merging.statistics import HalfSets, length_at_centre, shell_table
from ewaldite.diffuse.merging.summary import Summary
from ewaldite.kernels import quality as column
from ewaldite.kernels.voxel_table import unpack
from ewaldite.model.sums import packed
from ewaldite.run.memory import give_back

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Rows that are worked on at a time
_CHUNK = 1 << 18


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
    summary: Summary,
    batches: BatchSums,
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
    summary:
        The merged table.
    batches:
        Sums over all its observations, which are given up.
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
    merged, group, levels = summary.table, summary.group, summary.levels
    j = isotropic_part(merged)
    rotation = RotationSums.empty(names, batches.range, batches.width)
    by_shell = _pass(blocks, rates, summary, batches, shells, j, rotation, error)
    give_back()
    table = shell_table(
        merged,
        group,
        resolution.metric,
        resolution.d_min,
        resolution.width,
        kind,
        by_shell,
        j,
    )
    possible = int(table["possible"].values.sum())
    entries = batches.entries()
    seen, first = _seen(summary, entries, resolution)
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
    summary: Summary,
    batches: BatchSums,
    shells: Shells,
    isotropic: FloatArray,
    rotation: RotationSums,
    error: FloatArray | None,
) -> FloatArray:
    """Fill the sums by rotation, deal the halves of batches; sums by shell."""
    merged, levels = summary.table, summary.levels
    by_shell = np.zeros((len(shells), column.COLUMNS))
    shell = shells.shell(merged.coords["s"].values)
    for block in blocks.predicted(rates, error):
        o, row, w = block.observations, summary.rows(block), summary.weights(block)
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
    summary: Summary, entries: Entries, resolution: Resolution
) -> tuple[IntArray, IntArray]:
    """Batch and first bin of every voxel of the asymmetric unit in every batch.

    Friedel mates that were kept apart count once; voxels beyond the resolution do not.
    """
    voxel, inside = _places(summary, resolution)
    keep = inside[entries.row]
    voxel = voxel[entries.row[keep]]
    batch, first = entries.batch[keep], entries.first_bin[keep]
    if summary.friedel or summary.group.is_centrosymmetric:
        return batch.astype(np.int64), first.astype(np.int64)
    order = np.lexsort((first, voxel, batch))
    voxel, batch, first = voxel[order], batch[order], first[order]
    new = np.ones(len(voxel), np.bool_)
    new[1:] = (voxel[1:] != voxel[:-1]) | (batch[1:] != batch[:-1])
    return batch[new].astype(np.int64), first[new].astype(np.int64)


def _places(summary: Summary, resolution: Resolution) -> tuple[IntArray, NDArray[np.bool_]]:
    """Packed voxel of the asymmetric unit of every row, and whether it is within reach."""
    asu, key = AsuMap(summary.grid, summary.group), summary.voxels.key
    voxel, inside = np.empty_like(key), np.empty(len(key), np.bool_)
    for start in range(0, len(key), _CHUNK):
        rows = slice(start, start + _CHUNK)
        index, _ = asu(unpack(key[rows]))
        voxel[rows] = packed(index)
        inside[rows] = length_at_centre(index, asu, resolution.metric) <= 1 / resolution.d_min
    return voxel, inside
