"""What merging remembers of observations: sums that add up over wedges."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from ewaldite.crystal.symmetry import SpaceGroup
from ewaldite.diffuse.merging.prepared import Estimator, Prepared, asu_keys, weights
from ewaldite.diffuse.merging.survey import Survey, Voxels
from ewaldite.errors import UserError
from ewaldite.kernels import merge as kernel
from ewaldite.kernels.voxel_table import unpack
from ewaldite.model.grid import Grid

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
RowArray = NDArray[np.int32]

#: Kinds of half sets, in the order of the columns.
HALVES = ("random", "weighted", "friedel")


@dataclass(frozen=True)
class MergeSums:
    """Sums over the observations of every voxel of the asymmetric unit.

    Attributes
    ----------
    grid, group, friedel, estimator:
        What they were made with.
    key:
        Packed voxels, ascending; dims (voxel), int64.
    sums:
        Columns as ``kernels.merge`` names them; dims (voxel, column), float64.
    """

    grid: Grid
    group: SpaceGroup
    friedel: bool
    estimator: Estimator
    key: IntArray
    sums: FloatArray

    @staticmethod
    def of(
        prepared: Prepared,
        group: SpaceGroup,
        *,
        estimator: Estimator,
        friedel: bool,
        rng: np.random.Generator,
    ) -> MergeSums:
        """Sum observations.

        Parameters
        ----------
        prepared:
            Observations and their predictions.
        group:
            Space group of the crystal.
        estimator, friedel:
            Weights, and whether Friedel mates are merged or kept apart.
        rng:
            Deals the observations into random half sets, equal in number or in exposure within
            this table; for halves of a table that is merged in parts see :class:`Merger`.

        Returns
        -------
        :
            The sums.

        Raises
        ------
        UserError
            The Laue group does not leave the grid invariant.
        """
        survey = Survey(group, friedel=friedel)
        survey.add(prepared)
        seed = int(rng.integers(2**63))
        merger = Merger(survey, estimator, seed, with_error=prepared.error.size > 0)
        merger.add(prepared)
        return merger.sums

    def __add__(self, other: MergeSums) -> MergeSums:
        """Add the sums of other observations.

        Raises
        ------
        UserError
            They were made with another grid, group or option.
        """
        mine, theirs = self._made_with(), other._made_with()
        for name, value in mine.items():
            if value != theirs[name]:
                raise UserError(
                    "merge tables with one another",
                    f"their {name} differs: {value} and {theirs[name]}",
                    "Merge them with the same options.",
                )
        key, sums = kernel.union(self.key, self.sums, other.key, other.sums)
        return MergeSums(self.grid, self.group, self.friedel, self.estimator, key, sums)

    def _made_with(self) -> dict[str, object]:
        made = {f.name: getattr(self, f.name) for f in fields(self)}
        made |= {"error model": self.has_error}
        return {name: value for name, value in made.items() if name not in ("key", "sums")}

    @property
    def has_error(self) -> bool:
        """Whether the columns of a systematic error are there."""
        return bool(self.sums.shape[1] == kernel.COLUMNS_WITH_ERROR)

    @property
    def index(self) -> IntArray:
        """Voxel indices; dims (voxel, 3), int64."""
        return unpack(self.key)

    @property
    def intensity(self) -> FloatArray:
        """``Σ w (N - B - e a c) / Σ w e a``; dims (voxel), counts/mrad²/s."""
        t = self.sums.T
        signal = t[kernel.W_COUNTS] - t[kernel.W_BACKGROUND] - t[kernel.W_OFFSET]
        return np.asarray(signal / t[kernel.W_EXPOSURE])

    @property
    def systematic_variance(self) -> FloatArray:
        """``Σ q² g² (I + c)² / (Σ q)²`` with ``q = w e a``; dims (voxel), 0 without a model."""
        t = self.sums.T
        if not self.has_error:
            return np.zeros(len(self.key))
        i = self.intensity
        square = t[kernel.W2_ERROR] * i**2 + 2 * t[kernel.W2_ERROR_C] * i
        square = square + t[kernel.W2_ERROR_CC]
        return np.asarray(np.maximum(square, 0.0) / t[kernel.W_EXPOSURE] ** 2)

    @property
    def variance_of_mean(self) -> FloatArray:
        """Variance of the intensity by what was counted, which may be 0; dims (voxel)."""
        t = self.sums.T
        counted = (t[kernel.W2_COUNTS] + t[kernel.W2_BACKGROUND]) / t[kernel.W_EXPOSURE] ** 2
        return np.asarray(counted + self.systematic_variance)


@dataclass(frozen=True)
class Levels:
    """What statistics need of the sums of a voxel.

    Attributes
    ----------
    norm:
        Σ w e a; dims (voxel), float64.
    multiplicity:
        Observations; dims (voxel), float64.
    variance:
        Variance of the intensity by what was counted; dims (voxel), float64.
    """

    norm: FloatArray
    multiplicity: FloatArray
    variance: FloatArray


class Merger:
    """The second pass over observations: sum them, block by block, in memory that is bounded.

    The sums, half sets included, are the same bits however the table is cut into blocks.

    Parameters
    ----------
    survey:
        Of all observations that will be added, in the same order.
    estimator:
        Weights.
    seed:
        Of the half sets, not negative.
    with_error:
        Whether a systematic error is propagated.
    voxels:
        Those whose observations will be added, where they are not all of the survey's.
    """

    def __init__(
        self,
        survey: Survey,
        estimator: Estimator,
        seed: int,
        *,
        with_error: bool = False,
        voxels: Voxels | None = None,
    ) -> None:
        self.voxels: Voxels = survey.voxels() if voxels is None else voxels
        self._seed = seed
        columns = kernel.COLUMNS_WITH_ERROR if with_error else kernel.COLUMNS
        #: Sums over what was added.
        self.sums = MergeSums(
            survey.grid,
            survey.group,
            survey.friedel,
            estimator,
            self.voxels.key,
            np.zeros((len(self.voxels), columns)),
        )

    def add(
        self, prepared: Prepared, row: RowArray | None = None
    ) -> tuple[RowArray, FloatArray]:
        """Add the next observations.

        Parameters
        ----------
        prepared:
            Predicted with the rates of the survey.
        row:
            Row of each observation's voxel, where it is known; dims (voxel), int32.

        Returns
        -------
        :
            Row of each observation's voxel, int32, and its weight, float64; dims (voxel) both.
        """
        o, sums = prepared.observations, self.sums
        key, minus = asu_keys(o, sums.group, sums.friedel)
        if row is None:
            row = self.voxels.rows(key)
        w = weights(prepared, sums.estimator)
        halves = self.voxels.deal(row, prepared.scaled_exposure, self._seed)
        kernel.accumulate(
            row,
            o.counts,
            o.exposure,
            o.background,
            o.background_variance,
            prepared.scale,
            prepared.offset,
            w,
            prepared.predicted,
            o.length_of_s,
            o.fraction,
            np.concatenate([halves, ~minus[None]]),
            prepared.error,
            sums.sums,
        )
        return row, w

    def add_own(self, prepared: Prepared) -> tuple[Prepared, RowArray, FloatArray]:
        """Add those of the next observations whose voxels are among these.

        Parameters
        ----------
        prepared:
            As in :meth:`add`.

        Returns
        -------
        :
            The observations that were added; their rows and weights as :meth:`add` gives them.
        """
        row = self.rows(prepared)
        own = row >= 0
        if not np.all(own):
            prepared, row = prepared.select(own), row[own]
        return prepared, *self.add(prepared, row)

    def levels(self) -> Levels:
        """The few columns that statistics need of the sums."""
        t = self.sums.sums
        return Levels(
            norm=t[:, kernel.W_EXPOSURE].copy(),
            multiplicity=t[:, kernel.MULTIPLICITY].copy(),
            variance=self.sums.variance_of_mean,
        )

    def rows(self, prepared: Prepared) -> RowArray:
        """Row of each observation's voxel, -1 where it is not among these; dims (voxel)."""
        key, _ = asu_keys(prepared.observations, self.sums.group, self.sums.friedel)
        return self.voxels.rows(key)

    def weights(self, prepared: Prepared) -> FloatArray:
        """Weights of observations in the sums; dims (voxel), float64."""
        return weights(prepared, self.sums.estimator)
