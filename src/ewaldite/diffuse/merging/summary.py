"""What statistics need of a merged table that itself may not be in memory."""

from __future__ import annotations

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.diffuse.merging.merge_sums import Levels, Merger
from ewaldite.diffuse.merging.prepared import Estimator, Prepared, asu_keys, weights
from ewaldite.diffuse.merging.statistics import HalfSets
from ewaldite.diffuse.merging.survey import Survey, Voxels
from ewaldite.diffuse.observations import INTENSITY_UNIT, grid_coords
from ewaldite.kernels.voxel_table import unpack

FloatArray = NDArray[np.float64]
RowArray = NDArray[np.int32]

_CHUNK = 1 << 18


class Summary:
    """A merged table with the columns that statistics need, filled slab by slab.

    Parameters
    ----------
    survey:
        Of all observations; its grid, group and treatment of Friedel mates.
    voxels:
        All voxels, in the order of the rows.
    estimator:
        Weights of the merge.
    kind:
        Half sets that are kept.
    """

    def __init__(
        self, survey: Survey, voxels: Voxels, estimator: Estimator, kind: HalfSets
    ) -> None:
        self.grid, self.group, self.friedel = survey.grid, survey.group, survey.friedel
        self.voxels = voxels
        self.estimator = estimator
        n = len(voxels)
        units = {
            "s": "1/angstrom",
            "multiplicity": None,
            "chi2": "one",
            "chi2_expected": "one",
            f"{kind}_a": INTENSITY_UNIT,
            f"{kind}_b": INTENSITY_UNIT,
        }
        columns = {
            name: sc.zeros(dims=["voxel"], shape=[n], unit=unit) for name, unit in units.items()
        }
        data = sc.zeros(dims=["voxel"], shape=[n], unit=INTENSITY_UNIT, with_variances=True)
        self._columns = tuple(units)
        #: Rows of all slabs; dims (voxel).
        self.table = sc.DataArray(data, coords=columns, name="intensity")
        #: Sums of all slabs; dims (voxel).
        self.levels = Levels(np.zeros(n), self.table.coords["multiplicity"].values, np.zeros(n))

    def put(self, rows: slice, merged: sc.DataArray, merger: Merger) -> None:
        """Take up a slab.

        Parameters
        ----------
        rows:
            Its rows in the whole table.
        merged:
            What :func:`~ewaldite.diffuse.merging.merge.finish` made of it.
        merger:
            The sums that it was made of.
        """
        self.table.values[rows] = merged.values
        self.table.variances[rows] = merged.variances
        for name in self._columns:
            self.table.coords[name].values[rows] = merged.coords[name].values
        levels = merger.levels()
        self.levels.norm[rows] = levels.norm
        self.levels.variance[rows] = levels.variance

    def complete(self) -> None:
        """Say where the voxels lie, once all slabs are there."""
        n = len(self.voxels)
        for name in "hkl":
            self.table.coords[name] = sc.zeros(dims=["voxel"], shape=[n], unit="one")
        for start in range(0, n, _CHUNK):
            rows = slice(start, min(start + _CHUNK, n))
            centre = self.grid.centre(unpack(self.voxels.key[rows]))
            for i, name in enumerate("hkl"):
                self.table.coords[name].values[rows] = centre[:, i]
        scalars = grid_coords(self.grid, np.zeros((0, 3), dtype=np.int64))
        for name in ("n_h", "n_k", "n_l", "grid_mode"):
            self.table.coords[name] = scalars[name]

    def rows(self, prepared: Prepared) -> RowArray:
        """Row of each observation's voxel, -1 where it is not among these; dims (voxel)."""
        key, _ = asu_keys(prepared.observations, self.group, self.friedel)
        return self.voxels.rows(key)

    def weights(self, prepared: Prepared) -> FloatArray:
        """Weights of observations in the merge; dims (voxel), float64."""
        return weights(prepared, self.estimator)
