"""Merging of a table of any length, block by block, with its statistics."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.crystal.symmetry import SpaceGroup
from ewaldite.diffuse.merging.batches import Angle, BatchSums
from ewaldite.diffuse.merging.blocks import Blocks, Source
from ewaldite.diffuse.merging.error_model import SystematicError, find_error
from ewaldite.diffuse.merging.merge import Noise, finish
from ewaldite.diffuse.merging.merge_sums import Merger
from ewaldite.diffuse.merging.outliers import reject_outliers
from ewaldite.diffuse.merging.prepared import Estimator, Scaling
from ewaldite.diffuse.merging.quality import Resolution, statistics
from ewaldite.diffuse.merging.statistics import HalfSets
from ewaldite.diffuse.merging.summary import Summary
from ewaldite.errors import UserError
from ewaldite.run.memory import give_back

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

ErrorModel = Literal["none", "systematic"]


@dataclass(frozen=True)
class Merge:
    """A merged table and how it came about.

    Attributes
    ----------
    merged:
        See :func:`~ewaldite.diffuse.merging.merge.finish`; without rows where they were taken
        slab by slab.
    voxels:
        Number of merged voxels.
    statistics:
        See :func:`~ewaldite.diffuse.merging.quality.statistics`; None if not asked for.
    rejected:
        Rows that were rejected as outliers; dims (observation) of the whole table, bool.
    error:
        Systematic errors of the sweeps; None without an error model.
    """

    merged: sc.DataArray
    voxels: int
    statistics: sc.DataGroup[sc.DataGroup[sc.DataArray]] | None
    rejected: BoolArray
    error: SystematicError | None


def merge_blocks(
    source: Source,
    group: SpaceGroup,
    *,
    scaling: Scaling | None = None,
    estimator: Estimator = "ratio",
    noise: Noise = "poisson",
    friedel: bool = True,
    seed: int = 0,
    outlier_sigma: float | None = None,
    error_model: ErrorModel = "none",
    error_by_sweep: bool = True,
    resolution: Resolution | None = None,
    names: Sequence[str] = (),
    half_sets: HalfSets = "random",
    angle: Angle = lambda observations: observations.iz,
    rotation_width: float = 5.0,
    slabs: int = 1,
    take: Callable[[sc.DataArray], None] | None = None,
) -> Merge:
    """Merge a table that may be larger than memory.

    The table is passed once for rates and numbers, once for the sums of every slab of voxels;
    twice more for every round of outlier rejection and of the fit of an error model, and once
    more for statistics. :mod:`~ewaldite.diffuse.merging.need` says what memory that takes. The
    result does not depend on how the table is cut into blocks, and voxels into slabs.

    Parameters
    ----------
    source:
        Gives the blocks, the same at every call; masked rows are left out.
    group:
        Space group of the crystal.
    scaling:
        Gives scale a and offset c of the rows of a block; ones and zeros if None.
    estimator, noise, friedel:
        As in :func:`~ewaldite.diffuse.merging.merge.merge`.
    seed:
        Of the half sets, not negative.
    outlier_sigma:
        Reject beyond this multiple of the rms residual; None rejects nothing.
    error_model:
        ``"systematic"`` fits an error that is a part of the signal, and propagates it.
    error_by_sweep:
        Whether every sweep has its own.
    resolution:
        Shells for the statistics; None makes none.
    names:
        Of the sweeps, for the statistics; their numbers if there are none.
    half_sets:
        Which halves CC1/2 by shell compares.
    angle:
        Rotation of the rows of a block, degrees; the position in the scan by default.
    rotation_width:
        Width of a bin of rotation.
    slabs:
        Parts of the voxels that are summed one after the other. Errors from the scatter of
        equivalents (``noise="empirical"``) look at all voxels together: there it is 1.
    take:
        Is given the merged table slab by slab, in the order of the rows; None to return it.

    Returns
    -------
    :
        The merged table, statistics, rejected rows and systematic errors.

    Raises
    ------
    UserError
        The Laue group does not leave the grid invariant, no observation is usable, or
        more voxels lie within the resolution than can be counted.
    """
    blocks = Blocks(source, scaling)
    survey = blocks.survey(group, friedel=friedel)
    if outlier_sigma is not None:
        reject_outliers(blocks, survey, outlier_sigma)
    if len(survey) == 0:
        raise UserError(
            "merge the observations",
            "there is none",
            "Look at the masks in the report: the pixel mask or the filter left nothing.",
        )
    error = None
    if error_model == "systematic":
        error = find_error(blocks, survey, estimator, by_sweep=error_by_sweep)
    g = None if error is None else error.value
    sweeps = survey.rates.table.shape[1]
    named = list(names) or [str(i) for i in range(sweeps)]
    voxels = survey.last_voxels()
    summary = batches = None
    if resolution is not None:
        summary = Summary(survey, voxels, estimator, half_sets)
        batches = BatchSums(
            len(named),
            len(voxels),
            voxels.observations,
            angle=angle,
            width=rotation_width,
            seed=seed,
        )
    found: list[sc.DataArray] = []
    for rows in _slabs(len(voxels), 1 if noise == "empirical" else slabs):
        whole = rows == slice(0, len(voxels))
        merger = Merger(
            survey,
            estimator,
            seed,
            with_error=g is not None,
            voxels=voxels if whole else voxels.part(rows),
        )
        for block in blocks.predicted(survey.rates, g):
            own, row, w = merger.add_own(block)
            if batches is not None:
                batches.add(row + np.int32(rows.start), own, w)
        merged = finish(merger.sums, noise)
        if summary is not None:
            summary.put(rows, merged, merger)
        if take is not None:
            take(merged)
            merged = merged["voxel", :0].copy()
        found.append(merged)
        del merger, merged
        give_back()
    quality = None
    voxels.stop()
    if batches is not None and summary is not None and resolution is not None:
        summary.complete()
        quality = statistics(
            blocks, survey.rates, summary, batches, resolution, named, kind=half_sets, error=g
        )
    table = found[0] if len(found) == 1 else sc.concat(found, "voxel")
    return Merge(table, len(voxels), quality, blocks.rejected, error)


def _slabs(voxels: int, number: int) -> list[slice]:
    """Rows of slabs of about one size."""
    edges = np.linspace(0, voxels, min(number, voxels) + 1).astype(int).tolist()
    return [slice(a, b) for a, b in itertools.pairwise(edges)]
