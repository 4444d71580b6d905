"""Statistics by batch and by rotation, from sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.diffuse.merging.columns import (
    PARTS,
    add_cc_half,
    add_correlation,
    add_r_meas,
    ratio,
)
from ewaldite.diffuse.merging.correlation import pooled
from ewaldite.diffuse.merging.entries import Entries
from ewaldite.diffuse.merging.shells import Shells
from ewaldite.diffuse.observations import INTENSITY_UNIT
from ewaldite.kernels import quality as column

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class RotationSums:
    """Sums over the observations in bins of rotation, batch after batch.

    Attributes
    ----------
    names:
        Of the batches.
    range:
        First and last bin of each batch, counted from 0 degrees; dims (batch, 2), int64.
    width:
        Of a bin, degrees.
    table:
        Columns as ``kernels.quality`` names them; dims (bin, column), float64.
    """

    names: Sequence[str]
    range: IntArray
    width: float
    table: FloatArray

    @staticmethod
    def empty(names: Sequence[str], range_: IntArray, width: float) -> RotationSums:
        """Sums of no observation."""
        size = int(_sizes(range_).sum())
        return RotationSums(names, range_, width, np.zeros((size, column.COLUMNS)))

    @property
    def offset(self) -> IntArray:
        """Row of the first bin of each batch, and their number; dims (batch + 1), int64."""
        return np.concatenate([[0], np.cumsum(_sizes(self.range))])

    def row(self, batch: NDArray[np.integer], bins: NDArray[np.integer]) -> IntArray:
        """Row of bins counted from 0 degrees; dims as given, int64."""
        return np.asarray(self.offset[batch] + bins - self.range[batch, 0])

    @property
    def batch(self) -> IntArray:
        """Batch of each bin; dims (bin), int64."""
        return np.repeat(np.arange(len(self.names)), _sizes(self.range))

    @property
    def start(self) -> FloatArray:
        """Where each bin begins; dims (bin), degrees."""
        number = np.arange(len(self.table)) - self.offset[self.batch]
        return np.asarray((number + self.range[self.batch, 0]) * self.width)

    @property
    def by_batch(self) -> FloatArray:
        """Sums over the bins of each batch; dims (batch, column)."""
        sums: FloatArray = np.zeros((len(self.names), column.COLUMNS))
        np.add.at(sums, self.batch, self.table)
        return sums


def _sizes(range_: IntArray) -> IntArray:
    return np.asarray(np.maximum(range_[:, 1] - range_[:, 0] + 1, 0))


def batch_table(
    rotation: RotationSums,
    entries: Entries,
    seen: IntArray,
    possible: int,
    merged: sc.DataArray,
    norm: FloatArray,
    isotropic: FloatArray,
    shells: Shells,
) -> sc.Dataset:
    """Statistics of the batches.

    Parameters
    ----------
    rotation:
        Sums over the observations.
    entries:
        Voxels of the batches.
    seen:
        Batch of every voxel of the asymmetric unit within the resolution that it saw; dims
        (entry), int64.
    possible:
        Voxels of the asymmetric unit within the resolution.
    merged:
        Merged table of all batches; dims (voxel).
    norm, isotropic:
        Σ w e a and isotropic part of its rows; dims (voxel), float64.
    shells:
        Voxels beyond them take no part in correlations.

    Returns
    -------
    :
        dims (batch), the names as coordinate: ``observations``, ``voxels``, ``completeness``,
        ``multiplicity`` (observations of a voxel in the batch), ``intensity`` (ratio of sums,
        counts/mrad²/s), ``chi2`` (against the merged intensity), and of the total and the
        anisotropic part ``r_meas``, ``cc_half`` (halves of the batch), ``cc_star``, and
        ``cc_others``, the correlation with the mean of the other batches.
    """
    dim, count = "batch", len(rotation.names)
    sums = rotation.by_batch
    table = _counted(sums, dim)
    table.coords[dim] = sc.array(dims=[dim], values=list(rotation.names))
    voxels = np.bincount(seen, minlength=count)
    table["voxels"] = sc.array(dims=[dim], values=voxels, unit=None)
    number = np.bincount(entries.batch, minlength=count)
    multiplicity = ratio(sums[:, column.OBSERVATIONS], number)
    table["completeness"] = _column(voxels / max(possible, 1), dim)
    table["multiplicity"] = _column(multiplicity, dim)
    add_r_meas(table, sums, dim)
    s = merged.coords["s"].values
    half = entries.cc_half(count, shells, s, isotropic)
    others = entries.cc_others(count, shells, s, isotropic, merged.values, norm)
    for ending, cc, other in zip(PARTS.values(), half, others, strict=True):
        add_cc_half(table, ending, cc, dim)
        add_correlation(table, "cc_others", ending, other, dim)
    return table


def rotation_table(
    rotation: RotationSums, seen: IntArray, first: IntArray, possible: int
) -> sc.Dataset:
    """Statistics in bins of rotation of every batch.

    Parameters
    ----------
    rotation:
        Sums over the observations.
    seen, first:
        Batch of every voxel of the asymmetric unit that it saw, and the bin in which it did
        first; dims (entry), int64.
    possible:
        Voxels of the asymmetric unit within the resolution.

    Returns
    -------
    :
        dims (bin), coordinates ``batch``, ``start`` and ``stop`` (degrees): ``observations``,
        ``completeness`` (of all voxels that the batch saw up to here), ``multiplicity`` (mean
        number of observations, of all batches, of the voxels seen here), ``intensity``,
        ``chi2``, and of the total and the anisotropic part ``r_meas`` and ``cc_others``, the
        correlation of single observations, weighted with exposure, with the mean of
        all others of their voxels.
    """
    dim, batch, start = "bin", rotation.batch, rotation.start
    table = _counted(rotation.table, dim)
    names = [rotation.names[int(i)] for i in batch]
    table.coords["batch"] = sc.array(dims=[dim], values=names)
    for name, values in (("start", start), ("stop", start + rotation.width)):
        table.coords[name] = sc.array(dims=[dim], values=values, unit="deg")
    new = np.bincount(rotation.row(seen, first), minlength=len(batch))
    total = np.concatenate([[0], np.cumsum(new)])
    cumulative = total[1:] - total[rotation.offset[batch]]
    sums = rotation.table
    multiplicity = ratio(sums[:, column.MULTIPLICITY], sums[:, column.OBSERVATIONS])
    table["completeness"] = _column(cumulative / max(possible, 1), dim)
    table["multiplicity"] = _column(multiplicity, dim)
    add_r_meas(table, sums, dim)
    for ending, at in zip(PARTS.values(), (column.TOTAL, column.ANISOTROPIC), strict=True):
        cc = pooled(sums[:, None, at : at + column.PAIRS])
        add_correlation(table, "cc_others", ending, cc, dim)
    return table


def _counted(sums: FloatArray, dim: str) -> sc.Dataset:
    observations = sums[:, column.OBSERVATIONS].astype(np.int64)
    intensity = ratio(sums[:, column.SIGNAL], sums[:, column.EXPOSURE])
    chi2 = ratio(sums[:, column.CHI2], sums[:, column.CHI2_EXPECTED])
    return sc.Dataset(
        {
            "observations": sc.array(dims=[dim], values=observations, unit=None),
            "intensity": sc.array(dims=[dim], values=intensity, unit=INTENSITY_UNIT),
            "chi2": _column(chi2, dim),
        }
    )


def _column(values: FloatArray, dim: str) -> sc.Variable:
    return sc.array(dims=[dim], values=values, unit="one")
